"""Views with cameras, written and read again."""

from pathlib import Path

import numpy as np
import pytest
import torch

from mnif_core.data.posed_views import PosedViews, read_posed_views
from mnif_core.data.transforms_writer import write_transforms
from mnif_core.errors import OutputError
from mnif_core.rendering.cameras import look_at_origin_opengl


def test_views_are_read_as_they_were_written(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    views = PosedViews(
        "thing",
        rng.integers(0, 255, (2, 8, 8, 3), dtype=np.uint8),
        look_at_origin_opengl(torch.tensor([0.3, 2.0]), 0.4, 1.3).numpy(),
        np.array([[9.0, 9.0, 3.5, 4.5], [8.0, 8.0, 4.0, 4.0]], dtype=np.float32),
    )
    path = write_transforms(tmp_path / "thing", views)
    for source in (path, tmp_path / "thing"):
        read = read_posed_views(source)
        assert read.name == "thing"
        np.testing.assert_array_equal(read.pictures, views.pictures)
        np.testing.assert_array_equal(read.camera_to_worlds, views.camera_to_worlds)
        np.testing.assert_array_equal(read.intrinsics, views.intrinsics)
    with pytest.raises(OutputError, match="holds something already"):
        write_transforms(tmp_path / "thing", views)
