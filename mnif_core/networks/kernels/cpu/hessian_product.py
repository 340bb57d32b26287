"""The gradient of a squared error by the weights of instance networks, and the product of its Hessian with a vector.

A second-order outer step differentiates the gradient g of an inner step again. It needs u^T dg/dW = H u, the
derivative of g along u: one forward and one backward pass that carry tangents (Pearlmutter 1994), tile by tile as in
`backward`, whatever the number of inner steps.
Shape letters: s instances (g of a tile), p points (c of a tile), b parts of a tile, q points of a part, d coordinates,
f features, k values, i/o channels; i counts the features and the constant 1 that carries the bias.
"""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from mnif_core.networks.kernels.cpu.backward import (
    Activations,
    TileBuffers,
    WeightGradient,
    passed_back,
    pull_back,
)
from mnif_core.networks.kernels.cpu.tiling import tiles_of
from mnif_core.networks.siren import Features


def squared_error_gradient_by_weights(
    coordinates: Tensor,
    targets: Tensor,
    folded: Sequence[Tensor],
    sine_output: bool,
    features: Features | None = None,
) -> tuple[Tensor, ...]:
    """Gradient, by the folded weights of each network, of its mean over points and channels of (values - targets)^2.

    Differentiable once more, by the folded weights.

    Args:
        coordinates: `[s, p, d]`.
        targets: `[s, p, k]`.
        folded: per layer `[s, o, i]`, see `Siren.folded`.
        sine_output: whether the last layer has a sine too.
        features: see `Siren.features`.

    Returns:
        Per layer `[s, o, i]`.
    """
    return _Gradient.apply(coordinates, targets, sine_output, features, *folded)


class _Gradient(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any,
        coordinates: Tensor,
        targets: Tensor,
        sine_output: bool,
        features: Features | None,
        *folded: Tensor,
    ) -> tuple[Tensor, ...]:
        ctx.save_for_backward(coordinates, targets, *folded)
        ctx.sine_output, ctx.features = sine_output, features
        factor = 2.0 / targets[0].numel()

        def error_of(values: Tensor, group: slice, chunk: slice) -> Tensor:
            return values.sub_(targets[group, chunk]).mul_(factor)

        return tuple(pull_back(coordinates, folded, sine_output, error_of, features=features)[1])

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, *vector: Tensor) -> tuple[Tensor | None, ...]:
        coordinates, targets, *folded = ctx.saved_tensors
        product = hessian_product(coordinates, targets, folded, vector, ctx.sine_output, ctx.features)
        return (None, None, None, None, *product)


def hessian_product(
    coordinates: Tensor,
    targets: Tensor,
    folded: Sequence[Tensor],
    vector: Sequence[Tensor],
    sine_output: bool,
    features: Features | None,
) -> list[Tensor]:
    """H u per layer `[s, o, i]`, for the mean squared error and u `vector`, per layer alike."""
    found = [torch.zeros_like(weight) for weight in folded]
    factor = 2.0 / targets[0].numel()
    cut = tiles_of(coordinates, folded, share=0.5)  # of everything twice as much is kept
    made: dict[int, tuple[Activations, _Tangents]] = {}
    for group in cut.groups:
        layers = cut.each_part([weight[group] for weight in folded])
        moving = cut.each_part([weight[group] for weight in vector])
        backs, moving_backs = (passed_back(weights, coordinates.shape[2]) for weights in (layers, moving))
        count = group.stop - group.start
        if count not in made:
            size = (layers, cut.length, sine_output)
            made[count] = Activations(*size), _Tangents(*size, constant=0.0)
        activations, tangents = made[count]
        sums = WeightGradient(layers, activations.wide)
        for chunk in cut.chunks:
            cut.put_points(coordinates[group, chunk], features, activations.inputs)
            activations.forward(layers)
            tangents.forward(layers, moving, activations)
            # what reaches the last layer's values, and its derivative along u
            rows = torch.empty_like(targets[group, chunk])
            error = cut.take(activations.outputs[-1], rows).sub_(targets[group, chunk]).mul_(factor)
            cut.put(error, activations.errors[-1])
            cut.put(cut.take(tangents.outputs[-1], rows).mul_(factor), tangents.errors[-1])
            tangents.backward(backs, moving_backs, activations, sums)
        for whole, part in zip(found, sums.over_parts(cut.parts), strict=True):
            whole[group] = part
    return found


class _Tangents(TileBuffers):
    """Derivatives along u of what `Activations` holds of the same tile; `sines` has those of the sines' arguments."""

    def forward(self, layers: Sequence[Tensor], moving: Sequence[Tensor], activations: Activations) -> None:
        """Fill inputs and outputs for weights and their tangents, `[b, o, i]` of each layer."""
        for index, output in enumerate(self.outputs):
            angle = self.sines[index] if index < len(self.sines) else output
            torch.bmm(moving[index], activations.inputs[index], out=angle)
            if index > 0:  # coordinates do not move, nor do features
                angle.baddbmm_(layers[index], self.inputs[index])
            if index < len(self.sines):
                torch.mul(angle, activations.sines[index], out=output)

    def backward(
        self, backs: Sequence[Tensor], moving: Sequence[Tensor], activations: Activations, found: WeightGradient
    ) -> None:
        """Pull the last `errors` of both back, adding the derivative of the weights' gradient to `found`.

        Overwrites what `activations` holds.
        """
        change, error = self.errors[-1], activations.errors[-1]
        by_change, by_error = activations.factors(self.errors), self.factors(activations.errors)
        for index in range(len(backs) - 1, -1, -1):
            if index < len(self.sines):  # past the sine: d(e cos z) = de cos z - e sin z dz
                bent = activations.outputs[index].mul_(error).mul_(self.sines[index])
                change.mul_(activations.sines[index]).sub_(bent)
                error.mul_(activations.sines[index])
            found.sums[index].baddbmm_(*by_change[index])
            if index > 0:
                found.sums[index].baddbmm_(*by_error[index])
                change = torch.bmm(backs[index], change, out=self.errors[index - 1])
                change.baddbmm_(moving[index], error)
                error = torch.bmm(backs[index], error, out=activations.errors[index - 1])
