"""Instances and points cut into tiles that stay in a CPU's caches, and how a tile lies there.

A tile is some instances and a run of their points. Within it each instance's points are cut again, into parts: a
buffer is `[b, channels, q]`, one matrix a part, so that one call computes all of them and every core meets the same
parts, still in its own cache, in each operation on the tile. Where points do not fill the last part, it is padded.
Shape letters: s instances (g of a tile), p points (c of a tile), a parts of an instance, b = g a parts of a tile,
q points of a part, d coordinates, f features, o/i channels.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from mnif_core.networks.siren import Features

ACTIVATIONS = 1 << 17  # of one layer in a tile, for each core: two layers fit its cache; more layers lose little
PART = 512  # points of a part: as many as a matrix product needs to be fast, no more


@dataclass(frozen=True)
class Tiles:
    """How `[s, p]` is cut. All tiles have parts of the same size; the last group may have fewer instances.

    Attributes:
        groups: runs of instances.
        chunks: runs of points.
        parts: a, of each instance in a tile.
        length: q, points of a part.
    """

    groups: list[slice]
    chunks: list[slice]
    parts: int
    length: int

    def put(self, rows: Tensor, buffer: Tensor) -> None:
        """Copy points `[g, c, i]` into parts `[b, i, q]`; what they do not fill becomes zero."""
        missing = self.parts * self.length - rows.shape[1]
        rows = functional.pad(rows, (0, 0, 0, missing)) if missing else rows
        apart = buffer.unflatten(0, (len(rows), self.parts))
        apart.copy_(rows.unflatten(1, (self.parts, self.length)).transpose(2, 3))

    def put_points(self, coordinates: Tensor, features: Features | None, inputs: Sequence[Tensor]) -> None:
        """Put points `[g, c, d]` first in `inputs[0]`, and their features, computed once, before the last of each.

        Args:
            coordinates: `[g, c, d]`.
            features: see `Siren.features`.
            inputs: what layers read, each once, `[b, i, q]`; f channels and the constant come last.
        """
        dims = coordinates.shape[2]
        self.put(coordinates, inputs[0][:, :dims])
        if features is not None:
            found = inputs[0][:, dims:-1]
            self.put(features(coordinates), found)
            for read in inputs[1:]:
                read[:, -1 - found.shape[1] : -1] = found

    def take(self, buffer: Tensor, rows: Tensor) -> Tensor:
        """Copy parts `[b, i, q]` into points `[g, c, i]`, the reverse of `put`, and return those."""
        apart = buffer.unflatten(0, (len(rows), self.parts)).transpose(2, 3)
        if rows.shape[1] == self.parts * self.length:
            rows.unflatten(1, (self.parts, self.length)).copy_(apart)
            return rows
        return rows.copy_(apart.flatten(1, 2)[:, : rows.shape[1]])

    def each_part(self, weights: Sequence[Tensor]) -> list[Tensor]:
        """The weights `[g, o, i]` of a tile's instances for each of its parts `[b, o, i]`: views where they can be."""
        return [weight.unsqueeze(1).expand(-1, self.parts, -1, -1).flatten(0, 1) for weight in weights]


def tiles_of(coordinates: Tensor, folded: Sequence[Tensor], together: int = 1, share: float = 1.0) -> Tiles:
    """Cut the points `[s, p, d]` of networks.

    Args:
        coordinates: `[s, p, d]`, p a multiple of `together`.
        folded: weights of each layer `[s, o, i]`.
        together: points that must lie in one tile, such as the samples of a ray.
        share: of `ACTIVATIONS` to keep to.
    """
    instances, points, _ = coordinates.shape
    cores, width = torch.get_num_threads(), max(weight.shape[1] for weight in folded)
    most = max(1, int(share * cores * ACTIVATIONS) // width)
    groups = _spans(instances, max(1, most // max(1, points)), 1)
    chunks = _spans(points, most, together)
    if not groups or not chunks:
        return Tiles([], [], 1, 1)
    alone, chunk = groups[0].stop == 1, chunks[0].stop
    step = cores if alone else 1  # parts of one instance are all that the cores can share
    parts = step * -(-chunk // (step * PART))
    return Tiles(groups, chunks, parts, -(-chunk // parts))


def _spans(total: int, most: int, together: int) -> list[slice]:
    """Even runs of at most `most`, or of `together` if that is more."""
    units = total // together
    count = max(1, -(-units // max(1, most // together)))
    size = max(1, -(-units // count)) * together
    return [slice(start, min(start + size, total)) for start in range(0, total, size)]
