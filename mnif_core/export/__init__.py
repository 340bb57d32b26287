"""What a trained field gives to other tools: meshes, clouds, films, latents, networks, a folder to share."""
