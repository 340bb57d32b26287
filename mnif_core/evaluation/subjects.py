"""What is evaluated of a saved field: its subject, with the data that belong to it."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from mnif_core.data.demo.car_scenes import default_demo_root, make_demo_cars, make_demo_test_cars
from mnif_core.data.labels import read_labels
from mnif_core.errors import ConfigError
from mnif_core.evaluation.evaluation import Subject
from mnif_core.evaluation.evaluation_config import EvaluationConfig
from mnif_core.evaluation.image_evaluation import ImageSubject
from mnif_core.evaluation.metrics.extractors import Extractor
from mnif_core.evaluation.picture_evaluation import PictureSubject
from mnif_core.evaluation.scene_evaluation import SceneSubject
from mnif_core.evaluation.splits import Split, scene_splits, splits
from mnif_core.evaluation.voxel_evaluation import VoxelSubject
from mnif_core.generative_field import GenerativeField
from mnif_core.signals.images import ImageObservations
from mnif_core.signals.observations import Observations
from mnif_core.signals.voxels import VoxelObservations
from mnif_core.unseen.reconstruction import load_observations


def subject_of(field: GenerativeField, parts: Split, extractor: Extractor) -> Subject:
    """A field known by values at points, with its data as `splits` gives them."""
    return SUBJECTS.get(field.signal.kind, PictureSubject)(field, parts, extractor)


def read_subject(
    field: GenerativeField,
    data: Path | None,
    test_data: Path | None,
    config: EvaluationConfig,
    extractor: Extractor,
    skip_bad: bool,
) -> Subject:
    """A field with its data, read from where they lie; the demo set for none.

    Raises:
        ConfigError: test data that are the data.
        DataError: as the readers of the modality.
    """
    if test_data is not None and data is not None and test_data.resolve() == data.resolve():
        raise ConfigError(f"{test_data}: is the data that the run was trained on; pass other --test-data, or none")
    return READ.get(field.signal.kind, _by_points)(field, data, test_data, config, extractor, skip_bad)


def _by_points(
    field: GenerativeField,
    data: Path | None,
    test_data: Path | None,
    config: EvaluationConfig,
    extractor: Extractor,
    skip_bad: bool,
) -> Subject:
    test = None if test_data is None else _labelled(load_observations(field, test_data, skip_bad), test_data)
    own = _labelled(load_observations(field, data, skip_bad), data)
    return subject_of(field, splits(field.names, own, test), extractor)


def _labelled(observations: Observations, data: Path | None) -> Observations:
    """With the classes that the data name, where figures of the kind ask for them."""
    if not isinstance(observations, ImageObservations | VoxelObservations):
        return observations
    return observations.labelled(read_labels(data, observations.names))


def _by_views(
    field: GenerativeField,
    data: Path | None,
    test_data: Path | None,
    config: EvaluationConfig,
    extractor: Extractor,
    skip_bad: bool,
) -> Subject:
    if data is None:
        data = make_demo_cars(default_demo_root())
        test_data = test_data or make_demo_test_cars()
    return SceneSubject(field, scene_splits(field.names, data, test_data), extractor, config)


SUBJECTS: dict[str, Callable[[GenerativeField, Any, Extractor], Subject]] = {
    "image": ImageSubject,
    "voxel": VoxelSubject,
}
"""Kind of signal -> subject of a field known by values at points; `PictureSubject` of all others."""
READ: dict[str, Callable[..., Subject]] = {"scene": _by_views}
"""Kind of signal -> `read_subject` of what is not known by values at points."""
