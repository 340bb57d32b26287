"""The fixed cameras of SRN's test splits (Sitzmann et al. 2019): on a spiral from the equator to the pole.

Read off the data: distance 1.3, elevation rises evenly from 0 to 90 degrees, azimuth falls evenly from 20 rad to 0.
"""

import math

import torch
from torch import Tensor

VIEWS = 251
TURN = 20.0  # radians


def spiral(views: int = VIEWS, distance: float = 1.3) -> Tensor:
    """Camera-to-world `[views, 3, 4]`, OpenGL axes, z up; 251 are the data's own, fewer are evenly spread.

    The last looks straight down, where the direction of up is a matter of taste: the data turn it a quarter further.
    """
    way = torch.linspace(0.0, 1.0, views, dtype=torch.float64)
    azimuth, elevation = TURN * (1.0 - way), math.pi / 2 * way
    flat = elevation.cos()
    backward = torch.stack([flat * azimuth.cos(), flat * azimuth.sin(), elevation.sin()], dim=-1)
    right = torch.stack([-azimuth.sin(), azimuth.cos(), torch.zeros_like(azimuth)], dim=-1)
    poses = torch.stack([right, torch.linalg.cross(backward, right), backward, distance * backward], dim=-1)
    return poses.float()
