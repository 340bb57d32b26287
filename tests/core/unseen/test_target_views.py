"""Views as a field's renderer sees them, and their mirror images."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from mnif_core.data.posed_views import PosedViews
from mnif_core.rendering.cameras import Axis, pixel_directions
from mnif_core.signals.scenes import SceneSignal
from mnif_core.unseen.target_views import TargetViews
from tests.painted_boxes import painted_boxes

HEIGHT, WIDTH = 12, 16


@pytest.fixture
def target() -> TargetViews:
    signal = SceneSignal(height=HEIGHT, width=WIDTH, focal=15.0)
    cameras = signal.orbit(5)
    pictures = torch.randint(256, (5, HEIGHT, WIDTH, 3), generator=torch.Generator().manual_seed(0)).byte()
    intrinsics = np.tile(np.array([15.0, 14.0, 7.0, 6.5], dtype=np.float32), (5, 1))  # the optical axis off the middle
    views = PosedViews("thing", pictures.numpy(), cameras.numpy().astype(np.float32), intrinsics)
    box = ((-0.3, -0.1, -0.2), (0.3, 0.4, 0.1))
    return TargetViews(views, replace(signal, box=box), "cpu")


@pytest.mark.parametrize("number, axis", [(0, "x"), (1, "y"), (2, "z")])
def test_a_mirrored_view_shows_what_a_mirror_would(target: TargetViews, number: int, axis: Axis) -> None:
    views = torch.tensor([1, 3])
    both = target.with_mirrored(views, axis)
    assert len(both) == 4
    assert torch.equal(both.pictures[:2], target.pictures[views])
    pixels = torch.cartesian_prod(torch.arange(HEIGHT), torch.arange(WIDTH))
    turned = torch.stack([pixels[:, 0], WIDTH - 1 - pixels[:, 1]], 1)
    mirror = torch.ones(3)
    mirror[number] = -1.0
    for own, mirrored in ((0, 2), (1, 3)):
        rays, others = (
            pixel_directions(places, both.intrinsics[view].expand(len(places), -1), both.cameras[view])
            for places, view in ((pixels, own), (turned, mirrored))
        )
        torch.testing.assert_close(others, rays * mirror)
        torch.testing.assert_close(both.cameras[mirrored, :, 3], both.cameras[own, :, 3] * mirror)
        assert torch.equal(both.pictures[mirrored, turned[:, 0], turned[:, 1]], both.pictures[own].flatten(0, 1))
    assert torch.allclose(torch.linalg.det(both.cameras[:, :, :3]), torch.ones(4))


def test_pixels_are_drawn_where_mirrored_views_show_the_box(target: TargetViews) -> None:
    both = target.with_mirrored(torch.tensor([2]), "x")  # the box is its own mirror image
    own, mirrored = (both.drawn_share(torch.tensor([view])) for view in (0, 1))
    assert own == mirrored
    assert 0.0 < own < 1.0


def test_all_round_is_what_the_network_shows_there(target: TargetViews) -> None:
    field = painted_boxes()
    one, other = field.instance(field.latents[0]), field.instance(field.latents[1])
    shown = target.all_round(one)
    every, generator = torch.arange(len(shown)), torch.Generator().manual_seed(0)
    torch.testing.assert_close(shown.cameras[:, :, 3].norm(dim=1), torch.full((len(shown),), 1.3), atol=1e-3, rtol=0)
    seen = (shown.rendered(one, every[:4]), shown.truth(every[:4]))
    torch.testing.assert_close(*seen, atol=0.6 / 255.0, rtol=0)
    own, foreign = (float(shown.errors(each, every, 256, generator).mean()) for each in (one, other))
    assert own < 0.3 * foreign
