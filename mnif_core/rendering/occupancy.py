"""Where one scene is not empty, so that rendering evaluates nothing elsewhere.

Shape letters: e cells along a side of the cube.
"""

from dataclasses import dataclass

from torch import Tensor
from torch.nn import functional

from mnif_core.rendering.box import crossed


@dataclass(frozen=True)
class Occupancy:
    """Cells of a cube around the origin that a scene fills. Space outside the cube counts as empty.

    Attributes:
        cells: `[e, e, e]` whether a cell is filled, along x, y, z.
        reach: half the side of the cube.
        low, high: `[3]` opposite corners of the box around the filled cells.
    """

    cells: Tensor
    reach: float
    low: Tensor
    high: Tensor

    @classmethod
    def above(cls, threshold: float, density: Tensor, reach: float) -> "Occupancy":
        """Fill the cells at one of whose corners the density exceeds `threshold`.

        Args:
            threshold: per unit length.
            density: at the corners of the cells `[e + 1, e + 1, e + 1]`.
            reach: half the side of the cube.
        """
        cells = functional.max_pool3d(density[None, None], 2, stride=1)[0, 0] > threshold
        filled = cells.nonzero()
        side = 2.0 * reach / cells.shape[0]
        if len(filled) == 0:
            filled = filled.new_zeros(1, 3)
        low, high = filled.amin(0) * side - reach, (filled.amax(0) + 1) * side - reach
        return cls(cells, reach, low, high)

    @property
    def share(self) -> float:
        """Share of the cube that is filled, in [0, 1]."""
        return float(self.cells.float().mean())

    def crosses(self, origins: Tensor, directions: Tensor) -> Tensor:
        """Whether rays from `origins` `[..., 3]` along `directions` `[..., 3]` meet the box: `[...]`."""
        enter, leave = crossed(self.low, self.high, origins, directions)
        return leave >= enter.clamp(min=0.0)

    def contains(self, points: Tensor) -> Tensor:
        """Whether `points` `[..., 3]` lie in filled cells: `[...]`."""
        count = self.cells.shape[0]
        # an empty border takes the points outside: clamping is cheaper than comparing
        bordered = functional.pad(self.cells, 6 * [1]).flatten()
        index = (points * (0.5 * count / self.reach) + (0.5 * count + 1)).clamp(0, count + 1).int()
        x, y, z = index.unbind(-1)
        return bordered[(x * (count + 2) + y) * (count + 2) + z]
