"""Instance networks on a CPU: blocks of points that stay in its caches, nothing kept between forward and backward.

Points run along the last axis and the last channel of every input is 1, `[s, i + 1, p]`: the bias is then a column of
the weight, added by the matrix product itself, and its gradient falls out of the weight's. With w0 folded in as well
a layer is one product and one sine in place.
Shape letters: s instances (g of a block), p points (c of a block), d coordinates, k values, i/o channels.
"""

from collections.abc import Iterator, Sequence
from typing import Any, Literal

import torch
from torch import Tensor

EVALUATED = 1 << 18  # activations of one layer in a block: two layers fit the cache of two cores
TRAINED = 1 << 17  # the same where all layers of a block are kept at once


def serves(coordinates: Tensor, weights: Sequence[Tensor]) -> bool:
    """Whether `values` is the way to evaluate: on a CPU, in full precision, weights not shared by all instances."""
    full = coordinates.dtype == weights[0].dtype and coordinates.dtype in (torch.float32, torch.float64)
    own = weights[0].shape[0] == 1 or all(weight.stride(0) > 0 for weight in weights)
    return coordinates.device.type == "cpu" and full and own


def values(
    coordinates: Tensor,
    weights: Sequence[Tensor],
    biases: Sequence[Tensor],
    w0: float,
    output_activation: Literal["none", "sine"],
) -> Tensor:
    """Evaluate one SIREN per instance. Differentiable, any number of times; the backward pass computes again.

    Args:
        coordinates: `[s, p, d]`.
        weights: per layer `[s, o, i]`.
        biases: per layer `[s, o]`.
        w0: frequency scale.
        output_activation: `sine` if the last layer has one too.

    Returns:
        `[s, p, k]`.
    """
    folded = fold(weights, biases, w0, output_activation)
    return _Values.apply(coordinates, output_activation == "sine", *folded)  # type: ignore[no-any-return]


def fold(
    weights: Sequence[Tensor], biases: Sequence[Tensor], w0: float, output_activation: Literal["none", "sine"]
) -> list[Tensor]:
    """Weights with bias and w0 inside, per layer `[s, o, i + 1]`."""
    scales = layer_scales(len(weights), w0, output_activation)
    layers = zip(weights, biases, scales, strict=True)
    return [torch.cat([weight, bias.unsqueeze(2)], 2) * scale for weight, bias, scale in layers]


def layer_scales(layers: int, w0: float, output_activation: Literal["none", "sine"]) -> list[float]:
    """What each layer's weights are multiplied by: w0 where a sine follows."""
    return [w0] * (layers - 1) + [w0 if output_activation == "sine" else 1.0]


def blocks(instances: int, points: int, width: int, activations: int) -> Iterator[tuple[slice, slice]]:
    """Cut `[instances, points]` into even blocks of at most `activations` numbers of `width` channels."""
    most = max(1, activations // width)
    for group in _spans(instances, max(1, most // max(1, points))):
        for chunk in _spans(points, most):
            yield group, chunk


def _spans(total: int, most: int) -> Iterator[slice]:
    size = -(-total // -(-total // most)) if total else 1
    return (slice(start, min(start + size, total)) for start in range(0, total, size))


class Workspace:
    """Buffers of the blocks of one call, allocated once for each shape of block.

    Args:
        like: gives dtype and device.
    """

    def __init__(self, like: Tensor) -> None:
        self._like = like
        self._buffers: dict[tuple[object, int, int, int], Tensor] = {}

    def get(self, name: object, group: int, channels: int, points: int) -> Tensor:
        """The buffer `name` `[g, channels, c]`, as it was left."""
        key = (name, group, channels, points)
        if key not in self._buffers:
            self._buffers[key] = self._like.new_empty(group, channels, points)
        return self._buffers[key]

    def input(self, name: object, group: int, channels: int, points: int, last: float = 1.0) -> Tensor:
        """The input of a layer `[g, channels + 1, c]`, its last channel `last`."""
        known = (name, group, channels + 1, points) in self._buffers
        buffer = self.get(name, group, channels + 1, points)
        if not known:
            buffer[:, -1] = last
        return buffer


def evaluate(coordinates: Tensor, folded: Sequence[Tensor], sine_output: bool) -> Tensor:
    """Values `[s, p, k]` of folded networks, without a graph."""
    instances, points, _ = coordinates.shape
    result = coordinates.new_empty(instances, points, folded[-1].shape[1])
    workspace = Workspace(result)
    for group, chunk in blocks(instances, points, width_of(folded), EVALUATED):
        part = coordinates[group, chunk]
        g, c, d = part.shape
        x = workspace.input("coordinates", g, d, c)
        x[:, :-1].copy_(part.transpose(1, 2))
        for index, weight in enumerate(folded[:-1]):
            hidden = workspace.input(index % 2, g, weight.shape[1], c)
            torch.bmm(weight[group], x, out=hidden[:, :-1]).sin_()
            x = hidden
        value = torch.bmm(folded[-1][group], x, out=workspace.get("values", g, result.shape[2], c))
        result[group, chunk] = (value.sin_() if sine_output else value).transpose(1, 2)
    return result


def gradients(
    coordinates: Tensor, folded: Sequence[Tensor], sine_output: bool, by_values: Tensor, by_coordinates: bool
) -> tuple[Tensor | None, list[Tensor]]:
    """Pull a gradient by the values `[s, p, k]` back to coordinates `[s, p, d]`, if asked for, and folded weights."""
    instances, points, _ = coordinates.shape
    found = [torch.zeros_like(weight) for weight in folded]
    found_coordinates = torch.empty_like(coordinates) if by_coordinates else None
    workspace = Workspace(coordinates)
    for group, chunk in blocks(instances, points, width_of(folded), TRAINED):
        layers = [weight[group] for weight in folded]
        inputs, cosines = forward(workspace, coordinates[group, chunk], layers, sine_output)
        g, c, k = by_values[group, chunk].shape
        error = workspace.get("by values", g, k, c).copy_(by_values[group, chunk].transpose(1, 2))
        delta = gradients_of_block(workspace, layers, inputs, cosines, error, [part[group] for part in found])
        if found_coordinates is not None:
            found_coordinates[group, chunk] = torch.bmm(layers[0][..., :-1].transpose(1, 2), delta).transpose(1, 2)
    return found_coordinates, found


def gradients_of_block(
    workspace: Workspace,
    folded: Sequence[Tensor],
    inputs: Sequence[Tensor],
    cosines: Sequence[Tensor],
    error: Tensor,
    found: Sequence[Tensor],
) -> Tensor:
    """Add what a block gives to the gradient by the folded weights, `found`.

    Args:
        workspace: of the call.
        folded: per layer `[g, o, i + 1]`.
        inputs: as `forward` gives them.
        cosines: likewise.
        error: gradient by the values `[g, k, c]`; overwritten.
        found: per layer `[g, o, i + 1]`; added to.

    Returns:
        The gradient by what the first layer's weights give, `[g, o, c]`.
    """
    for index in range(len(folded) - 1, -1, -1):
        if index < len(cosines):
            error.mul_(cosines[index])
        found[index].baddbmm_(error, inputs[index].transpose(1, 2))
        if index > 0:
            back = folded[index][..., :-1].transpose(1, 2)
            buffer = workspace.get(("error", index % 2), back.shape[0], back.shape[1], error.shape[2])
            error = torch.bmm(back, error, out=buffer)
    return error


def forward(
    workspace: Workspace, coordinates: Tensor, folded: Sequence[Tensor], sine_output: bool
) -> tuple[list[Tensor], list[Tensor]]:
    """What each layer of a block reads `[g, i + 1, c]`, and the cosine of each sine's argument `[g, o, c]`.

    Last among the inputs is what the last layer gives, `[g, k + 1, c]`; without a sine it has no cosine.
    """
    g, c, d = coordinates.shape
    inputs, cosines = [workspace.input(("input", 0), g, d, c)], []
    inputs[0][:, :-1].copy_(coordinates.transpose(1, 2))
    for index, weight in enumerate(folded):
        output = workspace.input(("input", index + 1), g, weight.shape[1], c)
        if index == len(folded) - 1 and not sine_output:
            torch.bmm(weight, inputs[index], out=output[:, :-1])
        else:
            angle = torch.bmm(weight, inputs[index], out=workspace.get(("cosine", index), g, weight.shape[1], c))
            torch.sin(angle, out=output[:, :-1])
            cosines.append(angle.cos_())
        inputs.append(output)
    return inputs, cosines


def width_of(folded: Sequence[Tensor]) -> int:
    """Channels of the widest layer."""
    return max(weight.shape[1] for weight in folded)


def _layer_by_layer(coordinates: Tensor, folded: Sequence[Tensor], sine_output: bool) -> Tensor:
    x = coordinates
    for index, weight in enumerate(folded):
        x = torch.baddbmm(weight[..., -1].unsqueeze(1), x, weight[..., :-1].transpose(1, 2))
        if sine_output or index < len(folded) - 1:
            x = x.sin()
    return x


class _Values(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, coordinates: Tensor, sine_output: bool, *folded: Tensor) -> Tensor:
        ctx.save_for_backward(coordinates, *folded)
        ctx.sine_output = sine_output
        return evaluate(coordinates, folded, sine_output)

    @staticmethod
    def backward(ctx: Any, by_values: Tensor) -> tuple[Tensor | None, ...]:
        coordinates, *folded = ctx.saved_tensors
        by_coordinates: bool = ctx.needs_input_grad[0]
        if torch.is_grad_enabled():  # the gradient will be differentiated too: an ordinary graph can be
            variables = [coordinates, *folded] if by_coordinates else folded
            result = _layer_by_layer(coordinates, folded, ctx.sine_output)
            found = torch.autograd.grad(result, variables, by_values, create_graph=True)
            return (found[0] if by_coordinates else None, None, *found[-len(folded) :])
        first, others = gradients(coordinates, folded, ctx.sine_output, by_values, by_coordinates)
        return (first, None, *others)
