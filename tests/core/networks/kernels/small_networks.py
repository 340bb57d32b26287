"""Three small networks in double precision, and what they should give, layer by layer."""

import pytest
import torch
from torch import Tensor

from mnif_core.networks.instance_networks import InstanceNetworks
from mnif_core.networks.kernels.reference import REFERENCE

every_shape = pytest.mark.parametrize(("layers", "output"), [(0, "none"), (1, "sine"), (3, "none"), (3, "sine")])


def networks(layers: int, output: str, requires_grad: bool = False) -> InstanceNetworks:
    generator = torch.Generator().manual_seed(layers)
    channels = [2, *[6] * (layers + 1), 3]
    shapes = list(zip(channels[1:], channels, strict=False))

    def draw(*shape: int) -> Tensor:
        values = torch.rand(3, *shape, generator=generator, dtype=torch.float64) - 0.5
        return values.requires_grad_(requires_grad)

    weights, biases = [draw(o, i) for o, i in shapes], [draw(o) for o, _ in shapes]
    return InstanceNetworks(tuple(weights), tuple(biases), 3.0, output)  # type: ignore[arg-type]


def layer_by_layer(networks: InstanceNetworks, x: Tensor) -> Tensor:
    return REFERENCE.values(networks, x)


def points(count: int = 11, channels: int = 2) -> Tensor:
    generator = torch.Generator().manual_seed(count)
    return torch.rand(3, count, channels, generator=generator, dtype=torch.float64) * 2 - 1
