"""Meshes as they come, and pictures of them."""
