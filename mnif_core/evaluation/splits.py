"""Which instances a field was trained on, and which it has not seen."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TypeVar

from mnif_core.data.scene_folders import list_instances
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


def scene_splits(trained: Sequence[str], data: Path, test_data: Path | None = None) -> tuple[list[Path], list[Path]]:
    """Folders of a field's training scenes, in the order of its latents, and of unseen ones.

    Args:
        trained: names of the field's training scenes.
        data: what it was trained on, in SRN layout.
        test_data: unseen scenes. None: the data's test split, or else the instances that were not trained on.

    Raises:
        DataError: as `list_instances` and `split_names`.
    """
    instances = list_instances(data, None, "train")
    known, rest = split_names(trained, [path.name for path in instances])
    train = [instances[i] for i in known]
    if test_data is not None:
        return train, list_instances(test_data, None, "test")
    if any(folder.name.endswith("_test") and folder.is_dir() for folder in data.iterdir()):
        return train, list_instances(data, None, "test")
    return train, [instances[i] for i in rest]
