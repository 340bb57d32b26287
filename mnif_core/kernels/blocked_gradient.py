"""The gradient of a squared error by the weights of instance networks, and the product of its Hessian with a vector.

A second-order outer step differentiates the gradient g of an inner step again. It needs u^T dg/dW = H u, the
derivative of g along u: one forward and one backward pass that carry tangents (Pearlmutter 1994), block by block as in
`blocked`. No activation outlives its block, whatever the number of inner steps.
Shape letters: s instances (g of a block), p points (c of a block), d coordinates, k values, i/o channels.
"""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from mnif_core.kernels.blocked import TRAINED, Workspace, blocks, forward, gradients_of_block, width_of


def squared_error_gradient(
    coordinates: Tensor, targets: Tensor, folded: Sequence[Tensor], sine_output: bool
) -> tuple[Tensor, ...]:
    """Gradient, by the folded weights of each network, of its mean over points and channels of (values - targets)^2.

    Differentiable once more, by the folded weights.

    Args:
        coordinates: `[s, p, d]`.
        targets: `[s, p, k]`.
        folded: per layer `[s, o, i + 1]`, see `blocked.fold`.
        sine_output: whether the last layer has a sine too.

    Returns:
        Per layer `[s, o, i + 1]`.
    """
    return _Gradient.apply(coordinates, targets, sine_output, *folded)  # type: ignore[no-any-return]


class _Gradient(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, coordinates: Tensor, targets: Tensor, sine_output: bool, *folded: Tensor
    ) -> tuple[Tensor, ...]:
        ctx.save_for_backward(coordinates, targets, *folded)
        ctx.sine_output = sine_output
        found = tuple(torch.zeros_like(weight) for weight in folded)
        workspace, factor = Workspace(coordinates), 2.0 / targets[0].numel()
        for group, chunk in blocks(targets.shape[0], targets.shape[1], width_of(folded), TRAINED):
            layers = [weight[group] for weight in folded]
            inputs, cosines = forward(workspace, coordinates[group, chunk], layers, sine_output)
            error = inputs[-1][:, :-1].sub_(targets[group, chunk].transpose(1, 2)).mul_(factor)
            gradients_of_block(workspace, layers, inputs, cosines, error, [part[group] for part in found])
        return found

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, *vector: Tensor) -> tuple[Tensor | None, ...]:
        coordinates, targets, *folded = ctx.saved_tensors
        return (None, None, None, *hessian_product(coordinates, targets, folded, vector, ctx.sine_output))


def hessian_product(
    coordinates: Tensor, targets: Tensor, folded: Sequence[Tensor], vector: Sequence[Tensor], sine_output: bool
) -> list[Tensor]:
    """H u per layer `[s, o, i + 1]`, for the loss of `squared_error_gradient` and u `vector`, per layer alike."""
    found = [torch.zeros_like(weight) for weight in folded]
    workspace, factor = Workspace(coordinates), 2.0 / targets[0].numel()
    for group, chunk in blocks(targets.shape[0], targets.shape[1], width_of(folded), TRAINED // 2):
        layers, tangents = [weight[group] for weight in folded], [part[group] for part in vector]
        inputs, cosines = forward(workspace, coordinates[group, chunk], layers, sine_output)
        moved, angles = _moved(workspace, layers, tangents, inputs, cosines)
        # what reaches a layer's output, and its derivative along u
        error = inputs[-1][:, :-1].clone().sub_(targets[group, chunk].transpose(1, 2)).mul_(factor)
        change = moved[-1][:, :-1].mul(factor)
        for index in range(len(layers) - 1, -1, -1):
            if index < len(cosines):  # past the sine: d(e cos z) = de cos z - e sin z dz
                bent = inputs[index + 1][:, :-1].mul_(error).mul_(angles[index])
                change.mul_(cosines[index]).sub_(bent)
                error.mul_(cosines[index])
            result = found[index][group].baddbmm_(change, inputs[index].transpose(1, 2))
            if index > 0:
                result.baddbmm_(error, moved[index].transpose(1, 2))
                back, back_tangent = (w[index][..., :-1].transpose(1, 2) for w in (layers, tangents))
                shape = (change.shape[0], back.shape[1], change.shape[2])
                change = torch.bmm(back, change, out=workspace.get(("change", index % 2), *shape))
                change.baddbmm_(back_tangent, error)
                error = torch.bmm(back, error, out=workspace.get(("error", index % 2), *shape))
    return found


def _moved(
    workspace: Workspace,
    layers: Sequence[Tensor],
    tangents: Sequence[Tensor],
    inputs: Sequence[Tensor],
    cosines: Sequence[Tensor],
) -> tuple[list[Tensor], list[Tensor]]:
    """Derivatives along u of what each layer reads `[g, i + 1, c]`, and of each sine's argument `[g, o, c]`."""
    g, _, c = inputs[0].shape
    moved, angles = [workspace.input(("moved", 0), g, inputs[0].shape[1] - 1, c, last=0.0)], []
    for index, (weight, tangent) in enumerate(zip(layers, tangents, strict=True)):
        output = workspace.input(("moved", index + 1), g, weight.shape[1], c, last=0.0)
        angle = torch.bmm(tangent, inputs[index], out=workspace.get(("angle", index), g, weight.shape[1], c))
        if index > 0:  # coordinates do not move
            angle.baddbmm_(weight, moved[index])
        if index < len(cosines):
            torch.mul(angle, cosines[index], out=output[:, :-1])
        else:
            output[:, :-1] = angle
        moved.append(output)
        angles.append(angle)
    return moved, angles
