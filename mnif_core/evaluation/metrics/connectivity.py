"""Whether solids hang together. Shape letters: e cells along a side."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

WHOLE = 0.95  # of the filled cells that the largest piece of a whole solid has more than


def largest_share(grid: NDArray[np.bool_]) -> float:
    """Share of a solid's filled cells `[e, e, e]` in its largest piece, in [0, 1]; 0 where none is filled.

    Cells of a piece share faces.
    """
    pieces, _ = ndimage.label(grid)
    sizes = np.bincount(pieces.ravel())[1:]
    return float(sizes.max() / sizes.sum()) if len(sizes) else 0.0


def connectivity(shares: Sequence[float]) -> dict[str, float]:
    """Shares in [0, 1] of solids that are one piece, `whole`, and that have no filled cell at all, `empty`.

    Args:
        shares: what `largest_share` gave of each solid, one at least. Up to 5 % of a whole one's cells may lie apart.
    """
    whole, empty = sum(share > WHOLE for share in shares), sum(share == 0.0 for share in shares)
    return {"whole": whole / len(shares), "empty": empty / len(shares)}
