"""How the number of views tells: which views are fitted, what judges them, and what the objects are called."""

from pathlib import Path

import pytest
import torch

from mnif_core.data.posed_views import PosedViews, read_posed_views
from mnif_core.errors import ConfigError, DataError
from mnif_core.generative_field import GenerativeField
from mnif_core.signals.scenes import SceneSignal
from mnif_core.unseen.saved_scenes import read_scene, save_scene
from mnif_core.unseen.scene_fitting import SceneFitConfig, nearest_training_scene
from mnif_core.unseen.scene_study import (
    StudyConfig,
    mean_scores,
    scene_names,
    stored_scene,
    study_objects,
    study_pictures,
)
from mnif_core.unseen.target_views import TargetViews
from tests.small_field import small_field
from tests.srn_fixture import write_srn

VIEWS = 8
QUICK = SceneFitConfig(steps=3, rays=16)


@pytest.fixture(scope="module")
def field() -> GenerativeField:
    return small_field("scene")


@pytest.fixture(scope="module")
def objects(field: GenerativeField, tmp_path_factory: pytest.TempPathFactory) -> list[PosedViews]:
    root = write_srn(tmp_path_factory.mktemp("data"), scenes=2, views=VIEWS)
    return [
        read_posed_views(path, SceneSignal.of(field.signal).reading) for path in sorted((root / "cars_train").iterdir())
    ]


def test_every_object_is_fitted_to_every_number_of_views(field: GenerativeField, objects: list[PosedViews]) -> None:
    results = study_objects(field, objects, StudyConfig((5, 1, 5), held_out=2, fitting=QUICK))
    assert [[one.views for one in each] for each in results] == [[1, 5], [1, 5]]
    assert [[one.scene.name for one in each] for each in results] == [["scene_0"] * 2, ["scene_1"] * 2]
    for each, views in zip(results, objects, strict=True):
        target = TargetViews(views, SceneSignal.of(field.signal), "cpu")
        for one in each:
            assert one.nearest.shape == one.scene.made.shape == one.scene.views.shape == (2, 8, 8, 3)
            torch.testing.assert_close(one.scene.views, target.truth(torch.tensor([2, 6])))  # evenly spread
    assert not torch.equal(results[0][0].scene.latent, results[0][1].scene.latent)


def test_without_a_number_all_that_are_not_held_out_are_fitted(
    field: GenerativeField, objects: list[PosedViews]
) -> None:
    for held_out in (3, 0):
        (each,) = study_objects(field, objects[:1], StudyConfig(held_out=held_out, fitting=QUICK))
        assert [one.views for one in each] == [VIEWS - held_out]
        assert len(each[0].scene.views) == (held_out or VIEWS)  # the fitted ones judge where no other is left


def test_the_nearest_training_scene_is_seen_from_the_judging_cameras(
    field: GenerativeField, objects: list[PosedViews]
) -> None:
    target = TargetViews(objects[0], SceneSignal.of(field.signal), "cpu")
    ((one,),) = study_objects(field, objects[:1], StudyConfig((6,), held_out=2, fitting=QUICK))
    scene = nearest_training_scene(field, target, torch.tensor([0, 1, 3, 4, 5, 7]))
    expected = target.rendered(field.instance(field.latents[scene]), torch.tensor([2, 6]))
    torch.testing.assert_close(one.nearest, expected)
    errors = (expected - one.scene.views).square().mean((1, 2, 3))
    assert one.nearest_psnr == pytest.approx(float(-10 * errors.log10().mean()), abs=1e-3)


def test_the_table_has_means_over_objects(field: GenerativeField, objects: list[PosedViews]) -> None:
    results = study_objects(field, objects, StudyConfig((1, 3), held_out=2, fitting=QUICK))
    for column, (views, fitted, nearest) in enumerate(mean_scores(results)):
        each = [result[column] for result in results]
        assert views == (1, 3)[column]
        assert fitted == pytest.approx(sum(one.scene.psnr for one in each) / 2)
        assert nearest == pytest.approx(sum(one.nearest_psnr for one in each) / 2)


def test_a_row_of_pictures_runs_from_the_view_to_the_nearest_scene(
    field: GenerativeField, objects: list[PosedViews]
) -> None:
    results = study_objects(field, objects, StudyConfig((1, 3), held_out=2, fitting=QUICK))
    rows = study_pictures(results)
    assert [len(row) for row in rows] == [4, 4]
    for row, (few, many) in zip(rows, results, strict=True):
        wanted = (few.scene.views[0], few.scene.made[0], many.scene.made[0], many.nearest[0])
        assert all(torch.equal(one, other) for one, other in zip(row, wanted, strict=True))


@pytest.mark.parametrize(
    ("counts", "held_out", "message"),
    [
        ((7,), 2, "8 views, of which 2 are held out, cannot give 7"),
        ((0, 3), 2, "cannot give 3"),
        ((), 8, "cannot give 0"),
        ((3,), -1, "-1 are held out"),
    ],
)
def test_too_few_views_are_one_line(
    field: GenerativeField, objects: list[PosedViews], counts: tuple[int, ...], held_out: int, message: str
) -> None:
    with pytest.raises(DataError, match=message) as raised:
        study_objects(field, objects, StudyConfig(counts, held_out, QUICK))
    assert "\n" not in str(raised.value) and "--held-out" in str(raised.value)


def test_objects_are_called_after_their_folders(
    field: GenerativeField, objects: list[PosedViews], tmp_path: Path
) -> None:
    assert scene_names(tmp_path, [one.name for one in objects], None, False) == ["scene_0", "scene_1"]
    assert scene_names(tmp_path, [one.name for one in objects[:1]], "mine", False) == ["mine"]
    with pytest.raises(ConfigError, match="one name, mine, for 2 objects"):
        scene_names(tmp_path, [one.name for one in objects], "mine", False)
    with pytest.raises(ConfigError, match="two of the objects are called scene_0"):
        scene_names(tmp_path, 2 * [objects[0].name], None, False)


def test_what_was_found_is_read_back_and_its_name_is_taken(
    field: GenerativeField, objects: list[PosedViews], tmp_path: Path
) -> None:
    fitting = SceneFitConfig(steps=3, rays=16, weight_steps=2)
    ((one,),) = study_objects(field, objects[:1], StudyConfig((2,), 2, fitting))
    save_scene(tmp_path, stored_scene("scene_0", one.scene, own_weights=True), field.latents)
    found = read_scene(tmp_path, "scene_0", field.latents).networks(field.modulation)
    assert all(torch.equal(a, b) for a, b in zip(found.weights, one.scene.networks.weights, strict=True))
    assert not stored_scene("scene_0", one.scene, own_weights=False).weights
    with pytest.raises(ConfigError, match="fitted before"):
        scene_names(tmp_path, [one.name for one in objects[:1]], None, False)
    assert scene_names(tmp_path, [one.name for one in objects[:1]], None, may_replace=True) == ["scene_0"]


def test_a_field_of_pictures_has_no_views(objects: list[PosedViews]) -> None:
    with pytest.raises(ConfigError, match="has no views"):
        study_objects(small_field("image"), objects, StudyConfig(fitting=QUICK))
