"""Instance networks as tiny-cuda-nn's CutlassMLP, which knows the sine but neither biases nor w0: for decoding only.

w0 goes into the weights. Biases are the weights of a unit that is always 1: among the inputs, which tiny-cuda-nn pads
with ones to a multiple of 16, the first padded one; in a hidden layer of width W, neuron W, whose sine is that of
pi / 2 times the unit before. Hidden layers are therefore 16 wider.
Usually tiny-cuda-nn is built for half precision. An argument of the sine in [16, 32) is then off by up to 0.008 radian
(2^-7) in every layer, and values of a trained image field by 2e-3 to 3e-3 (rms; half precision emulated): 0.05 dB of a
PSNR of 36, 1 dB of 51, more than `auto` accepts. Built with TCNN_HALF_PRECISION=0 it is as exact as float32.
Shape letters: s instances, p points, d coordinates, k values, i/o channels.
"""

import functools
import importlib.util
import math
from collections.abc import Sequence
from typing import Any, Literal

import torch
from torch import Tensor

ALIGNMENT = 16  # of inputs, neurons and outputs


def why_not(coordinates: Tensor, weights: Sequence[Tensor]) -> str | None:
    """What keeps tiny-cuda-nn from evaluating these networks, as half a sentence; none if nothing does."""
    if importlib.util.find_spec("tinycudann") is None:
        return "tiny-cuda-nn is not installed"
    if not coordinates.is_cuda:
        return f"the networks are on device '{coordinates.device.type}'"
    if not _is_importable():
        return "tiny-cuda-nn does not import here (built for another GPU or another torch)"
    if len(weights) < 2:
        return "the networks have no hidden layer"
    return None


@functools.cache
def _is_importable() -> bool:
    try:
        import tinycudann  # noqa: F401
    except (ImportError, OSError):
        return False
    return True


def is_exact(weights: Sequence[Tensor], output_activation: Literal["none", "sine"]) -> bool:
    """Whether it was built for single precision."""
    return bool(_network(*_shape(weights, output_activation)).dtype == torch.float32)


@torch.no_grad()
def values(
    coordinates: Tensor,
    weights: Sequence[Tensor],
    biases: Sequence[Tensor],
    w0: float,
    output_activation: Literal["none", "sine"],
) -> Tensor:
    """Evaluate one SIREN per instance, without gradients; arguments and result as of `layered.values`."""
    network = _network(*_shape(weights, output_activation))
    result = coordinates.new_empty(*coordinates.shape[:2], weights[-1].shape[1])
    for index, row in enumerate(parameters(weights, biases, w0, output_activation)):
        network.params.copy_(row)
        result[index] = network(coordinates[index])
    return result


def parameters(
    weights: Sequence[Tensor], biases: Sequence[Tensor], w0: float, output_activation: Literal["none", "sine"]
) -> Tensor:
    """CutlassMLP's parameters `[s, size]`: layer by layer, row by row, rows and columns padded to multiples of 16."""
    last = len(weights) - 1
    layers = []
    for index, (weight, bias) in enumerate(zip(weights, biases, strict=True)):
        instances, out, into = weight.shape
        scale = w0 if index < last or output_activation == "sine" else 1.0
        matrix = weight.new_zeros(instances, padded(out + (index < last)), padded(into + 1))
        matrix[:, :out, :into] = weight * scale
        matrix[:, :out, into] = bias * scale
        if index < last:
            matrix[:, out, into] = 0.5 * math.pi
        layers.append(matrix.flatten(1))
    return torch.cat(layers, 1)


def padded(channels: int) -> int:
    """The next multiple of 16."""
    return -(-channels // ALIGNMENT) * ALIGNMENT


def configuration(hidden_layers: int, width: int, output_activation: Literal["none", "sine"]) -> dict[str, Any]:
    """What tiny-cuda-nn is told of a network whose `hidden_layers` sine layers have `width` neurons."""
    return {
        "otype": "CutlassMLP",
        "activation": "Sine",
        "output_activation": "Sine" if output_activation == "sine" else "None",
        "n_neurons": padded(width + 1),
        "n_hidden_layers": hidden_layers,
    }


def _shape(
    weights: Sequence[Tensor], output_activation: Literal["none", "sine"]
) -> tuple[int, int, int, int, Literal["none", "sine"]]:
    return weights[0].shape[2], weights[-1].shape[1], len(weights) - 1, weights[0].shape[1], output_activation


@functools.lru_cache(maxsize=4)
def _network(dims: int, outputs: int, layers: int, width: int, output_activation: Literal["none", "sine"]) -> Any:
    import tinycudann

    return tinycudann.Network(dims, outputs, configuration(layers, width, output_activation))
