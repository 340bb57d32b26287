"""Rendering of whole views, and cameras."""

import math

import torch

from mnif_core.networks.mixture import MixtureConfig, MixtureSiren
from mnif_core.rendering.cameras import look_at_origin_opengl, pixel_directions
from mnif_core.signals.scenes import SceneSignal


class Ball:
    """Stands in for instance networks: a red ball of radius 0.3 around the origin, opaque."""

    num_instances = 1
    weights = (torch.zeros(1),)

    def __call__(self, points: torch.Tensor) -> torch.Tensor:
        inside = points.norm(dim=-1, keepdim=True) < 0.3
        red = torch.tensor([1.0, -1.0, -1.0]).expand(*points.shape[:-1], 3)
        return torch.cat([red, torch.where(inside, 1000.0, -1000.0)], dim=-1)


def test_a_ball_is_a_red_disc_of_its_size_on_white_from_everywhere() -> None:
    signal = SceneSignal(samples_per_ray=256, density="softplus", height=65, width=65, focal=66.0)
    for camera in signal.orbit(3, elevation=40.0):
        view = signal.render_view(Ball(), camera)  # type: ignore[arg-type]
        assert torch.allclose(view.color[0, 32, 32], torch.tensor([1.0, 0.0, 0.0]), atol=1e-4)
        assert torch.allclose(view.color[0, 0, 0], torch.ones(3), atol=1e-4)
        # silhouette radius of a ball: f tan(asin(r / d))
        radius = 66.0 * math.tan(math.asin(0.3 / 1.3))
        assert abs(float(view.accumulation[0].sum()) / (math.pi * radius**2) - 1.0) < 0.03
        assert abs(float(view.depth[0, 32, 32]) - 1.0) < 0.01


def test_near_and_far_follow_the_camera() -> None:
    signal = SceneSignal(samples_per_ray=512, density="softplus", height=33, width=33, focal=33.0)
    for distance in (0.8, 1.3, 4.0):
        camera = look_at_origin_opengl(torch.tensor([0.7]), 0.3, distance)[0]
        view = signal.render_view(Ball(), camera)  # type: ignore[arg-type]
        assert torch.allclose(view.color[0, 16, 16], torch.tensor([1.0, 0.0, 0.0]), atol=1e-3)


def test_look_at_origin_gives_rigid_cameras_that_look_at_it_with_z_up() -> None:
    cameras = look_at_origin_opengl(torch.linspace(0, 6, 7), 0.5, 1.3)
    rotations = cameras[:, :, :3]
    assert torch.allclose(rotations @ rotations.transpose(1, 2), torch.eye(3).expand(7, 3, 3), atol=1e-6)
    assert torch.allclose(torch.linalg.det(rotations), torch.ones(7), atol=1e-6)
    middle = pixel_directions(torch.tensor([[31.5, 31.5]]), torch.tensor([64.0, 64.0, 32.0, 32.0]), cameras[0])
    assert torch.allclose(cameras[0, :, 3] + 1.3 * middle[0], torch.zeros(3), atol=1e-6)
    assert (cameras[:, 2, 1] > 0).all()


def test_chunks_do_not_change_a_view() -> None:
    torch.manual_seed(0)
    mixture = MixtureSiren(MixtureConfig(hidden_layers=1, width=8, num_bases=3, latent_dim=4))
    signal = SceneSignal(samples_per_ray=8, height=9, width=7, focal=9.0)
    networks = mixture.instance(torch.randn(2, 4))
    camera = signal.orbit(1)[0]
    whole, parts = (signal.render_view(networks, camera, rays_per_chunk=size).color for size in (1000, 10))
    assert whole.shape == (2, 9, 7, 3)
    assert torch.allclose(whole, parts, atol=1e-6)
