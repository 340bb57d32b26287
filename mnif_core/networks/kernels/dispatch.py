"""Which backend evaluates SIRENs: as in nerfstudio, the best that the machine has, unless one is asked for."""

import functools
from typing import Literal

import torch
from torch import Tensor

from mnif_core.errors import ConfigError
from mnif_core.networks.kernels.backend import Backend
from mnif_core.networks.kernels.cpu.backend import TILED
from mnif_core.networks.kernels.reference import REFERENCE
from mnif_core.networks.kernels.tiny_cuda_nn import TINY_CUDA_NN, is_exact
from mnif_core.networks.kernels.triton.launch import FUSED
from mnif_core.networks.siren import OutputActivation, Siren

Implementation = Literal["auto", "torch", "triton", "tcnn"]

TRIED_POINTS = 1 << 16  # on which tiny-cuda-nn is timed


def chosen(implementation: Implementation, siren: Siren, coordinates: Tensor) -> Backend:
    """The backend for these networks and coordinates `[instances, points, d]`.

    `torch` is `TILED` on a CPU, `REFERENCE` elsewhere. `triton` is `FUSED`. `tcnn` decodes by tiny-cuda-nn, and where
    gradients are wanted does as `auto`. `auto` takes `FUSED` on a GPU that it serves, or tiny-cuda-nn for decoding
    where that is built for single precision and was faster when tried, once; and `torch` everywhere else. Where
    nothing else serves, `REFERENCE` does.

    Raises:
        ConfigError: what is asked for is not to be had.
    """
    if implementation == "triton":
        _demand("triton", FUSED, siren, coordinates)
        return FUSED
    decoding = not siren.is_learned and not (torch.is_grad_enabled() and coordinates.requires_grad)
    if implementation == "tcnn":
        _demand("tcnn", TINY_CUDA_NN, siren, coordinates)
        if decoding:
            return TINY_CUDA_NN
    if implementation == "torch" or not coordinates.is_cuda:
        return TILED if TILED.why_not(siren, coordinates) is None else REFERENCE
    best = FUSED if FUSED.why_not(siren, coordinates) is None else REFERENCE
    if decoding and TINY_CUDA_NN.why_not(siren, coordinates) is None:
        shapes = tuple((weight.shape[1], weight.shape[2]) for weight in siren.weights)
        kind = coordinates.device, coordinates.dtype
        if _tcnn_wins(best, *kind, shapes, siren.w0, siren.output_activation):
            return TINY_CUDA_NN
    return best


def _demand(name: Implementation, backend: Backend, siren: Siren, coordinates: Tensor) -> None:
    reason = backend.why_not(siren, coordinates)
    if reason is not None:
        raise ConfigError(f"implementation '{name}' is not to be had: {reason}; choose auto or torch")


@functools.cache
def _tcnn_wins(
    other: Backend,
    device: torch.device,
    dtype: torch.dtype,
    shapes: tuple[tuple[int, int], ...],
    w0: float,
    output_activation: OutputActivation,
) -> bool:
    weights = tuple(torch.rand(1, *shape, device=device, dtype=dtype) / 100.0 for shape in shapes)
    biases = tuple(torch.rand(1, out, device=device, dtype=dtype) for out, _ in shapes)
    siren = Siren(weights, biases, w0, output_activation)
    coordinates = torch.rand(1, TRIED_POINTS, shapes[0][1], device=device, dtype=dtype)
    if not is_exact(siren):
        return False

    @torch.no_grad()
    def milliseconds(backend: Backend) -> float:
        backend.values(siren, coordinates)
        start, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
        start.record()
        for _ in range(10):
            backend.values(siren, coordinates)
        end.record()
        end.synchronize()
        return start.elapsed_time(end)

    with torch.cuda.device(device):
        return milliseconds(TINY_CUDA_NN) < milliseconds(other)
