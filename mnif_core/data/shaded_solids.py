"""Sets of solids that are learned by the distance to their surfaces, and which those should be."""

import copy
import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
import torch
from numpy.typing import NDArray
from rich.progress import track
from scipy import ndimage

from mnif_core.signals.shading import shaded
from mnif_core.signals.voxels import VoxelObservations
from mnif_core.spread import spread_indices

LOOKED_AT = 64  # solids, evenly spread
THIN = 0.1  # share of thin parts from which shade helps: demo cars have 0.002, furniture 0.63


def with_shade(solids: VoxelObservations, shade: float) -> VoxelObservations:
    """The same solids with values that follow the distance to the surface, see `VoxelSignal.shade`.

    As they are where `shade` is 0, or where they are known at points only, which tell no distances.
    """
    if shade == 0.0 or solids.bits is None:
        return solids

    def values(index: int) -> NDArray[np.int8]:
        grids = solids.grids(torch.tensor([index]))
        assert grids is not None
        return shaded(grids[0].numpy(), shade)[tuple(solids.cells[index].long().numpy().T)]

    count = len(solids.names)
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        found = list(track(pool.map(values, range(count)), "Distances to surfaces", total=count, transient=True))
    known = copy.copy(solids)
    known.values, known.signal = torch.from_numpy(np.stack(found)), replace(solids.signal, shade=shade)
    return known


def thin_share(solids: VoxelObservations) -> float:
    """Share of the filled cells that no cube of 3 x 3 x 3 filled cells holds, in [0, 1]: legs, boards, wires.

    0 where solids are known at points only.
    """
    grids = solids.grids(spread_indices(len(solids.names), LOOKED_AT))
    if grids is None:
        return 0.0
    shares = []
    for grid in grids.numpy():
        thick = ndimage.binary_opening(grid, np.ones((3, 3, 3), dtype=bool))
        shares.append(1.0 - thick.sum() / max(1, grid.sum()))
    return float(np.mean(shares))
