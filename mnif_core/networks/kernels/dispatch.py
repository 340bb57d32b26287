"""Which code evaluates instance networks: as in nerfstudio, the best that the machine has, unless one is asked for.

Shape letters: s instances, p points, d coordinates, k values, i/o channels.
"""

import functools
from collections.abc import Callable, Sequence
from typing import Literal

import torch
from torch import Tensor

from mnif_core.errors import ConfigError
from mnif_core.networks.kernels import reference as layered
from mnif_core.networks.kernels import tiny_cuda_nn
from mnif_core.networks.kernels.cpu import forward as tiled
from mnif_core.networks.kernels.triton import launch as fused

Implementation = Literal["auto", "torch", "triton", "tcnn"]
Activation = Literal["none", "sine"]
Evaluate = Callable[[Tensor, Sequence[Tensor], Sequence[Tensor], float, Activation], Tensor]

TRIED_POINTS = 1 << 16  # on which tiny-cuda-nn is timed


def chosen(
    implementation: Implementation,
    coordinates: Tensor,
    weights: Sequence[Tensor],
    biases: Sequence[Tensor],
    w0: float,
    output_activation: Activation,
) -> Evaluate:
    """The function that evaluates these networks, with the arguments and result of `layered.values`.

    `torch` is `tiled` on a CPU, `layered` elsewhere. `triton` is `fused`. `tcnn` decodes by tiny-cuda-nn, and where
    gradients are wanted does as `auto`. `auto` takes `fused` on a GPU that it serves, or tiny-cuda-nn for decoding
    where that is built for single precision and was faster when tried, once; and `torch` everywhere else.

    Raises:
        ConfigError: what is asked for is not to be had.
    """
    if implementation == "triton":
        _demand("triton", fused.why_not(coordinates, weights))
        return fused.values
    decoding = not (torch.is_grad_enabled() and any(t.requires_grad for t in (coordinates, *weights, *biases)))
    if implementation == "tcnn":
        _demand("tcnn", tiny_cuda_nn.why_not(coordinates, weights))
        if decoding:
            return tiny_cuda_nn.values
    on_gpu = implementation != "torch" and coordinates.is_cuda
    if not on_gpu:
        return tiled.values if tiled.serves(coordinates, weights) else layered.values
    best = fused.values if fused.why_not(coordinates, weights) is None else layered.values
    if decoding and tiny_cuda_nn.why_not(coordinates, weights) is None:
        shapes = tuple((weight.shape[1], weight.shape[2]) for weight in weights)
        if _tcnn_wins(best, coordinates.device, coordinates.dtype, shapes, w0, output_activation):
            return tiny_cuda_nn.values
    return best


def _demand(name: Implementation, reason: str | None) -> None:
    if reason is not None:
        raise ConfigError(f"implementation '{name}' is not to be had: {reason}; choose auto or torch")


@functools.cache
def _tcnn_wins(
    other: Evaluate,
    device: torch.device,
    dtype: torch.dtype,
    shapes: tuple[tuple[int, int], ...],
    w0: float,
    output_activation: Activation,
) -> bool:
    weights = [torch.rand(1, *shape, device=device, dtype=dtype) / 100.0 for shape in shapes]
    biases = [torch.rand(1, out, device=device, dtype=dtype) for out, _ in shapes]
    coordinates = torch.rand(1, TRIED_POINTS, shapes[0][1], device=device, dtype=dtype)
    if not tiny_cuda_nn.is_exact(weights, output_activation):
        return False

    @torch.no_grad()
    def milliseconds(evaluate: Evaluate) -> float:
        evaluate(coordinates, weights, biases, w0, output_activation)
        start, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
        start.record()
        for _ in range(10):
            evaluate(coordinates, weights, biases, w0, output_activation)
        end.record()
        end.synchronize()
        return start.elapsed_time(end)

    with torch.cuda.device(device):
        return milliseconds(tiny_cuda_nn.values) < milliseconds(other)
