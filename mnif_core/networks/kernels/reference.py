"""Instance networks layer by layer in plain torch: any device, dtype and shape; what every kernel is compared with.

Shape letters: s instances, p points, d coordinates, k values, i/o channels.
"""

from collections.abc import Sequence
from typing import Literal

from torch import Tensor

from mnif_core.networks.siren import batched_linear, batched_sine


def values(
    coordinates: Tensor,
    weights: Sequence[Tensor],
    biases: Sequence[Tensor],
    w0: float,
    output_activation: Literal["none", "sine"],
) -> Tensor:
    """Evaluate one SIREN per instance. Differentiable, any number of times.

    Args:
        coordinates: `[s, p, d]`.
        weights: per layer `[s, o, i]`.
        biases: per layer `[s, o]`.
        w0: frequency scale.
        output_activation: `sine` if the last layer has one too.

    Returns:
        `[s, p, k]`.
    """
    x = coordinates
    last = len(weights) - 1
    for index, (weight, bias) in enumerate(zip(weights, biases, strict=True)):
        if index == last and output_activation == "none":
            x = batched_linear(x, weight, bias)
        else:
            x = batched_sine(x, weight, bias, w0)
    return x
