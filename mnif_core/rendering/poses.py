"""Cameras that look at the origin and may be turned: rotations by axis and angle, and how far two are apart.

Axes of cameras are OpenGL's (x right, y up, looking along -z). Pictures have x to the right and y downwards.
"""

import torch
from torch import Tensor


def turn_about(vectors: Tensor) -> Tensor:
    """Rotations `[..., 3, 3]` about `vectors` `[..., 3]` by their lengths in radians: the exponential map of so(3)."""
    x, y, z = vectors.unbind(-1)
    zero = torch.zeros_like(x)
    rows = [torch.stack(row, -1) for row in ((zero, -z, y), (z, zero, -x), (-y, x, zero))]
    return torch.linalg.matrix_exp(torch.stack(rows, -2))


def rolled(rotations: Tensor, angles: Tensor) -> Tensor:
    """Cameras `[..., 3, 3]` turned about their optical axes, so that pictures turn clockwise by `angles` `[...]`."""
    zero = torch.zeros_like(angles)
    return rotations @ turn_about(torch.stack([zero, zero, angles], -1))


def rotation_distance(one: Tensor, other: Tensor) -> Tensor:
    """Angle `[...]` in radians of the rotation between two, `[..., 3, 3]` each."""
    chord = (one - other).square().sum((-2, -1)).sqrt()
    return 2.0 * torch.asin((chord / 8.0**0.5).clamp(max=1.0))


def facing_origin(rotations: Tensor, distances: Tensor) -> Tensor:
    """Camera-to-world `[..., 3, 4]` for `rotations` `[..., 3, 3]` and `distances` `[...]` to the origin."""
    return torch.cat([rotations, rotations[..., 2:] * distances[..., None, None]], -1)
