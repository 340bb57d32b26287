"""Figures that say how good a field is."""
