"""Boxes against nerfacc's and against every pixel; rendering inside them against rendering between planes."""

import pytest
import torch
from nerfacc.grid import _ray_aabb_intersect
from torch import Tensor

from mnif_core.networks.mixture import MixtureConfig, MixtureSiren
from mnif_core.rendering.box import Box, crossed, grown, inside, longest_side, pixels_of_points, seen_in
from mnif_core.rendering.cameras import look_at_origin_opengl, pixel_directions
from mnif_core.signals.scene_rays import DENSITIES
from mnif_core.signals.scenes import SceneSignal

BOX: Box = ((-0.2, -0.4, -0.1), (0.3, 0.4, 0.2))
EMPTY: Box = ((5.0, 5.0, 5.0), (5.1, 5.1, 5.1))


def some_rays(count: int = 500, dtype: torch.dtype = torch.float64) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(0)
    origins = torch.randn(count, 3, generator=generator, dtype=dtype)
    aims = 0.6 * torch.randn(count, 3, generator=generator, dtype=dtype)
    return origins, (aims - origins) * 0.7


def field_of(signal: SceneSignal, scenes: int = 2) -> tuple[MixtureSiren, Tensor]:
    torch.manual_seed(0)
    mixture = MixtureSiren(MixtureConfig(hidden_layers=1, width=16, num_bases=4, latent_dim=4, w0=10.0)).double()
    return mixture, torch.randn(scenes, 4, dtype=torch.float64)


def test_depths_are_nerfaccs() -> None:
    origins, directions = (part.float() for part in some_rays())
    low, high = torch.tensor(BOX)
    enter, leave = crossed(low, high, origins, directions)
    # what nerfacc gives out needs a GPU, this reference of theirs none
    near, far, hits = _ray_aabb_intersect(origins, directions, torch.tensor(BOX).flatten()[None], near_plane=0.0)
    hits = hits[:, 0]
    assert 50 < int(hits.sum()) < 450
    assert torch.equal((leave > enter.clamp(min=0.0)), hits)
    torch.testing.assert_close(enter.clamp(min=0.0)[hits], near[:, 0][hits], atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(leave[hits], far[:, 0][hits], atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_rays_along_an_axis_and_from_inside(axis: int) -> None:
    low, high = torch.tensor(BOX)
    along = torch.eye(3)[axis]
    enter, leave = crossed(low, high, torch.zeros(3), along)
    assert (float(enter), float(leave)) == pytest.approx((float(low[axis]), float(high[axis])))
    beside = torch.eye(3)[(axis + 1) % 3]
    enter, leave = crossed(low, high, beside, along)
    assert not float(leave) > float(enter)


def test_samples_lie_in_the_box_and_cover_it() -> None:
    signal = SceneSignal(samples_per_ray=9, box=BOX)
    origins, directions = some_rays()
    meets = signal.meets(origins, directions)
    near, far = signal.depth_range(origins, directions)
    for depth in (near, far):
        ends = origins + directions * depth.unsqueeze(-1)
        assert inside(grown(BOX, 1e-9), ends[meets]).all()
    outside = meets & ~inside(grown(BOX, 0.2), origins)  # so far that the nearest depth does not count
    faces = torch.tensor(BOX, dtype=torch.float64)
    for depth in (near, far):
        ends = (origins + directions * depth.unsqueeze(-1))[outside]
        assert torch.allclose((ends.unsqueeze(1) - faces).abs().amin((1, 2)), torch.zeros(()).double(), atol=1e-9)
    assert torch.equal(near[~meets], far[~meets]) and near.isfinite().all()


@pytest.mark.parametrize("background", [(1.0, 1.0, 1.0), (0.5, 0.25, 0.0)])
@pytest.mark.parametrize("scenes", [1, 2])
def test_rays_that_miss_show_the_background_and_others_what_lies_inside(
    background: tuple[float, float, float], scenes: int
) -> None:
    signal = SceneSignal(samples_per_ray=33, density="softplus", box=BOX, background=background)
    mixture, latents = field_of(signal, scenes)
    origins, directions = (part.expand(scenes, -1, -1) for part in some_rays())
    networks = mixture.instance(latents)
    seen = signal.render_rays(networks, origins, directions)
    meets = signal.meets(origins, directions)
    missed = seen.color[~meets]
    torch.testing.assert_close(missed, missed.new_tensor(background).expand_as(missed), atol=0, rtol=0)
    assert float(seen.accumulation[~meets].abs().max()) == 0.0
    # the same integral, with many samples over a long way and nothing outside the box
    depths = torch.linspace(0.05, 6.0, 20_001, dtype=torch.float64)
    ray = int(meets[0].nonzero()[0])
    points = origins[0, ray] + directions[0, ray] * depths[:, None]
    values = networks[0](points[None])[0]
    density = DENSITIES["softplus"](values[:, 3]) * inside(BOX, points)
    optical = density * (depths[1] - depths[0]) * directions[0, ray].norm()
    transmittance = (-(optical.cumsum(0) - optical)).exp()
    weights = transmittance * -torch.expm1(-optical)
    behind = values.new_tensor(background)
    expected = (weights[:, None] * (values[:, :3] * 0.5 + 0.5)).sum(0) + (1.0 - weights.sum()) * behind
    torch.testing.assert_close(seen.color[0, ray], expected, atol=0.02, rtol=0)


def test_error_and_gradient_with_a_box_and_a_background_are_the_renderers() -> None:
    signal = SceneSignal(samples_per_ray=8, density="softplus", box=BOX, background=(0.5, 0.25, 0.0))
    mixture, latents = field_of(signal)
    origins, directions = (part.expand(2, -1, -1) for part in some_rays(64))
    generator = torch.Generator().manual_seed(1)
    colors = torch.rand(2, 64, 3, generator=generator, dtype=torch.float64)
    jitter = torch.rand(2, 64, 8, generator=generator, dtype=torch.float64)
    errors, rendered = signal.rays_error(mixture.instance(latents), origins, directions, colors, jitter)
    made = signal.render_rays(mixture.instance(latents), origins, directions, jitter).color
    expected = (made - colors).square().mean((1, 2))
    torch.testing.assert_close(errors, expected, atol=1e-12, rtol=1e-12)
    torch.testing.assert_close(rendered, made.detach(), atol=1e-12, rtol=0)
    variables = list(mixture.parameters())
    ours, theirs = (torch.autograd.grad(value.sum(), variables) for value in (errors, expected))
    for one, other in zip(ours, theirs, strict=True):
        torch.testing.assert_close(one, other, atol=1e-12, rtol=1e-9)


@pytest.mark.parametrize("occupied", [False, True])
def test_views_in_which_nothing_is_hit(occupied: bool) -> None:
    signal = SceneSignal(samples_per_ray=4, height=6, width=5, focal=5.0, box=EMPTY)
    mixture, latents = field_of(signal, 1)
    networks = mixture.float().instance(latents.float())
    occupancies = [signal.occupancy(networks)] if occupied else None
    view = signal.render_view(networks, signal.orbit(1)[0], occupancies=occupancies)
    assert view.color.shape == (1, 6, 5, 3) and float(view.color.min()) == 1.0


def test_density_is_zero_outside() -> None:
    signal = SceneSignal(density="softplus", box=BOX)
    points = torch.tensor([[0.0, 0.0, 0.0], [0.31, 0.0, 0.0], [0.0, -0.41, 0.0]])
    assert (signal.density_at(points, torch.zeros(3)) > 0).tolist() == [True, False, False]
    assert signal.half_side == pytest.approx(0.4)


def test_pixels_that_can_show_a_box_hold_all_that_meet_it() -> None:
    height, width, focal = 24, 32, 30.0
    intrinsics = torch.tensor([focal, focal, 17.0, 11.0])
    cameras = torch.cat([look_at_origin_opengl(torch.rand(6) * 6.3, elevation, 1.3) for elevation in (-0.7, 0.1, 1.2)])
    ranges = seen_in(BOX, cameras, intrinsics.expand(18, 4), height, width)
    signal = SceneSignal(box=BOX)
    rows, columns = torch.meshgrid(torch.arange(height), torch.arange(width), indexing="ij")
    for camera, (first_row, last_row, first, last) in zip(cameras, ranges.tolist(), strict=True):
        directions = pixel_directions(torch.stack([rows, columns], -1).view(-1, 2), intrinsics, camera)
        hit = signal.meets(camera[:, 3].expand_as(directions), directions).view(height, width)
        part = hit[first_row : last_row + 1, first : last + 1]
        assert int(part.sum()) == int(hit.sum()) > 0
        # no more than a pixel on each side is spare
        assert part[:2].any() and part[-2:].any() and part[:, :2].any() and part[:, -2:].any()


@pytest.mark.parametrize("box", [EMPTY, ((-2.0, -2.0, -2.0), (2.0, 2.0, 2.0))])
def test_a_camera_in_the_box_or_beside_it_has_all_pixels(box: Box) -> None:
    camera = look_at_origin_opengl(torch.tensor([0.3]), 0.2, 1.3)
    assert seen_in(box, camera, torch.tensor([[30.0, 30.0, 16.0, 12.0]]), 24, 32).tolist() == [[0, 23, 0, 31]]


def test_sizes() -> None:
    assert longest_side(BOX) == pytest.approx(0.8)
    assert grown(BOX, 0.1)[0] == pytest.approx((-0.3, -0.5, -0.2))


def test_rays_through_pixels_of_points_meet_the_box() -> None:
    height, width = 240, 320
    intrinsics = torch.tensor([150.0, 150.0, 170.0, 110.0])  # all of the box in every view
    azimuths = torch.arange(6) * 1.1
    cameras = torch.cat([look_at_origin_opengl(azimuths, elevation, 1.3) for elevation in (-0.7, 0.1, 1.2)])
    chances = torch.rand(3, 18, 400, generator=torch.Generator().manual_seed(0))
    rows, columns = pixels_of_points(BOX, cameras, intrinsics.expand(18, 4), height, width, chances)
    margin = grown(BOX, 1.7 / 150)  # a pixel's centre is not the point
    for camera, row, column in zip(cameras, rows, columns, strict=True):
        directions = pixel_directions(torch.stack([row, column], -1), intrinsics, camera)
        assert SceneSignal(box=margin).meets(camera[:, 3].expand_as(directions), directions).all()
        reached = torch.stack([row.float().std(), column.float().std()])
        assert (reached > 10).all()  # all of the box, not a corner of it


@pytest.mark.parametrize("box", [EMPTY, ((-2.0, -2.0, -2.0), (2.0, 2.0, 2.0))])
def test_points_beside_a_view_leave_any_pixel_of_it(box: Box) -> None:
    camera = look_at_origin_opengl(torch.tensor([0.3]), 0.2, 1.3)
    chances = torch.rand(3, 1, 5000, generator=torch.Generator().manual_seed(0))
    rows, columns = pixels_of_points(box, camera, torch.tensor([[30.0, 30.0, 16.0, 12.0]]), 24, 32, chances)
    assert rows.unique().tolist() == list(range(24)) and columns.unique().tolist() == list(range(32))
