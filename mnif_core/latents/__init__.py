"""Latents: how they are found, how they lie to one another."""
