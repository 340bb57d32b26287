"""Pictures as fields: coordinates (row, column) -> colour.

Shape letters: n images, s instances, p points, k channels.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, ClassVar

import torch
from torch import Tensor

from mnif_core.files.picture_files import BACKGROUND, checked_background
from mnif_core.files.stored_config import Between, Pixels
from mnif_core.networks.instance_networks import InstanceNetworks
from mnif_core.signals.protocol import Drawing, Signal


@dataclass(frozen=True)
class ImageSignal(Signal):
    """Size and background. Coordinates run from -1 to 1, the outermost pixels' centres included (authors' code).

    Raises:
        ConfigError: the background is no colour.
    """

    kind: ClassVar[str] = "image"
    noun: ClassVar[str] = "image"
    in_dim: ClassVar[int] = 2

    height: Pixels = 64
    """Rows, in pixels."""
    width: Pixels = 64
    """Columns, in pixels."""
    channels: Annotated[int, Between(1, 4)] = 3
    """Values of a pixel: 1 grey, 3 RGB."""
    background: str = BACKGROUND
    """Colour that was laid behind transparent pixels, and is again where others are read."""

    def __post_init__(self) -> None:
        checked_background(self.background)

    @classmethod
    def at_resolution(cls, resolution: int) -> "ImageSignal":
        """See `Signal.at_resolution`."""
        return cls(resolution, resolution)

    @property
    def out_dim(self) -> int:
        """Values of the field, k."""
        return self.channels

    @property
    def points(self) -> int:
        """Pixels."""
        return self.height * self.width

    def grid(self, height: int | None = None, width: int | None = None) -> Tensor:
        """Coordinates `[height * width, 2]` of all pixels, row by row."""
        rows = torch.linspace(-1.0, 1.0, height or self.height)
        columns = torch.linspace(-1.0, 1.0, width or self.width)
        return torch.stack(torch.meshgrid(rows, columns, indexing="ij"), dim=-1).view(-1, 2)

    @torch.no_grad()
    def decode(
        self,
        networks: InstanceNetworks,
        height: int | None = None,
        width: int | None = None,
        points_per_chunk: int = 1 << 16,
    ) -> Tensor:
        """Pictures `[s, height, width, k]` in [0, 1], at any resolution.

        Args:
            networks: one per picture.
            height: rows. None: the data's.
            width: columns. None: the data's.
            points_per_chunk: points evaluated at once over all pictures, which bounds memory.
        """
        height, width = height or self.height, width or self.width
        grid = self.grid(height, width).to(networks.weights[0].device)
        values = networks.evaluate(grid, points_per_chunk)
        return values.mul_(0.5).add_(0.5).clamp_(0.0, 1.0).unflatten(1, (height, width))

    def draw(self, networks: InstanceNetworks, resolution: int | None = None) -> Drawing:
        """See `Signal.draw`."""
        return Drawing(as_colours(self.decode(networks, resolution, resolution)).cpu())

    def picture(self, networks: InstanceNetworks, rows: int) -> Tensor:
        """See `Signal.picture`."""
        return as_colours(self.decode(networks, rows, round(rows * self.width / self.height)))[0]


def as_colours(pictures: Tensor) -> Tensor:
    """RGB `[n, height, width, 3]` of pictures `[n, height, width, 1 or 3]`."""
    return pictures.expand(*pictures.shape[:3], 3)


class ImageObservations:
    """Pictures in memory.

    Args:
        images: uint8 `[n, height, width, k]`.
        names: one per image.
        background: colour that was laid behind transparent pixels.
        labels: the class of each image, where the data tell.
    """

    def __init__(
        self,
        images: Tensor,
        names: Sequence[str],
        background: str = BACKGROUND,
        labels: Sequence[str] | None = None,
    ) -> None:
        self.images = images
        self.names = list(names)
        self.labels = None if labels is None else list(labels)
        height, width, channels = images.shape[1:]
        self.signal = ImageSignal(height, width, channels, background)
        self.points = self.signal.points
        self._grid = self.signal.grid().to(images.device)

    def observe(self, index: Tensor, chosen: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """See `Observations.observe`."""
        index = index.to(self.images.device)
        pixels = self.images.flatten(1, 2)
        if chosen is None:
            coordinates, colors = self._grid.expand(len(index), -1, -1), pixels[index]
        else:
            chosen = chosen.to(self.images.device)
            coordinates, colors = self._grid[chosen], pixels[index.unsqueeze(1), chosen]
        return coordinates, colors.float() / 127.5 - 1.0

    def pictures(self, index: Tensor) -> Tensor:
        """See `Observations.pictures`."""
        values = self.observe(index)[1].cpu() * 0.5 + 0.5
        return as_colours(values.unflatten(1, (self.signal.height, self.signal.width)))

    def subset(self, index: Sequence[int]) -> "ImageObservations":
        """See `Observations.subset`."""
        names = [self.names[i] for i in index]
        labels = None if self.labels is None else [self.labels[i] for i in index]
        return ImageObservations(self.images[list(index)], names, self.signal.background, labels)

    def labelled(self, labels: Sequence[str] | None) -> "ImageObservations":
        """The same with the class of each."""
        return ImageObservations(self.images, self.names, self.signal.background, labels)

    def to(self, device: torch.device) -> "ImageObservations":
        """On `device`, so that a step needs no transfer."""
        return ImageObservations(self.images.to(device), self.names, self.signal.background, self.labels)
