"""The compiled sine against double precision: everywhere, at the ends of its range, and where floats end."""

import math

import pytest
import torch
from torch import Tensor

from mnif_core.networks.instance_networks import InstanceNetworks
from mnif_core.networks.kernels.cpu.sine_choice import VARIABLE, chosen_sines
from mnif_core.networks.kernels.cpu.sines import TORCH, Sines, compiled_sines
from tests.core.networks.kernels.small_networks import every_shape, networks, points

SINGLE = 2e-7  # two roundings of a value near 1


@pytest.fixture(params=["torch", "compiled"])
def sines(request: pytest.FixtureRequest) -> Sines:
    found = TORCH if request.param == "torch" else compiled_sines()
    if found is None:
        pytest.skip("needs numba, and torch with GNU's OpenMP")
    return found


def both(sines: Sines, angles: Tensor) -> tuple[Tensor, Tensor]:
    """Sines and cosines of angles of any shape; the two ways to a sine give the same bits."""
    rows = angles.reshape(1, -1)
    alone, sine, cosine = torch.empty_like(rows), torch.empty_like(rows), rows.clone()
    sines.sine(rows, alone)
    sines.sine_and_cosine(cosine, sine)
    assert torch.equal(alone.view(torch.int32), sine.view(torch.int32)) or bool(sine.isnan().any())
    return sine.view_as(angles), cosine.view_as(angles)


def neighbours(angles: Tensor) -> Tensor:
    """Each angle, and the floats beside it."""
    infinity = torch.tensor(math.inf)
    return torch.cat([angles, angles.nextafter(infinity), angles.nextafter(-infinity)])


MULTIPLES = torch.arange(-8000, 8001).double() * (0.5 * math.pi)
ANGLES = {
    "between -1000 and 1000": torch.linspace(-1000.0, 1000.0, 2_000_001, dtype=torch.float64),
    "around the ends": torch.tensor([-1000.0, 1000.0]),
    "around multiples of half pi": MULTIPLES,
    "small": torch.cat([sign * torch.logspace(-44, 0, 5000, dtype=torch.float64) for sign in (1.0, -1.0)]),
    "around the end of the reduction": torch.linspace(8190.0, 8194.0, 20_001),
    "beyond it": torch.logspace(4, 38, 5000, dtype=torch.float64),
}


@pytest.mark.parametrize("angles", ANGLES.values(), ids=ANGLES)
def test_the_error_is_that_of_rounding(sines: Sines, angles: Tensor) -> None:
    angles = neighbours(angles.float())
    sine, cosine = both(sines, angles)
    assert (sine - angles.double().sin()).abs().max() < SINGLE
    assert (cosine - angles.double().cos()).abs().max() < SINGLE


def test_zeros_keep_their_sign_and_denormals_are_their_own_sines(sines: Sines) -> None:
    tiny = torch.tensor([0.0, -0.0, 1.4e-45, -1.4e-45, 1e-40, -1e-40, 1.1754942e-38, 1.1754944e-38])
    sine, cosine = both(sines, tiny)
    assert torch.equal(sine.view(torch.int32), tiny.view(torch.int32))
    assert torch.equal(cosine, torch.ones(8))


def test_what_has_no_sine_gives_nan_and_disturbs_no_other(sines: Sines) -> None:
    angles = torch.tensor([1.0, math.inf, 2.0, -math.inf, 3.0, math.nan, 4.0]).repeat(100)
    sine, cosine = both(sines, angles)
    lost = torch.tensor([False, True, False, True, False, True, False]).repeat(100)
    assert torch.equal(sine.isnan(), lost) and torch.equal(cosine.isnan(), lost)
    assert (sine - angles.double().sin())[~lost].abs().max() < SINGLE


def test_values_do_not_depend_on_their_place_or_on_threads(sines: Sines) -> None:
    if sines is TORCH:
        pytest.skip("Intel's library promises less")
    angles = torch.linspace(-1000.0, 1000.0, 200_003)
    angles[::1000] *= 100.0  # some beyond the reduction
    whole = both(sines, angles)
    threads = torch.get_num_threads()
    try:
        torch.set_num_threads(1)
        pieces = [both(sines, piece) for piece in angles.split(77_777)]
    finally:
        torch.set_num_threads(threads)
    for one, parts in zip(whole, zip(*pieces, strict=True), strict=True):
        assert torch.equal(one, torch.cat(parts))


def test_rows_may_lie_apart_and_what_is_between_stays(sines: Sines) -> None:
    angles, room = torch.randn(5, 3, 40_000)[:, :2], torch.full((5, 4, 40_000), 7.0)
    expected = angles.double()
    sines.sine_and_cosine(angles, room[:, :2])
    assert (room[:, :2] - expected.sin()).abs().max() < SINGLE and (angles - expected.cos()).abs().max() < SINGLE
    assert bool((room[:, 2:] == 7.0).all())
    sines.sine(angles[:0], room[:0, :2])


@every_shape
@pytest.mark.parametrize("name", ["torch", "compiled"])
def test_networks_and_their_gradients_are_as_exact(
    layers: int, output: str, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if name == "compiled" and compiled_sines() is None:
        pytest.skip("needs numba, and torch with GNU's OpenMP")
    monkeypatch.setenv(VARIABLE, name)
    chosen_sines.cache_clear()
    try:
        exact, x = networks(layers, output, requires_grad=True), points(3000)
        single = InstanceNetworks(
            tuple(w.detach().float().requires_grad_() for w in exact.weights),
            tuple(b.detach().float().requires_grad_() for b in exact.biases),
            exact.w0,
            exact.output_activation,
        )
        values, expected = single(x.float()), exact(x)
        assert (values - expected).abs().max() < 1e-5
        ours = torch.autograd.grad(values.square().mean(), [*single.weights, *single.biases])
        theirs = torch.autograd.grad(expected.square().mean(), [*exact.weights, *exact.biases])
        for one, other in zip(ours, theirs, strict=True):
            assert (one - other).abs().max() < 1e-5 * other.abs().max()
    finally:
        chosen_sines.cache_clear()
