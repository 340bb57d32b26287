"""Which figures a field gets, by its kind."""

from collections.abc import Sequence
from typing import Any

import pytest
import torch

from mnif_core.errors import DataError
from mnif_core.evaluation.image_evaluation import ImageSubject
from mnif_core.evaluation.metrics.extractors import module_extractor
from mnif_core.evaluation.picture_evaluation import PictureSubject
from mnif_core.evaluation.subjects import SUBJECTS, subject_of
from mnif_core.evaluation.voxel_evaluation import VoxelSubject
from mnif_core.signals.images import ImageObservations
from tests.small_field import small_field

EXTRACTOR = module_extractor("mean colour", torch.nn.Sequential(torch.nn.AdaptiveAvgPool2d(2), torch.nn.Flatten()))


class PointsOnly(ImageObservations):
    def pictures(self, index: torch.Tensor) -> Any:
        return None

    def subset(self, index: Sequence[int]) -> "PointsOnly":
        return PointsOnly(self.images[list(index)], [self.names[i] for i in index])


def photographs(kind: type[ImageObservations]) -> dict[str, ImageObservations]:
    generator = torch.Generator().manual_seed(0)
    pictures = torch.randint(0, 255, (5, 8, 8, 3), dtype=torch.uint8, generator=generator)
    return {"train": kind(pictures, [f"item_{i}" for i in range(5)])}


def test_a_kind_has_its_own_subject_or_that_of_pictures(monkeypatch: pytest.MonkeyPatch) -> None:
    parts: Any = photographs(ImageObservations)
    assert type(subject_of(small_field("image"), parts, EXTRACTOR)) is ImageSubject
    assert type(subject_of(small_field("voxel"), parts, EXTRACTOR)) is VoxelSubject
    monkeypatch.delitem(SUBJECTS, "image")
    assert type(subject_of(small_field("image"), parts, EXTRACTOR)) is PictureSubject


def test_pictures_say_the_same_whatever_the_kind() -> None:
    field, parts = small_field("image"), photographs(ImageObservations)
    ours = PictureSubject(field, parts, EXTRACTOR).reconstruction("train")
    images = ImageSubject(field, parts, EXTRACTOR).reconstruction("train")
    assert ours == {name: value for name, value in images.items() if name != "MSE"}


def test_data_without_pictures_are_one_line() -> None:
    subject = PictureSubject(small_field("image"), photographs(PointsOnly), EXTRACTOR)
    with pytest.raises(DataError, match="the images are known at points only"):
        subject.reconstruction("train")
