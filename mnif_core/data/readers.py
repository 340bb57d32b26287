"""Which reader serves which kind of signal."""

from collections.abc import Callable
from typing import Any

from mnif_core.data.image_files import load_images
from mnif_core.data.shaded_solids import with_shade
from mnif_core.data.voxel_files import load_voxels
from mnif_core.errors import ConfigError
from mnif_core.signals.images import ImageObservations, ImageSignal
from mnif_core.signals.observations import Observations
from mnif_core.signals.protocol import Signal
from mnif_core.signals.scenes import SceneSignal
from mnif_core.signals.voxels import VoxelObservations, VoxelSignal


def read_observations(signal: Signal, data: Any, skip_bad: bool = False) -> Observations:
    """Data of a signal's own kind, read as the signal says: its resolution, its background, its way to fill, its shade.

    Args:
        signal: of a field, or what one is going to have.
        data: as the reader of the kind takes it. None: the demo set.
        skip_bad: leave unreadable files out instead of stopping.

    Raises:
        ConfigError: instances of this kind are not known by values at points, or nothing reads them.
        DataError: as the reader of the kind.
    """
    if signal.kind not in READERS:
        raise ConfigError(f"nothing reads data of kind '{signal.kind}'; add a reader to mnif_core.data.readers")
    return READERS[signal.kind](signal, data, skip_bad)


def _images(signal: ImageSignal, data: Any, skip_bad: bool) -> ImageObservations:
    return load_images(data, signal.height, skip_bad, signal.background)


def _voxels(signal: VoxelSignal, data: Any, skip_bad: bool) -> VoxelObservations:
    return with_shade(load_voxels(data, signal.resolution, skip_bad, signal.fill), signal.shade)


def _scenes(signal: SceneSignal, data: Any, skip_bad: bool) -> Observations:
    raise ConfigError("scenes are known by posed views, not by values at points; use ns-eval")


READERS: dict[str, Callable[[Any, Any, bool], Observations]] = {"image": _images, "voxel": _voxels, "scene": _scenes}
"""Kind of signal -> `(signal, data, skip_bad) -> observations`."""
