"""The backward pass of instance networks on a CPU, tile by tile: no activation outlives its tile.

Shape letters: s instances (g of a tile), p points (c of a tile), b parts of a tile, q points of a part, d coordinates,
f features, k values, i/o channels; i counts the features and the constant 1 that carries the bias.
"""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from mnif_core.networks.kernels.cpu.sine_choice import sines_of
from mnif_core.networks.kernels.cpu.tiling import tiles_of
from mnif_core.networks.siren import Features

ErrorOf = Callable[[Tensor, slice, slice], Tensor]


class TileBuffers:
    """Room for what the layers of a tile read and give. One object serves all tiles of its size.

    Args:
        layers: weights of every layer `[b, o, i]`.
        length: q.
        sine_output: whether the last layer has a sine too.
        constant: what the channels of every input hold that no layer gives; features are put into theirs.

    Attributes:
        inputs: what each layer reads `[b, i, q]`.
        outputs: what each layer gives `[b, o, q]`: the first channels of the next one's input.
        sines: of each layer with a sine, what its derivative needs `[b, o, q]`.
        errors: gradient by what each layer gives `[b, o, q]`.
        wide: of each layer, whether it gives at least as many channels as it reads: the gradient by its weights is
            then summed transposed, its longer side the one that lies in memory, which is faster.
    """

    def __init__(self, layers: Sequence[Tensor], length: int, sine_output: bool, constant: float) -> None:
        def buffer(channels: int) -> Tensor:
            return layers[0].new_empty(len(layers[0]), channels, length)

        shapes = [(weight.shape[1], weight.shape[2]) for weight in layers]
        self.inputs = [buffer(i) for _, i in shapes]
        for read in self.inputs:
            read.fill_(constant)
        following = zip(self.inputs[1:], shapes, strict=False)
        self.outputs = [read[:, :o] for read, (o, _) in following] + [buffer(shapes[-1][0])]
        self.sines = [buffer(o) for o, _ in (shapes if sine_output else shapes[:-1])]
        # a layer's is done with when that of the layer two before it is written
        shared: dict[tuple[int, int], Tensor] = {}
        for index, (o, _) in enumerate(shapes):
            if (o, index % 2) not in shared:
                shared[o, index % 2] = buffer(o)
        self.errors = [shared[o, index % 2] for index, (o, _) in enumerate(shapes)]
        self.wide = [o >= i - 1 for o, i in shapes]

    def factors(self, errors: Sequence[Tensor]) -> list[tuple[Tensor, Tensor]]:
        """Of each layer, whose product is the gradient by its weights, for the `errors` of these or other buffers."""
        return [
            (read, error.transpose(1, 2)) if wide else (error, read.transpose(1, 2))
            for read, error, wide in zip(self.inputs, errors, self.wide, strict=True)
        ]


class Activations(TileBuffers):
    """What the forward pass of a tile leaves for its backward pass; `sines` has the cosines of the sines' arguments."""

    def __init__(self, layers: Sequence[Tensor], length: int, sine_output: bool) -> None:
        super().__init__(layers, length, sine_output, constant=1.0)
        self._factors = self.factors(self.errors)
        self._sine_and_cosine = sines_of(layers[0].dtype).sine_and_cosine

    def forward(self, layers: Sequence[Tensor]) -> None:
        """Fill inputs, outputs and sines from the first input, for weights `[b, o, i]` of each layer."""
        for index, (weight, read, output) in enumerate(zip(layers, self.inputs, self.outputs, strict=True)):
            if index < len(self.sines):
                self._sine_and_cosine(torch.bmm(weight, read, out=self.sines[index]), output)
            else:
                torch.bmm(weight, read, out=output)

    def backward(self, backs: Sequence[Tensor], found: "WeightGradient") -> Tensor:
        """Pull the last of `errors` back, adding what it gives to `found`.

        Args:
            backs: of each layer, see `passed_back`.
            found: of the tile's instances.

        Returns:
            The gradient by what the first layer's weights give, `[b, o, q]`.
        """
        error = self.errors[-1]
        for index in range(len(backs) - 1, -1, -1):
            if index < len(self.sines):
                error.mul_(self.sines[index])
            found.sums[index].baddbmm_(*self._factors[index])
            if index > 0:
                error = torch.bmm(backs[index], error, out=self.errors[index - 1])
        return error


class WeightGradient:
    """Sums of the gradients by the weights of each part.

    Args:
        layers: weights `[b, o, i]` of each layer.
        wide: see `TileBuffers`.

    Attributes:
        sums: per layer `[b, i, o]` where it is wide, else `[b, o, i]`.
    """

    def __init__(self, layers: Sequence[Tensor], wide: Sequence[bool]) -> None:
        self._wide = wide
        shapes = [weight.mT.shape if turn else weight.shape for weight, turn in zip(layers, wide, strict=True)]
        self.sums = [layers[0].new_zeros(shape) for shape in shapes]

    def over_parts(self, parts: int) -> list[Tensor]:
        """Per layer `[g, o, i]`, summed over each instance's parts."""
        sums = [total.unflatten(0, (-1, parts)).sum(1) for total in self.sums]
        return [total.mT if turn else total for total, turn in zip(sums, self._wide, strict=True)]


def passed_back(layers: Sequence[Tensor], dims: int) -> list[Tensor]:
    """Weights `[b, o, i]` as a gradient passes them to the layer before, and to d coordinates: `[b, its o or d, o]`."""
    channels = [dims, *(weight.shape[1] for weight in layers[:-1])]
    return [weight[..., :given].transpose(1, 2) for weight, given in zip(layers, channels, strict=True)]


def pull_back(
    coordinates: Tensor,
    folded: Sequence[Tensor],
    sine_output: bool,
    error_of: ErrorOf,
    together: int = 1,
    by_coordinates: bool = False,
    features: Features | None = None,
) -> tuple[Tensor | None, list[Tensor]]:
    """Evaluate, and pull a gradient by the values back to folded weights and, if asked for, coordinates.

    Args:
        coordinates: `[s, p, d]`.
        folded: per layer `[s, o, i]`, see `Siren.folded`.
        sine_output: whether the last layer has a sine too.
        error_of: values `[g, c, k]` of the instances and points that two slices name -> the gradient by them, alike.
        together: points that `error_of` needs at once.
        by_coordinates: whether that gradient is wanted, of networks without features.
        features: see `Siren.features`.

    Returns:
        The gradient by the coordinates `[s, p, d]` or none, and by each layer's weights `[s, o, i]`.
    """
    found = [torch.zeros_like(weight) for weight in folded]
    found_coordinates = torch.empty_like(coordinates) if by_coordinates else None
    cut = tiles_of(coordinates, folded, together)
    made: dict[int, Activations] = {}
    for group in cut.groups:
        layers = cut.each_part([weight[group] for weight in folded])
        backs, count = passed_back(layers, coordinates.shape[2]), group.stop - group.start
        if count not in made:
            made[count] = Activations(layers, cut.length, sine_output)
        activations = made[count]
        sums = WeightGradient(layers, activations.wide)
        last = activations.outputs[-1]
        for chunk in cut.chunks:
            cut.put_points(coordinates[group, chunk], features, activations.inputs)
            activations.forward(layers)
            # channels outermost in memory, as they come
            values = coordinates.new_empty(last.shape[1], count, chunk.stop - chunk.start).permute(1, 2, 0)
            cut.put(error_of(cut.take(last, values), group, chunk), activations.errors[-1])
            delta = activations.backward(backs, sums)
            if found_coordinates is not None:
                cut.take(torch.bmm(backs[0], delta), found_coordinates[group, chunk])
        for whole, part in zip(found, sums.over_parts(cut.parts), strict=True):
            whole[group] = part
    return found_coordinates, found
