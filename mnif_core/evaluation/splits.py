"""Which instances a field was trained on, and which it has not seen."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from mnif_core.data.scene_folders import list_instances
from mnif_core.data.scene_labels import read_scene_labels
from mnif_core.errors import DataError
from mnif_core.official import is_numbered
from mnif_core.signals.observations import Observations

Known = TypeVar("Known", bound=Observations)
Split = Mapping[str, Observations]


def split_names(trained: Sequence[str], names: Sequence[str]) -> tuple[list[int], list[int]]:
    """Places in `names` of the instances that a field was trained on, in its order, and of all others.

    Fields imported from the authors' files do not know names: theirs are the first of the data, in order.

    Raises:
        DataError: the data do not hold the field's training instances.
    """
    if is_numbered(trained) and not set(trained) & set(names):
        if len(names) < len(trained):
            raise DataError(f"{len(names)} instances, but the field was trained on {len(trained)}; pass its own --data")
        return list(range(len(trained))), list(range(len(trained), len(names)))
    position = {name: index for index, name in enumerate(names)}
    missing = [name for name in trained if name not in position]
    if missing:
        raise DataError(
            f"data without {missing[0]} and {len(missing) - 1} more of the run's; pass the run's own --data"
        )
    known = set(trained)
    return [position[name] for name in trained], [i for i, name in enumerate(names) if name not in known]


def splits(trained: Sequence[str], data: Known, test: Known | None = None) -> dict[str, Known]:
    """Split data into `train`, in the order of the field's latents, and what it has not seen.

    Args:
        trained: names of the field's training instances.
        data: the run's own.
        test: test instances that lie apart.

    Returns:
        `train`; `test`: those that lie apart, or else the instances of `data` that the run held out; `held out`: the
        latter, where others lie apart.

    Raises:
        DataError: as `split_names`.
    """
    known, rest = split_names(trained, data.names)
    parts = {"train": data.subset(known)}
    if test is not None:
        return parts | ({"held out": data.subset(rest)} if rest else {}) | {"test": test}
    return parts | ({"test": data.subset(rest)} if rest else {})


@dataclass(frozen=True)
class SceneFolders:
    """Folders of a field's training scenes, in the order of its latents, and of unseen ones.

    Attributes:
        train: of training scenes.
        unseen: of others.
        labels: class of each scene; of none where the data name none.
    """

    train: list[Path]
    unseen: list[Path]
    labels: dict[Path, str]

    def labels_of(self, scenes: Sequence[Path]) -> list[str] | None:
        """Of each of `scenes`; none where there are no scenes, or one that has none."""
        known = bool(scenes) and self.labels.keys() >= set(scenes)
        return [self.labels[path] for path in scenes] if known else None


def scene_splits(trained: Sequence[str], data: Path, test_data: Path | None = None) -> SceneFolders:
    """Scenes of a field and of its data, found by name.

    Args:
        trained: names of the field's training scenes.
        data: what it was trained on, in SRN layout.
        test_data: unseen scenes. None: the data's test split, or else the instances that were not trained on.

    Raises:
        DataError: as `list_instances`, `split_names` and `read_scene_labels`.
    """
    instances = list_instances(data, None, "train")
    known, rest = split_names(trained, [path.name for path in instances])
    train, labels = [instances[i] for i in known], _labels(data, instances)
    has_test = any(folder.name.endswith("_test") and folder.is_dir() for folder in data.iterdir())
    if test_data is None and not has_test:
        return SceneFolders(train, [instances[i] for i in rest], labels)
    test_data = test_data or data
    unseen = list_instances(test_data, None, "test")
    return SceneFolders(train, unseen, labels | _labels(test_data, unseen))


def _labels(data: Path, instances: Sequence[Path]) -> dict[Path, str]:
    found = read_scene_labels(data, instances)
    return {} if found is None else dict(zip(instances, found, strict=True))
