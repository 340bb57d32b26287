"""Instance networks on a CPU: tiles of points that stay in its caches, nothing kept between forward and backward.

Points run along the last axis and the last channel of every input is 1, `[s, i + 1, p]`: the bias is then a column of
the weight, added by the matrix product itself, and its gradient falls out of the weight's. With w0 folded in as well
a layer is one product and one sine in place. Features are columns too, and channels that stay while the others of an
input change.
Shape letters: s instances, p points, d coordinates, f features, k values, i/o channels; i counts f and the constant.
"""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from mnif_core.networks.kernels.cpu.backward import pull_back
from mnif_core.networks.kernels.cpu.sine_choice import sines_of
from mnif_core.networks.kernels.cpu.tiling import tiles_of
from mnif_core.networks.siren import Features


def tiled_values(
    coordinates: Tensor, folded: Sequence[Tensor], sine_output: bool, features: Features | None = None
) -> Tensor:
    """Values `[s, p, k]` of folded networks, differentiable any number of times; the backward pass computes again.

    With features, coordinates are constants.

    Args:
        coordinates: `[s, p, d]`.
        folded: per layer `[s, o, i]`, see `Siren.folded`.
        sine_output: whether the last layer has a sine too.
        features: see `Siren.features`.
    """
    return _Values.apply(coordinates, sine_output, features, *folded)


def evaluate(coordinates: Tensor, folded: Sequence[Tensor], sine_output: bool, features: Features | None) -> Tensor:
    """Values `[s, p, k]` of folded networks, without a graph."""
    instances, points, _ = coordinates.shape
    result = coordinates.new_empty(instances, points, folded[-1].shape[1])
    cut = tiles_of(coordinates, folded)
    made: dict[int, _Buffers] = {}
    for group in cut.groups:
        layers = cut.each_part([weight[group] for weight in folded])
        count = group.stop - group.start
        if count not in made:
            made[count] = _Buffers(layers, cut.length, sine_output)
        buffers = made[count]
        for chunk in cut.chunks:
            cut.put_points(coordinates[group, chunk], features, buffers.inputs)
            cut.take(buffers.forward(layers), result[group, chunk])
    return result


class _Buffers:
    """Room for one layer of a tile and the next: what is read `[b, i, q]`, and the products `[b, o, q]`.

    `inputs` has what is read, each once, the first layer's first.
    """

    def __init__(self, layers: Sequence[Tensor], length: int, sine_output: bool) -> None:
        shared: dict[tuple[str, int], Tensor] = {}

        def buffer(use: str, channels: int) -> Tensor:
            if (use, channels) not in shared:
                shared[use, channels] = layers[0].new_empty(len(layers[0]), channels, length)
            return shared[use, channels]

        # products are written in one piece: into all but the last channel of an input takes half as long again
        first, *others = layers
        self.reads = [buffer("coordinates", first.shape[2])] + [buffer("read", weight.shape[2]) for weight in others]
        self.products = [buffer("product", weight.shape[1]) for weight in layers]
        self.inputs = [made for (use, _), made in shared.items() if use != "product"]
        self._next = [read[:, : weight.shape[1]] for read, weight in zip(self.reads[1:], layers, strict=False)]
        for read in self.inputs:
            read[:, -1] = 1.0
        if sine_output:
            self._next.append(torch.empty_like(self.products[-1]))
        self._sine = sines_of(first.dtype).sine

    def forward(self, layers: Sequence[Tensor]) -> Tensor:
        """Values `[b, k, q]` for points in `inputs`, and weights `[b, o, i]` of each layer."""
        following = [*self._next, None][: len(layers)]
        for weight, read, product, sines in zip(layers, self.reads, self.products, following, strict=True):
            values = torch.bmm(weight, read, out=product)
            if sines is not None:
                self._sine(product, sines)
                values = sines
        return values


def _layer_by_layer(
    coordinates: Tensor, folded: Sequence[Tensor], sine_output: bool, features: Features | None
) -> Tensor:
    x, others = coordinates, [] if features is None else [features(coordinates)]
    for index, weight in enumerate(folded):
        x = torch.cat([x, *others], 2) if others else x
        x = torch.baddbmm(weight[..., -1].unsqueeze(1), x, weight[..., :-1].transpose(1, 2))
        if sine_output or index < len(folded) - 1:
            x = x.sin()
    return x


class _Values(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, coordinates: Tensor, sine_output: bool, features: Features | None, *folded: Tensor) -> Tensor:
        ctx.save_for_backward(coordinates, *folded)
        ctx.sine_output, ctx.features = sine_output, features
        return evaluate(coordinates, folded, sine_output, features)

    @staticmethod
    def backward(ctx: Any, by_values: Tensor) -> tuple[Tensor | None, ...]:
        coordinates, *folded = ctx.saved_tensors
        by_coordinates: bool = ctx.needs_input_grad[0]
        if torch.is_grad_enabled():  # the gradient will be differentiated too: an ordinary graph can be
            variables = [coordinates, *folded] if by_coordinates else folded
            result = _layer_by_layer(coordinates, folded, ctx.sine_output, ctx.features)
            found = torch.autograd.grad(result, variables, by_values, create_graph=True)
            return (found[0] if by_coordinates else None, None, None, *found[-len(folded) :])
        first, others = pull_back(
            coordinates,
            folded,
            ctx.sine_output,
            lambda _, group, chunk: by_values[group, chunk],
            by_coordinates=by_coordinates,
            features=ctx.features,
        )
        return (first, None, None, *others)
