"""What a field was not trained on: its latents, and where asked for weights of its own."""
