"""What a field was trained on, told by names, or by the order of the data for the authors' fields."""

from pathlib import Path

import pytest
import torch

from mnif_core.errors import DataError
from mnif_core.evaluation.splits import scene_splits, split_names, splits
from mnif_core.signals.images import ImageObservations
from tests.srn_fixture import write_srn


def pictures(names: list[str]) -> ImageObservations:
    return ImageObservations(torch.zeros(len(names), 2, 2, 3, dtype=torch.uint8), names)


def test_training_instances_are_found_by_name_in_the_order_of_the_latents() -> None:
    parts = splits(["c", "a"], pictures(["a", "b", "c", "d"]))
    assert parts["train"].names == ["c", "a"] and parts["test"].names == ["b", "d"]
    parts = splits(["c", "a"], pictures(["a", "b", "c"]), pictures(["x"]))
    assert parts["held out"].names == ["b"] and parts["test"].names == ["x"]
    assert list(splits(["a"], pictures(["a"]))) == ["train"]


def test_other_data_are_refused() -> None:
    with pytest.raises(DataError, match="without b and 1 more.*pass the run's own --data"):
        splits(["a", "b", "c"], pictures(["a"]))


def test_imported_fields_go_by_order() -> None:
    imported = ["instance_000000", "instance_000001"]
    assert split_names(imported, ["00001.jpg", "00002.jpg", "00003.jpg"]) == ([0, 1], [2])
    with pytest.raises(DataError, match="1 instances, but the field was trained on 2"):
        split_names(imported, ["00001.jpg"])


def test_scenes(tmp_path: Path) -> None:
    root = write_srn(tmp_path / "train", scenes=3, views=2)
    other = write_srn(tmp_path / "other", scenes=2, views=2)
    found = scene_splits(["scene_2", "scene_0"], root)
    assert [path.name for path in found.train] == ["scene_2", "scene_0"]
    assert [path.name for path in found.unseen] == ["scene_1"], "not trained on"
    assert found.labels == {}
    assert scene_splits(["scene_0"], root, other / "cars_train").unseen[0].parents[1] == other
    (other / "cars_train").rename(root / "cars_test")
    found = scene_splits(["scene_0", "scene_1", "scene_2"], root)
    assert len(found.train) == 3 and [path.parent.name for path in found.unseen] == ["cars_test"] * 2


def test_scenes_have_their_labels_wherever_they_lie(tmp_path: Path) -> None:
    root = write_srn(tmp_path / "train", scenes=4, views=2)
    scenes = sorted((root / "cars_train").iterdir())
    for scene, kind in zip(scenes, ("bus", "bus", "van", "van"), strict=True):
        (root / "sorted" / kind).mkdir(parents=True, exist_ok=True)
        scene.rename(root / "sorted" / kind / scene.name)
    # the unseen ones are of one class alone
    found = scene_splits(["scene_0", "scene_1", "scene_3"], root / "sorted")
    assert {path.name: label for path, label in found.labels.items()} == {
        "scene_0": "bus",
        "scene_1": "bus",
        "scene_2": "van",
        "scene_3": "van",
    }
    other = write_srn(tmp_path / "other", scenes=2, views=2)
    (other / "cars_train/labels.csv").write_text("name,label\nscene_0,van\nscene_1,tram\n")
    found = scene_splits(["scene_0", "scene_3"], root / "sorted", other / "cars_train")
    assert [found.labels[path] for path in found.unseen] == ["van", "tram"]
    assert [found.labels[path] for path in found.train] == ["bus", "van"]
