"""The box of what silhouettes show, against the box of what was drawn."""

from collections.abc import Sequence

import numpy as np
import pytest
import torch
from torch import Tensor

from mnif_core.data.silhouettes import WHITE, border, differs, plain_colour
from mnif_core.data.visual_hull import Silhouettes, hull_box
from mnif_core.rendering.box import Box, crossed
from mnif_core.rendering.cameras import look_at_origin_opengl, pixel_directions

SIZE, FOCAL = 64, 65.0
CAR: Box = ((-0.21, -0.46, -0.2), (0.21, 0.46, 0.2))
SMALL: Box = ((-0.05, -0.05, -0.3), (0.05, 0.05, -0.1))


def silhouettes(solids: Sequence[Box], views: int = 24, focal: float = FOCAL) -> Silhouettes:
    """What cameras all around see of boxes."""
    generator = torch.Generator().manual_seed(0)
    elevations = torch.asin(torch.rand(views, generator=generator) * 2 - 1) * 0.95
    azimuths = torch.rand(views, generator=generator) * 6.3
    poses = torch.cat(
        [look_at_origin_opengl(a[None], float(e), 1.3) for a, e in zip(azimuths, elevations, strict=True)]
    )
    intrinsics = torch.tensor([focal, focal, SIZE / 2, SIZE / 2])
    rows, columns = torch.meshgrid(torch.arange(SIZE), torch.arange(SIZE), indexing="ij")
    pixels = torch.stack([rows, columns], -1).view(-1, 2)
    filled = torch.zeros(views, SIZE, SIZE, dtype=torch.bool)
    for view, pose in enumerate(poses):
        directions = pixel_directions(pixels, intrinsics, pose)
        for low, high in solids:
            enter, leave = crossed(torch.tensor(low), torch.tensor(high), pose[:, 3].expand_as(directions), directions)
            filled[view] |= (leave > enter).view(SIZE, SIZE)
    return Silhouettes(filled, poses, intrinsics.expand(views, 4))


def sides(box: Box) -> Tensor:
    low, high = torch.tensor(box)
    return high - low


@pytest.mark.parametrize(
    "scenes, true",
    [
        ([[CAR]], CAR),
        ([[SMALL]], SMALL),
        ([[SMALL], [CAR]], ((-0.21, -0.46, -0.3), (0.21, 0.46, 0.2))),
        ([[CAR], [((0.3, 0.3, 0.3), (0.4, 0.4, 0.4))]], ((-0.21, -0.46, -0.2), (0.4, 0.46, 0.4))),
    ],
)
def test_the_box_is_within_a_tenth_of_the_true_one(scenes: list[list[Box]], true: Box) -> None:
    found = hull_box([silhouettes(solids) for solids in scenes])
    assert found is not None
    longest = float(sides(true).max())
    for ours, theirs in zip(found, true, strict=True):
        assert ours == pytest.approx(theirs, abs=max(0.05 * longest, 1.5 * 1.3 / FOCAL))


def test_close_ups_and_empty_views() -> None:
    close = silhouettes([CAR], focal=180.0)  # no view shows all of it
    found = hull_box([close])
    assert found is not None and (sides(found) > 0.6 * sides(CAR)).all()
    nothing = close._replace(filled=torch.zeros_like(close.filled))
    assert hull_box([nothing]) is None
    assert hull_box([nothing, silhouettes([SMALL])]) is not None


def test_a_scene_that_fills_all_views() -> None:
    full = silhouettes([SMALL])
    full = full._replace(filled=torch.ones_like(full.filled))
    found = hull_box([full, silhouettes([CAR]), full])
    assert found is not None and (sides(found) > sides(CAR)).all()


def test_specks_in_single_views_do_not_count() -> None:
    views = silhouettes([SMALL])
    views.filled[3, :4, :4] = True
    views.filled[7, 50:60, 2] = True
    assert hull_box([views]) == hull_box([silhouettes([SMALL])])


@pytest.mark.parametrize(
    "colour, noise, expected",
    [
        ((255, 255, 255), 0, (255, 255, 255)),
        ((252, 253, 251), 1, (255, 255, 255)),
        ((128, 128, 128), 3, (128, 128, 128)),
        ((20, 200, 90), 2, (20, 200, 90)),
        ((0, 0, 0), 0, (0, 0, 0)),
        ((128, 128, 128), 120, None),
    ],
)
def test_plain_backgrounds(colour: tuple[int, int, int], noise: int, expected: tuple[int, int, int] | None) -> None:
    random = np.random.default_rng(0)
    picture = np.clip(np.array(colour) + random.integers(-noise, noise + 1, (16, 12, 3)), 0, 255).astype(np.uint8)
    picture[5:9, 4:8] = [250, 10, 130]
    picture[:3, 0] = [1, 2, 3]  # something reaches the border
    found = plain_colour(border(picture))
    if expected is None:
        assert found is None
        return
    assert found is not None and np.abs(found.astype(int) - expected).max() <= 1
    assert differs(picture, found)[5:9, 4:8].all() and not differs(picture, found)[10:].any()
    assert differs(np.full(3, 249, np.uint8), WHITE) and not differs(np.full(3, 250, np.uint8), WHITE)
