"""Modulations and the instance networks that they give."""
