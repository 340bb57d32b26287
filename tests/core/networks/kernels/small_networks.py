"""Three small networks in double precision, and what they should give, layer by layer."""

from dataclasses import replace

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


def waves(x: Tensor) -> Tensor:
    """Four functions of two coordinates."""
    return torch.cat([(3.0 * x).sin(), x.square()], -1)


def with_features(layers: int, output: str) -> InstanceNetworks:
    plain = networks(layers, output, requires_grad=True)
    generator = torch.Generator().manual_seed(7)
    shapes = [(3, weight.shape[1], 4) for weight in plain.weights]
    columns = [torch.rand(shape, generator=generator, dtype=torch.float64) - 0.5 for shape in shapes]
    return replace(plain, features=waves, feature_weights=tuple(column.requires_grad_() for column in columns))


def by_hand(siren: InstanceNetworks, x: Tensor) -> Tensor:
    """One instance, one point at a time: sin(w0 (W [previous, features] + b))."""
    values = []
    for instance in range(len(x)):
        for point in x[instance]:
            read, psi = point, waves(point)
            for layer, weight in enumerate(siren.weights):
                row = torch.cat([weight[instance], siren.feature_weights[layer][instance]], 1)
                read = row @ torch.cat([read, psi]) + siren.biases[layer][instance]
                if layer < len(siren.weights) - 1 or siren.output_activation == "sine":
                    read = (siren.w0 * read).sin()
            values.append(read)
    return torch.stack(values).view(len(x), x.shape[1], -1)
