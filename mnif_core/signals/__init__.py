"""The two ends that differ between modalities: where coordinates come from and what values become."""
