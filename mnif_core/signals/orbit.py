"""Cameras on a circle around the scene. Shape letters: v views."""

import math

import torch
from torch import Tensor


def look_at_origin(azimuths: Tensor, elevation: float, distance: float) -> Tensor:
    """Cameras that look at the origin, z up.

    Args:
        azimuths: `[v]` in radians, from the x axis.
        elevation: radians above the horizon, below pi/2.
        distance: from the origin.

    Returns:
        Camera-to-world `[v, 3, 4]`, OpenGL axes (x right, y up, looking along -z).
    """
    flat = math.cos(elevation)
    backward = torch.stack(
        [flat * azimuths.cos(), flat * azimuths.sin(), torch.full_like(azimuths, math.sin(elevation))], dim=-1
    )
    right = torch.stack([-azimuths.sin(), azimuths.cos(), torch.zeros_like(azimuths)], dim=-1)
    up = torch.linalg.cross(backward, right)
    return torch.stack([right, up, backward, distance * backward], dim=-1)
