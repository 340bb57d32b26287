"""Volume rendering: cameras, rays, what is empty, losses."""

from mnif_core.rendering.cameras import pixel_directions
from mnif_core.rendering.volume import (
    RenderedRays,
    Visibility,
    composite,
    elu_density,
    elu_slope,
    sample_depths,
    sample_distances,
    softplus_density,
    softplus_slope,
)

__all__ = [
    "RenderedRays",
    "Visibility",
    "composite",
    "elu_density",
    "elu_slope",
    "pixel_directions",
    "sample_depths",
    "sample_distances",
    "softplus_density",
    "softplus_slope",
]
