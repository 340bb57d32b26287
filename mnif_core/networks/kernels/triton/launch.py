"""Instance networks on a GPU: one Triton kernel forward, one backward, activations never in memory.

For decoding, and for training by first-order gradients (auto-decoding, the outer step of meta-learning). A second
derivative through `values` is taken layer by layer instead; the inner steps of meta-learning do not come here at all.
Shape letters: s instances, p points, d coordinates, k values, i/o channels.
"""

import contextlib
import functools
import importlib.util
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch import Tensor

from mnif_core.networks.kernels.backend import Backend
from mnif_core.networks.kernels.reference import REFERENCE
from mnif_core.networks.siren import Siren

Precision = Literal["tf32", "tf32x3"]
PRECISION: Precision = "tf32"
"""How tensor cores read the factors of all layers but the first, which is float32. `tf32`: rounded to 10 bits of
fraction, an error of up to 5e-4 of each factor: values of a trained image field, in [-1, 1], move by 3e-4 (rms), its
PSNR at 30 to 36 dB by less than 0.05 dB. `tf32x3`: in two parts, three products for one, as exact as float32."""

# width: (points of a block forward, backward, warps): at most two registers of a thread spill on sm_80 and sm_90
TILES = {32: (128, 64, 4), 64: (128, 32, 4), 128: (64, 32, 8)}
MOST_VALUES = 16  # columns of the kernels' last product
MOST_POINTS = 1 << 27  # offsets within an instance are 32 bits
PROGRAMS_PER_PROCESSOR = 2  # of the backward kernel: what its registers let run at once


class Fused(Backend):
    """One kernel forward, one backward, in float32. Weights that instances share are copied once per instance.

    Args:
        precision: see `PRECISION`.
    """

    works_in_pieces = True

    def __init__(self, precision: Precision = PRECISION) -> None:
        self.precision: Precision = precision

    def why_not(self, siren: Siren, coordinates: Tensor) -> str | None:
        """See `Backend.why_not`."""
        out, width = siren.weights[-1].shape[-2:]
        if not _triton_is_installed():
            return "Triton is not installed"
        if coordinates.is_cuda:
            if torch.version.hip is not None:
                return "the kernels are written for NVIDIA GPUs"
            if torch.cuda.get_device_capability(coordinates.device) < (8, 0):
                return "the GPU is older than compute capability 8.0"
        elif not _interpreting():
            return f"the networks are on device '{coordinates.device.type}'"
        dtype = siren.weights[0].dtype
        if coordinates.dtype != torch.float32 or dtype != torch.float32:
            return f"the networks are {str(dtype).removeprefix('torch.')}, not float32"
        if width not in TILES or len(siren.weights) < 2 or out > MOST_VALUES:
            widths = "the kernels know widths 32, 64 and 128, values to 16"
            return f"the networks have width {width} and {out} values; {widths}"
        if coordinates.shape[1] >= MOST_POINTS:
            return f"there are {MOST_POINTS} points or more in one call"
        if siren.features is not None:
            return "the networks read features"
        return None

    def values(self, siren: Siren, coordinates: Tensor) -> Tensor:
        """See `Backend.values`."""
        network = _Network(
            dims=siren.weights[0].shape[2],
            width=siren.weights[0].shape[1],
            hidden=len(siren.weights) - 2,
            outputs=siren.weights[-1].shape[1],
            w0=siren.w0,
            sine_output=siren.sine_output,
            precision=self.precision,
        )
        return _Fused.apply(coordinates, pack(siren), network)


FUSED = Fused()


def pack(siren: Siren) -> Tensor:
    """All parameters of an instance in one row `[s, size]`: layer by layer, weight `[o, i]` then bias `[o]`."""
    layers = zip(siren.weights, siren.biases, strict=True)
    return torch.cat([part.flatten(1) for layer in layers for part in layer], 1)


@dataclass(frozen=True)
class _Network:
    dims: int
    width: int
    hidden: int
    outputs: int
    w0: float
    sine_output: bool
    precision: Precision

    def unpack(self, parameters: Tensor) -> Siren:
        """The inverse of `pack`, as views."""
        channels = [self.dims, *[self.width] * (self.hidden + 1), self.outputs]
        shapes = [(o, i) for i, o in zip(channels, channels[1:], strict=False)]
        parts = parameters.split([size for o, i in shapes for size in (o * i, o)], 1)
        weights = [part.unflatten(1, shape) for part, shape in zip(parts[::2], shapes, strict=True)]
        return Siren(tuple(weights), tuple(parts[1::2]), self.w0, "sine" if self.sine_output else "none")

    @property
    def turns(self) -> float:
        """What turns a preactivation into turns of the sine's argument."""
        return self.w0 / (2.0 * math.pi)

    def constants(self) -> dict[str, Any]:
        """What the kernels are compiled for."""
        return {
            "dims": self.dims,
            "width": self.width,
            "hidden": self.hidden,
            "outputs": self.outputs,
            "sine_output": self.sine_output,
            "precision": self.precision,
            "hardware": not _interpreting(),
            "num_warps": TILES[self.width][2],
            "num_stages": 1,
        }


def block_of(network: _Network, forward: bool) -> int:
    """Points of a block: fewer where each factor of a product is in two parts."""
    points = TILES[network.width][0 if forward else 1]
    return points // 2 if forward and network.precision == "tf32x3" else points


class _Fused(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, coordinates: Tensor, parameters: Tensor, network: _Network) -> Tensor:
        ctx.network = network
        ctx.save_for_backward(coordinates, parameters)
        return _evaluate(coordinates.contiguous(), parameters, network)

    @staticmethod
    def backward(ctx: Any, *value_gradients: Tensor) -> tuple[Tensor | None, Tensor | None, None]:
        coordinates, parameters = ctx.saved_tensors
        wanted = ctx.needs_input_grad[:2]
        if torch.is_grad_enabled():
            return _differentiable_gradients(coordinates, parameters, value_gradients[0], ctx.network, wanted)
        by_coordinates, by_parameters = _gradients(
            coordinates.contiguous(), parameters, value_gradients[0].contiguous(), ctx.network, wanted[0]
        )
        return by_coordinates, by_parameters if wanted[1] else None, None


def _evaluate(coordinates: Tensor, parameters: Tensor, network: _Network) -> Tensor:
    from mnif_core.networks.kernels.triton.kernels import forward_kernel

    instances, points, _ = coordinates.shape
    values = coordinates.new_empty(instances, points, network.outputs)
    block = block_of(network, forward=True)
    blocks = -(-points // block)
    if instances * blocks:
        with _on(coordinates):
            forward_kernel[(instances * blocks,)](
                coordinates, parameters, values, points, blocks, network.turns, block=block, **network.constants()
            )
    return values


def _gradients(
    coordinates: Tensor, parameters: Tensor, value_gradients: Tensor, network: _Network, want_coordinates: bool
) -> tuple[Tensor | None, Tensor]:
    """Gradients by coordinates, if wanted, and by parameters; the same bits each time."""
    from mnif_core.networks.kernels.triton.kernels import backward_kernel

    instances, points, _ = coordinates.shape
    block = block_of(network, forward=False)
    blocks = -(-points // block)
    by_coordinates = torch.empty_like(coordinates) if want_coordinates else None
    if instances * blocks == 0:
        return by_coordinates, torch.zeros_like(parameters)
    blocks_per_chunk = -(-blocks * instances // _programs_at_once(coordinates.device))
    chunks = -(-blocks // blocks_per_chunk)
    programs = instances * chunks
    sums = parameters.new_zeros(programs, parameters.shape[1])
    phases = parameters.new_empty(programs, network.hidden, block, network.width)
    with _on(coordinates):
        backward_kernel[(programs,)](
            coordinates,
            parameters,
            value_gradients,
            phases,
            sums,
            coordinates if by_coordinates is None else by_coordinates,
            points,
            blocks,
            chunks,
            blocks_per_chunk,
            network.turns,
            block=block,
            want_coordinates=want_coordinates,
            **network.constants(),
        )
    return by_coordinates, sums.unflatten(0, (instances, chunks)).sum(1)


def _differentiable_gradients(
    coordinates: Tensor, parameters: Tensor, value_gradients: Tensor, network: _Network, wanted: Sequence[bool]
) -> tuple[Tensor | None, Tensor | None, None]:
    """The same gradients as a graph, layer by layer."""
    values = REFERENCE.values(network.unpack(parameters), coordinates)
    inputs = [tensor for tensor, want in zip((coordinates, parameters), wanted, strict=True) if want]
    gradients = iter(torch.autograd.grad(values, inputs, value_gradients, create_graph=True))
    return next(gradients) if wanted[0] else None, next(gradients) if wanted[1] else None, None


def _programs_at_once(device: torch.device) -> int:
    if device.type != "cuda":
        return 4
    return PROGRAMS_PER_PROCESSOR * torch.cuda.get_device_properties(device).multi_processor_count


def _on(tensor: Tensor) -> contextlib.AbstractContextManager[Any]:
    return torch.cuda.device(tensor.device) if tensor.is_cuda else contextlib.nullcontext()


@functools.cache
def _triton_is_installed() -> bool:
    return importlib.util.find_spec("triton") is not None


def _interpreting() -> bool:
    """Whether Triton's kernels run in its interpreter (TRITON_INTERPRET=1 when it is imported)."""
    from triton import knobs

    return bool(knobs.runtime.interpret)
