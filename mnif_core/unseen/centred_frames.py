"""Pictures of one object brought to one place and size by their silhouettes, so that any two can be compared.

A frame is centred on the silhouette's centre of mass, and its half side is `REACH` times the root mean square distance
of the silhouette from there. Shape letters: s pictures, r rolls.
"""

from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional

SIDE = 20  # pixels of a frame
REACH = 2.2  # half the side of a frame, in radii


class Placing(NamedTuple):
    """Where the silhouettes of pictures are, in pixels.

    Attributes:
        centres: `[s, 2]`, x to the right, y downwards, from the upper left corner.
        radii: `[s]`, root mean square distance from the centre.
    """

    centres: Tensor
    radii: Tensor

    @classmethod
    def of(cls, shares: Tensor) -> "Placing":
        """Of pictures of which `shares` `[s, height, width]` in [0, 1] is object; nan where nothing is."""
        height, width = shares.shape[1:]
        y, x = torch.meshgrid(*(torch.arange(n, device=shares.device) + 0.5 for n in (height, width)), indexing="ij")
        places = torch.stack([x, y], -1)
        weights = (shares / shares.sum((1, 2), keepdim=True)).unsqueeze(-1)
        centres = (weights * places).sum((1, 2))
        squares = (weights * (places - centres[:, None, None]).square()).sum((1, 2, 3))
        return cls(centres, squares.sqrt())


def turned(vectors: Tensor, angles: Tensor) -> Tensor:
    """Vectors `[..., 2]`, x to the right and y downwards, turned clockwise by `angles` `[...]` in radians."""
    x, y = vectors.unbind(-1)
    cos, sin = angles.cos(), angles.sin()
    return torch.stack([cos * x - sin * y, sin * x + cos * y], -1)


def centred_frames(colors: Tensor, shares: Tensor, placing: Placing, rolls: Tensor) -> Tensor:
    """Frames of pictures, as if they were turned back by each of the rolls: `[s, r, 4, SIDE, SIDE]`.

    Channels are colours times share, and share.

    Args:
        colors: `[s, height, width, 3]`, of the object alone, times its share.
        shares: `[s, height, width]`, how much of each pixel is object.
        placing: of the silhouettes.
        rolls: `[r]`, clockwise, in radians.
    """
    pictures = torch.cat([colors, shares.unsqueeze(-1)], -1).permute(0, 3, 1, 2)
    coarser = max(1, int(2 * REACH * float(placing.radii.nanmedian()) / SIDE))
    height, width = pictures.shape[2:]
    pictures = functional.avg_pool2d(pictures, coarser, ceil_mode=True, count_include_pad=False)
    size = torch.tensor([pictures.shape[3], pictures.shape[2]], device=pictures.device) * coarser
    steps = ((torch.arange(SIDE, device=pictures.device) + 0.5) / SIDE * 2.0 - 1.0) * REACH
    y, x = torch.meshgrid(steps, steps, indexing="ij")
    ways = turned(torch.stack([x, y], -1)[None], rolls[:, None, None])  # [r, SIDE, SIDE, 2]
    places = placing.centres[:, None, None, None] + placing.radii[:, None, None, None, None] * ways
    grid = (places / size * 2.0 - 1.0).flatten(0, 1)
    many = pictures.unsqueeze(1).expand(-1, len(rolls), -1, -1, -1).flatten(0, 1)
    return functional.grid_sample(many, grid, align_corners=False).unflatten(0, (-1, len(rolls)))


def frame_errors(frames: Tensor, others: Tensor) -> Tensor:
    """How little each of `frames` `[r, 4, SIDE, SIDE]` is like each of `others` `[s, 4, SIDE, SIDE]`: `[r, s]`.

    The mean square difference of silhouettes, and that of colours where both are, after each channel of the other was
    scaled (by 0 to 2) and shifted to fit best: what has another paint but the same parts is alike.
    """
    one, two = frames.flatten(2), others.flatten(2)
    pixels = one.shape[-1]
    filled, theirs = one[:, 3], two[:, 3]
    apart = filled.square().sum(1)[:, None] + theirs.square().sum(1) - 2.0 * filled @ theirs.T
    weight = (filled @ theirs.T).clamp(min=1e-6)
    error = apart
    for channel in range(3):
        a, b = one[:, channel], two[:, channel]
        squares_a = torch.where(filled > 1e-3, a.square() / filled.clamp(min=1e-3), 0.0)
        squares_b = torch.where(theirs > 1e-3, b.square() / theirs.clamp(min=1e-3), 0.0)
        mean_a, mean_b = a @ theirs.T / weight, filled @ b.T / weight
        variance_a = squares_a @ theirs.T / weight - mean_a.square()
        variance_b = filled @ squares_b.T / weight - mean_b.square()
        together = a @ b.T / weight - mean_a * mean_b
        gain = (together / variance_b.clamp(min=1e-6)).clamp(0.0, 2.0)
        misfit = variance_a - 2.0 * gain * together + gain.square() * variance_b
        error = error + weight * misfit.clamp(min=0.0)
    return error / pixels
