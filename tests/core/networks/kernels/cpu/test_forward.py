"""Blocked evaluation on a CPU against the equations in double precision, and its derivatives against autograd's."""

import subprocess
import sys

import pytest
import torch
from torch import Tensor

from mnif_core.networks.instance_networks import InstanceNetworks
from mnif_core.networks.kernels.cpu.backend import TILED
from tests.core.networks.kernels.small_networks import every_shape, layer_by_layer, networks, points
from tests.gradients import assert_same_gradients


@every_shape
@pytest.mark.usefixtures("cut")
def test_values_and_gradients_are_those_of_the_layers(layers: int, output: str) -> None:
    ours, x = networks(layers, output, requires_grad=True), points().requires_grad_()
    variables = [x, *ours.weights, *ours.biases]
    values, expected = ours(x), layer_by_layer(ours, x)
    torch.testing.assert_close(values, expected, atol=1e-12, rtol=0)
    weight = torch.randn(values.shape, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    assert_same_gradients(values, expected, variables, weight, atol=1e-11, rtol=1e-11)


@every_shape
@pytest.mark.usefixtures("cut")
def test_values_can_be_differentiated_twice(layers: int, output: str) -> None:
    ours, x = networks(layers, output, requires_grad=True), points().requires_grad_()
    variables = [x, *ours.weights, *ours.biases]

    def second(values: Tensor) -> list[Tensor | None]:
        first = torch.autograd.grad(values.square().sum(), variables, create_graph=True)
        return list(torch.autograd.grad(sum(part.square().sum() for part in first), variables))  # type: ignore[arg-type]

    for one, other in zip(second(ours(x)), second(layer_by_layer(ours, x)), strict=True):
        torch.testing.assert_close(one, other, atol=1e-9, rtol=1e-9)


def test_single_precision_differs_by_its_rounding_alone() -> None:
    exact, x = networks(3, "sine"), points(5000)
    single = InstanceNetworks(
        tuple(w.float() for w in exact.weights), tuple(b.float() for b in exact.biases), exact.w0, "sine"
    )
    theirs = (layer_by_layer(single, x.float()) - exact(x)).abs().max()
    assert (single(x.float()) - exact(x)).abs().max() < 1.5 * theirs < 1e-5


def test_no_points_give_no_values() -> None:
    assert networks(1, "sine")(points(11)[:, :0]).shape == (3, 0, 3)


def test_weights_that_all_instances_share_are_not_copied_for_each() -> None:
    shared = networks(1, "sine")
    weights = tuple(weight[:1].expand(3, -1, -1) for weight in shared.weights)
    same = InstanceNetworks(weights, shared.biases, shared.w0, "sine")
    assert TILED.why_not(same, points()) is not None
    torch.testing.assert_close(same(points()), layer_by_layer(same, points()))


MEASURED = """
import pathlib, torch
from mnif_core.networks.mixture import MixtureSiren
from mnif_core.presets import PRESETS
from mnif_core.signals.{module} import {signal}

mixture = MixtureSiren(PRESETS["{preset}"].modulation)
with torch.no_grad():
    decoded = {signal}().decode(mixture.instance(mixture.mean_latent()[None]), {options})
assert decoded.shape == {shape} and 0 <= decoded.min() and decoded.max() <= 1
# not getrusage, which counts what the parent held when it started this
print(1024 * int(pathlib.Path("/proc/self/status").read_text().split("VmHWM:")[1].split()[0]))
"""


@pytest.mark.parametrize(
    ("module", "signal", "preset", "options", "shape"),
    [
        ("images", "ImageSignal", "image-tiny", "2048, 2048", (1, 2048, 2048, 3)),
        pytest.param("voxels", "VoxelSignal", "voxel-tiny", "512", (1, 512, 512, 512), marks=pytest.mark.slow),
    ],
)
@pytest.mark.skipif(sys.platform != "linux", reason="reads Linux's peak memory")
def test_the_whole_process_decodes_in_two_gigabytes(
    module: str, signal: str, preset: str, options: str, shape: tuple[int, ...]
) -> None:
    code = MEASURED.format(module=module, signal=signal, preset=preset, options=options, shape=shape)
    output = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert int(output) < 2e9
