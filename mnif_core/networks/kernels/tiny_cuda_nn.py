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
from typing import Any

import torch
from torch import Tensor

from mnif_core.networks.kernels.backend import Backend
from mnif_core.networks.siren import OutputActivation, Siren

ALIGNMENT = 16  # channels: inputs, neurons and outputs come in multiples


class TinyCudaNn(Backend):
    """Decodes, without gradients, one network after the other."""

    def why_not(self, siren: Siren, coordinates: Tensor) -> str | None:
        """See `Backend.why_not`."""
        if importlib.util.find_spec("tinycudann") is None:
            return "tiny-cuda-nn is not installed"
        if not coordinates.is_cuda:
            return f"the networks are on device '{coordinates.device.type}'"
        if not _is_importable():
            return "tiny-cuda-nn does not import here (built for another GPU or another torch)"
        if len(siren.weights) < 2:
            return "the networks have no hidden layer"
        if siren.features is not None:
            return "the networks read features"
        return None

    @torch.no_grad()
    def values(self, siren: Siren, coordinates: Tensor) -> Tensor:
        """See `Backend.values`."""
        network = _network(*_shape(siren))
        result = coordinates.new_empty(*coordinates.shape[:2], siren.weights[-1].shape[1])
        for index, row in enumerate(parameters(siren)):
            network.params.copy_(row)
            result[index] = network(coordinates[index])
        return result


TINY_CUDA_NN = TinyCudaNn()


def is_exact(siren: Siren) -> bool:
    """Whether it was built for single precision."""
    return bool(_network(*_shape(siren)).dtype == torch.float32)


def parameters(siren: Siren) -> Tensor:
    """CutlassMLP's parameters `[s, size]`: layer by layer, row by row, rows and columns padded to multiples of 16."""
    last = len(siren.weights) - 1
    layers = []
    for index, folded in enumerate(siren.folded()):
        instances, out, into = folded.shape
        matrix = folded.new_zeros(instances, padded(out + (index < last)), padded(into))
        matrix[:, :out, :into] = folded
        if index < last:
            matrix[:, out, into - 1] = 0.5 * math.pi
        layers.append(matrix.flatten(1))
    return torch.cat(layers, 1)


@functools.cache
def _is_importable() -> bool:
    try:
        import tinycudann  # noqa: F401
    except (ImportError, OSError):
        return False
    return True


def padded(channels: int) -> int:
    """The next multiple of 16."""
    return -(-channels // ALIGNMENT) * ALIGNMENT


def configuration(hidden_layers: int, width: int, output_activation: OutputActivation) -> dict[str, Any]:
    """What tiny-cuda-nn is told of a network whose `hidden_layers` sine layers have `width` neurons."""
    return {
        "otype": "CutlassMLP",
        "activation": "Sine",
        "output_activation": "Sine" if output_activation == "sine" else "None",
        "n_neurons": padded(width + 1),
        "n_hidden_layers": hidden_layers,
    }


def _shape(siren: Siren) -> tuple[int, int, int, int, OutputActivation]:
    first, last = siren.weights[0], siren.weights[-1]
    return first.shape[2], last.shape[1], len(siren.weights) - 1, first.shape[1], siren.output_activation


@functools.lru_cache(maxsize=4)
def _network(dims: int, outputs: int, layers: int, width: int, output_activation: OutputActivation) -> Any:
    import tinycudann

    return tinycudann.Network(dims, outputs, configuration(layers, width, output_activation))
