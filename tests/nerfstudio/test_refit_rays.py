"""Rays of a refit: those that judge go through pixels of all views that no step sees."""

from pathlib import Path

import pytest
import torch
from torch import Tensor

from mnif_core.data.scene_folders import list_instances
from mnif_nerfstudio.scene_store import SET_APART, SceneStore
from tests.srn_fixture import write_srn


@pytest.fixture
def store(tmp_path: Path) -> SceneStore:
    return SceneStore.open(list_instances(write_srn(tmp_path / "data"), None, "train"), 2, tmp_path / "cache")


def seen(store: SceneStore, judging: bool, share: float) -> set[tuple[int, int, int]]:
    """Views, rows and columns of rays, as far as their directions tell them."""
    generator = torch.Generator().manual_seed(int(judging))
    drawn = store.sample_pixels(torch.tensor([1, 0]), 3000, 1, share, generator, judging=judging)
    local = torch.einsum(
        "ri,rij->rj", drawn.directions * drawn.directions_norm, store.camera_to_worlds[drawn.view][..., :3]
    )
    focal = store.intrinsics[drawn.view]
    columns = (local[:, 0] * focal[:, 0] + focal[:, 2] - 0.5).round().long()
    rows = (-local[:, 1] * focal[:, 1] + focal[:, 3] - 0.5).round().long()
    _check_colours(store, drawn.view, rows, columns, drawn.colors)
    return set(zip(drawn.view.tolist(), rows.tolist(), columns.tolist(), strict=True))


def _check_colours(store: SceneStore, views: Tensor, rows: Tensor, columns: Tensor, colors: Tensor) -> None:
    torch.testing.assert_close(store.images[views, rows, columns].float() / 255, colors)


@pytest.mark.parametrize("share", [0.0, 0.5])
def test_no_step_sees_what_judges(store: SceneStore, share: float) -> None:
    judging, fitting = seen(store, True, share), seen(store, False, share)
    assert all((row + column) % SET_APART == 0 for _, row, column in judging)
    assert all((row + column) % SET_APART != 0 for _, row, column in fitting)
    training = set(store.training_views[store.scene_of_view[store.training_views] < 2].tolist())
    assert {view for view, *_ in judging} == {view for view, *_ in fitting} == training
