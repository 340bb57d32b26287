"""Scenes on disk: which folders are one, by `train`, `val` and `test`, and which of their views are held out."""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mnif_core.data.transforms_files import transforms_of
from mnif_core.errors import DataError

SPLITS = ("_train", "_val", "_test")


def is_instance(folder: Path) -> bool:
    """Whether `folder` holds the views of one scene, in SRN layout or with a file of transforms."""
    return (folder / "rgb").is_dir() or transforms_of(folder) is not None


def list_instances(data: Path, category: str | None, split: str) -> list[Path]:
    """Instance folders under `data`, sorted by name, without reading any of them.

    Args:
        data: a root that holds `<category>_{train,val,test}`, one such folder, a folder of instances or of two or more
            folders that these are sorted into, or an instance.
        category: which one, where a root holds several.
        split: `train`, `val` or `test`; a folder that is no root serves every split.

    Raises:
        DataError: no such folder, several categories and none chosen, no instance, or two of one name.
    """
    if not data.is_dir():
        raise DataError(f"{data}: no such folder; pass the folder of your scenes by --data")
    if is_instance(data):
        return [data]
    folders = sorted(entry for entry in entries(data) if entry.is_dir())
    splits = [f for f in folders if f.name.endswith(SPLITS) and not is_instance(f)]
    if splits:
        categories = sorted({f.name.rpartition("_")[0] for f in splits})
        if category is None and len(categories) > 1:
            raise DataError(f"{data}: holds {', '.join(categories)}; choose one by srn --category {categories[0]}")
        data = data / f"{category or categories[0]}_{split}"
        if data not in splits:
            raise DataError(f"{data}: no such folder; pass one of {', '.join(f.name for f in splits)} by --data")
        folders = sorted(entry for entry in entries(data) if entry.is_dir())
    if not folders:
        raise DataError(
            f"{data}: empty; put instances here, each with rgb/, pose/ and intrinsics.txt, or with transforms.json"
        )
    instances = [f for f in folders if is_instance(f)] or _sorted_by_class(folders)
    if not instances:
        raise DataError(
            f"{data}: no instance here (a folder with rgb/, or with transforms.json); "
            "pass the folder of your scenes by --data"
        )
    return instances


def _sorted_by_class(folders: Sequence[Path]) -> list[Path]:
    """Instances in `folders`, sorted by class and name; none where fewer than two folders hold any."""
    found = [[entry for entry in entries(folder) if entry.is_dir() and is_instance(entry)] for folder in folders]
    if sum(map(bool, found)) < 2:
        return []
    instances = [path for paths in found for path in paths]
    twice = [name for name, count in Counter(path.name for path in instances).items() if count > 1]
    if twice:
        first, second, *_ = (path for path in instances if path.name == twice[0])
        raise DataError(f"{second}: has the name of {first}; rename one, scenes are known by their folders' names")
    return instances


def split_views(
    num_views: int, held_out: int, instance: Path | str = "views"
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Indices of training views and of `held_out` others, evenly spread; both ascending.

    Raises:
        DataError: no training view of `instance` would remain, or the number is negative.
    """
    if not 0 <= held_out < num_views:
        raise DataError(
            f"{instance}: {held_out} of {num_views} views are to be held out; "
            f"pass srn --held-out-views between 0 and {num_views - 1}"
        )
    held = ((np.arange(held_out) + 0.5) * num_views / max(held_out, 1)).astype(np.int64)
    return np.setdiff1d(np.arange(num_views), held), held


def entries(folder: Path) -> list[Path]:
    """What a folder holds, hidden files left out, in the order of its names.

    Raises:
        DataError: it cannot be read.
    """
    try:
        # by stem, so that pictures and poses are in one order; names like ._000.png are what archives of macOS leave
        return sorted((e for e in folder.iterdir() if not e.name.startswith(".")), key=lambda e: (e.stem, e.suffix))
    except OSError as error:
        raise DataError(f"{folder}: cannot be read ({error.strerror}); restore it or its permissions") from error
