"""Classes of scenes: by a table beside their folders, or by the folders that they are sorted into."""

import os
from collections.abc import Sequence
from pathlib import Path

from mnif_core.data.labels import read_labels


def read_scene_labels(data: Path, instances: Sequence[Path]) -> list[str] | None:
    """The class of each scene, by the first of these that there is.

    - `labels.csv` in `data`, or in the folder that all scenes lie in: its `name` is that of a scene's folder, or the
      path to it.
    - Two or more folders that all scenes are sorted into.

    Args:
        data: that `list_instances` has searched.
        instances: what it has found there.

    Returns:
        One for each scene; none where nothing tells.

    Raises:
        DataError: as `read_labels`.
    """
    names = [path.name for path in instances]
    root = Path(os.path.commonpath([path.parent for path in instances]))
    paths = [path.relative_to(root).as_posix() for path in instances]
    found = (read_labels(folder, known) for folder, known in ((data, names), (root, names), (root, paths)))
    return next((labels for labels in found if labels is not None), None)
