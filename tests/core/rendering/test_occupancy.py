"""Rendering without empty space: equal to the full evaluation within its tolerance, for fewer points."""

from typing import Any

import nerfacc
import pytest
import torch
from torch import Tensor

from mnif_core.networks.mixture import MixtureConfig, MixtureSiren
from mnif_core.rendering.cameras import look_at_origin_opengl
from mnif_core.rendering.occupancy import Occupancy
from mnif_core.rendering.volume import RenderedRays
from mnif_core.signals.scenes import TOLERANCE, SceneSignal

pytestmark = pytest.mark.filterwarnings("ignore::FutureWarning")


class FoggyBall:
    """Stands in for one instance network: a soft red ball of radius 0.3 in grey fog; counts what is evaluated."""

    num_instances = 1
    weights = (torch.zeros(1),)

    def __init__(self, fog: float) -> None:
        self.fog, self.points = fog, 0

    def __call__(self, points: Tensor) -> Tensor:
        self.points += points.shape[1]
        solid = 20 * torch.sigmoid((0.3 - points.norm(dim=-1)) * 60) + self.fog
        # what softplus_density turns into `solid`
        raw = (0.1 * solid).expm1().log()
        colour = torch.where(solid[..., None] > 1.0, torch.tensor([1.0, -1.0, -1.0]), torch.tensor([-0.5, -0.5, -0.5]))
        return torch.cat([colour, raw[..., None]], dim=-1)

    def evaluate(self, points: Tensor, points_per_chunk: int) -> Tensor:
        return self(points[None])

    def __getitem__(self, index: int) -> "FoggyBall":
        return self


SIGNAL = SceneSignal(samples_per_ray=24, density="softplus", height=32, width=32, focal=33.0)


def rendered(signal: SceneSignal, networks: object, camera: Tensor, occupancy: Occupancy | None) -> RenderedRays:
    occupancies = None if occupancy is None else [occupancy]
    return signal.render_view(networks, camera, occupancies=occupancies)  # type: ignore[arg-type]


@pytest.mark.parametrize("fog", [1e-4, 1e-3, 1e-2, 0.1])
def test_views_differ_by_less_than_the_tolerance(fog: float) -> None:
    ball = FoggyBall(fog)
    occupancy = SIGNAL.occupancy(ball)  # type: ignore[arg-type]
    assert (occupancy.share < 0.1) == (fog < 5e-3)
    for elevation in (-20.0, 12.0, 80.0):
        camera = look_at_origin_opengl(torch.tensor([2.0]), elevation / 57.3, 1.3)[0]
        full, ball.points = rendered(SIGNAL, ball, camera, None), 0
        spared = rendered(SIGNAL, ball, camera, occupancy)
        assert float((full.color - spared.color).abs().max()) <= TOLERANCE
        assert (ball.points < 0.3 * 32 * 32 * 24) == (fog < 5e-3)


def test_a_tighter_tolerance_is_kept() -> None:
    ball, camera = FoggyBall(1e-3), SIGNAL.orbit(1)[0]
    full = rendered(SIGNAL, ball, camera, None)
    for tolerance in (0.02, 5e-4):
        occupancy = SIGNAL.occupancy(ball, tolerance)  # type: ignore[arg-type]
        spared = rendered(SIGNAL, ball, camera, occupancy)
        assert float((full.color - spared.color).abs().max()) <= tolerance


def test_rays_beside_the_box_cost_nothing() -> None:
    ball = FoggyBall(1e-4)
    occupancy = SIGNAL.occupancy(ball)  # type: ignore[arg-type]
    assert -0.45 < float(occupancy.low.min()) < -0.3 and 0.3 < float(occupancy.high.max()) < 0.45
    origins = torch.tensor([[1.3, 0.0, 0.0], [1.3, 0.0, 0.0], [1.3, 0.5, 0.0]])
    directions = torch.tensor([[-1.0, 0.6, 0.0], [-1.0, 0.0, 0.0], [-1.0, 0.0, 0.0]])
    assert occupancy.crosses(origins, directions).tolist() == [False, True, False]
    assert not bool(occupancy.crosses(origins, -directions).any())  # it lies behind
    ball.points = 0
    seen = SIGNAL.render_filled(ball, occupancy, origins[[0, 2]], directions[[0, 2]])  # type: ignore[arg-type]
    assert ball.points == 0
    assert torch.equal(seen.color, torch.ones(2, 3)) and not bool(seen.accumulation.any())


def test_weights_are_nerfaccs_of_the_filled_samples() -> None:
    torch.manual_seed(0)
    networks = MixtureSiren(MixtureConfig(hidden_layers=1, width=8, num_bases=3, latent_dim=4)).instance(
        torch.randn(1, 4)
    )
    density = torch.rand(5, 5, 5)
    occupancy = Occupancy.above(0.9, density, reach=0.5)
    camera = SIGNAL.orbit(1)[0]
    directions = SIGNAL._rays(camera, None, 12, 12)
    origins = camera[:, 3].expand_as(directions)
    with torch.no_grad():
        seen = SIGNAL.render_filled(networks, occupancy, origins, directions)
        steps = torch.linspace(0.8, 1.8, 24).expand(len(origins), 24)
        points = origins[:, None] + directions[:, None] * steps[..., None]
        values = networks(points.view(1, -1, 3)).view(-1, 24, 4)
    cell = ((points + 0.5) * 4).floor().long()
    inside = ((cell >= 0) & (cell < 4)).all(-1)
    corners = torch.stack([density[i : i + 4, j : j + 4, k : k + 4] for i in (0, 1) for j in (0, 1) for k in (0, 1)])
    x, y, z = cell.clamp(0, 3).unbind(-1)
    filled = inside & (corners.amax(0) > 0.9)[x, y, z]
    assert 0.01 < float(filled.float().mean()) < 0.5
    norms = directions.norm(dim=-1, keepdim=True)
    ends = torch.cat([steps[:, 1:], steps[:, -1:] + 1 / 23], dim=-1)
    sigmas = 10 * torch.nn.functional.softplus(values[..., 3]) * filled
    weights, _, _ = nerfacc.render_weight_from_density(steps * norms, ends * norms, sigmas)
    torch.testing.assert_close(seen.weights, weights, atol=1e-6, rtol=1e-5)
    colors = (weights[..., None] * (values[..., :3] * 0.5 + 0.5)).sum(1) + 1.0 - weights.sum(1, keepdim=True)
    torch.testing.assert_close(seen.color, colors, atol=1e-5, rtol=1e-5)


def test_decode_of_many_samples_leaves_empty_space_out(monkeypatch: pytest.MonkeyPatch) -> None:
    ball = FoggyBall(1e-4)
    full = SIGNAL.decode(ball, views=2)  # type: ignore[arg-type]
    assert ball.points == 2 * 32 * 32 * 24
    monkeypatch.setattr("mnif_core.signals.scenes.WORTHWHILE", 0)
    found: list[Occupancy] = []
    original = SceneSignal.occupancy

    def noted(*given: Any) -> Occupancy:
        found.append(original(*given))
        return found[-1]

    monkeypatch.setattr(SceneSignal, "occupancy", noted)
    spared = SIGNAL.decode(ball, views=2)  # type: ignore[arg-type]
    assert len(found) == 1
    assert 0.0 < float((full - spared).abs().max()) <= TOLERANCE


def test_an_empty_scene_is_white() -> None:
    nothing = Occupancy.above(0.5, torch.zeros(5, 5, 5), reach=1.0)
    assert nothing.share == 0.0
    seen = rendered(SIGNAL, FoggyBall(1.0), SIGNAL.orbit(1)[0], nothing)
    assert torch.equal(seen.color, torch.ones(1, 32, 32, 3))
