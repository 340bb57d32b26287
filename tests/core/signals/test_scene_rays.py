"""Rays that miss the box cost nothing: what each road evaluates, counted in points."""

import pytest
import torch
from torch import Tensor

from mnif_core.data.posed_views import PosedViews
from mnif_core.generative_field import GenerativeField
from mnif_core.networks.mixture import MixtureConfig, MixtureSiren
from mnif_core.rendering.box import Box, inside
from mnif_core.rendering.occupancy import Occupancy
from mnif_core.signals.scenes import BEYOND, CELLS, TEST_SIZE, THRESHOLDS, TOLERANCE, SceneSignal
from mnif_core.unseen.scene_fitting import SceneFitConfig, find_scene, nearest_training_scene
from mnif_core.unseen.target_views import TargetViews
from tests.evaluated_points import count_points

BOX: Box = ((-0.2, -0.4, -0.1), (0.3, 0.4, 0.2))
SAMPLES = 6
SIGNAL = SceneSignal(
    samples_per_ray=SAMPLES, density="softplus", box=BOX, background=(0.5, 0.25, 0.0), height=20, width=24, focal=20.0
)


def field_of(scenes: int) -> GenerativeField:
    torch.manual_seed(0)
    mixture = MixtureSiren(MixtureConfig(hidden_layers=1, width=16, num_bases=4, latent_dim=4, w0=10.0))
    return GenerativeField(mixture, torch.randn(scenes, 4), SIGNAL)


def rays_of_scenes(scenes: int, count: int = 40) -> tuple[Tensor, Tensor]:
    """Rays of which each scene's meet the box less often than those of the one before."""
    generator = torch.Generator().manual_seed(1)
    origins = torch.nn.functional.normalize(torch.randn(scenes, count, 3, generator=generator), dim=-1) * 1.3
    spread = torch.linspace(0.2, 0.5, scenes)[:, None, None]
    return origins, spread * torch.randn(scenes, count, 3, generator=generator) - origins


@pytest.mark.parametrize("jittered", [False, True])
@pytest.mark.parametrize("scenes", [1, 3])
def test_training_is_the_renderers_error_and_evaluates_only_rays_that_meet(
    scenes: int, jittered: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    mixture = field_of(scenes).modulation.double()
    latents = torch.randn(scenes, 4, dtype=torch.float64)
    origins, directions = (part.double() for part in rays_of_scenes(scenes))
    colors = torch.rand(origins.shape, dtype=torch.float64)
    jitter = torch.rand(*origins.shape[:2], SAMPLES, dtype=torch.float64) if jittered else None
    counts = SIGNAL.meets(origins, directions).sum(1)
    assert int(counts.min()) > 0 and int(counts.max()) < origins.shape[1]
    assert scenes == 1 or int(counts.min()) < int(counts.max())
    made = SIGNAL.render_rays(mixture.instance(latents), origins, directions, jitter).color
    expected = (made - colors).square().mean((1, 2))
    evaluated = count_points(monkeypatch)
    errors, rendered = SIGNAL.rays_error(mixture.instance(latents), origins, directions, colors, jitter)
    assert evaluated == [scenes * int(counts.max()) * SAMPLES]
    torch.testing.assert_close(errors, expected, atol=1e-12, rtol=1e-12)
    torch.testing.assert_close(rendered, made.detach(), atol=1e-12, rtol=0)
    variables = list(mixture.parameters())
    ours, theirs = (torch.autograd.grad(value.sum(), variables) for value in (errors, expected))
    for one, other in zip(ours, theirs, strict=True):
        torch.testing.assert_close(one, other, atol=1e-12, rtol=1e-9)


def test_rays_that_all_miss_show_the_background() -> None:
    field = field_of(2)
    origins, directions = rays_of_scenes(2)
    colors = torch.rand(origins.shape)
    networks = field.modulation.instance(field.latents)
    errors, rendered = SIGNAL.rays_error(networks, origins, -directions, colors, None)
    behind = colors.new_tensor(SIGNAL.background).expand_as(colors)
    torch.testing.assert_close(rendered, behind, atol=1e-6, rtol=0)
    torch.testing.assert_close(errors, (behind - colors).square().mean((1, 2)))
    gradients = torch.autograd.grad(errors.sum(), list(field.modulation.parameters()))
    assert all(not gradient.any() for gradient in gradients)


def test_a_view_evaluates_only_pixels_that_meet(monkeypatch: pytest.MonkeyPatch) -> None:
    field, camera = field_of(2), SIGNAL.orbit(1)[0]
    directions = SIGNAL._rays(camera, None, SIGNAL.height, SIGNAL.width)
    meeting = int(SIGNAL.meets(camera[:, 3].expand_as(directions), directions).sum())
    assert 0 < meeting < 0.5 * len(directions)
    evaluated = count_points(monkeypatch)
    field.render(field.latents, camera)
    assert sum(evaluated) == 2 * meeting * SAMPLES


def test_an_occupancy_is_looked_for_in_the_box_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    field = field_of(1)
    networks = field.instance(field.latents)
    axis = torch.linspace(-1, 1, CELLS + 1) * BEYOND * SIGNAL.half_side
    corners = torch.cartesian_prod(axis, axis, axis)
    with torch.no_grad():
        density = SIGNAL.density_at(corners, networks(corners[None])[0, :, 3]).view(3 * [CELLS + 1])
    evaluated = count_points(monkeypatch)
    occupancy = SIGNAL.occupancy(networks)
    looked_at, tested = evaluated
    assert looked_at == int(inside(BOX, corners).sum()) < 0.25 * len(corners)
    assert 0 < tested < 0.7 * 12 * TEST_SIZE**2 * SAMPLES
    everywhere = [Occupancy.above(threshold, density, occupancy.reach).cells for threshold in THRESHOLDS]
    assert any(torch.equal(occupancy.cells, cells) for cells in everywhere)
    full, spared = (SIGNAL.render_view(networks, SIGNAL.orbit(1)[0], occupancies=o).color for o in (None, [occupancy]))
    torch.testing.assert_close(spared, full, atol=TOLERANCE, rtol=0)


def test_fitting_a_scene_evaluates_only_rays_that_meet(monkeypatch: pytest.MonkeyPatch) -> None:
    field, poses = field_of(3), torch.cat([SIGNAL.orbit(2), SIGNAL.orbit(1, elevation=60.0)])
    pictures = torch.randint(0, 255, (3, SIGNAL.height, SIGNAL.width, 3), dtype=torch.uint8)
    intrinsics = SIGNAL.intrinsics.expand(3, 4).numpy()
    target = TargetViews(PosedViews("one", pictures.numpy(), poses.numpy(), intrinsics), SIGNAL, "cpu")
    views, judged = torch.tensor([0, 1]), torch.tensor([2])
    fitting = SceneFitConfig(steps=3, rays=50, weight_steps=2, shown_pull=0.0)
    expected, missing = [], 0
    for steps in (fitting.steps, fitting.weight_steps):
        generator = torch.Generator().manual_seed(fitting.seed)
        for _ in range(steps):
            origins, directions, _ = target.draw(views, fitting.rays, generator)
            torch.rand(1, fitting.rays, SAMPLES, generator=generator)
            meets = SIGNAL.meets(origins, directions)
            expected.append(int(meets.sum()) * SAMPLES)
            missing += int((~meets).sum())
    assert missing > 0
    directions = SIGNAL._rays(poses[2], None, SIGNAL.height, SIGNAL.width)
    shown = int(SIGNAL.meets(poses[2, :, 3].expand_as(directions), directions).sum())
    evaluated = count_points(monkeypatch)
    find_scene(field, target, views, judged, fitting)
    assert evaluated == [*expected, shown * SAMPLES]
    evaluated.clear()
    nearest_training_scene(field, target, views, rays=50)
    origins, directions, _ = target.draw(views, 50, torch.Generator().manual_seed(0))
    assert evaluated == 3 * [int(SIGNAL.meets(origins, directions).sum()) * SAMPLES]
