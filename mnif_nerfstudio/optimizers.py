"""Optimisers that nerfstudio does not configure."""

from dataclasses import dataclass

from nerfstudio.engine.optimizers import AdamOptimizerConfig


@dataclass
class FusedAdamConfig(AdamOptimizerConfig):
    """Adam in one pass over every parameter: with millions of weights and few rays, passes are what it costs."""

    fused: bool = True
    """One kernel for a whole step."""
