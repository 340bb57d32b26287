"""Data are read as a signal says."""

from pathlib import Path

import numpy as np
import pytest
import torch

from mnif_core.data.readers import READERS, read_observations
from mnif_core.errors import ConfigError
from mnif_core.signals.images import ImageSignal
from mnif_core.signals.scenes import SceneSignal
from mnif_core.signals.voxels import VoxelSignal


def test_images_have_the_signals_size_and_background(tmp_path: Path) -> None:
    np.save(tmp_path / "set.npy", np.full((3, 8, 8, 3), 90, np.uint8))
    signal = ImageSignal(4, 4, background="black")
    observations = read_observations(signal, tmp_path / "set.npy")
    assert observations.signal == signal and len(observations.names) == 3
    pictures = observations.pictures(torch.arange(2))
    assert pictures is not None
    torch.testing.assert_close(pictures, torch.full((2, 4, 4, 3), 90 / 255))


def test_solids_have_pictures_where_they_are_known_as_grids(tmp_path: Path) -> None:
    grid = np.zeros((2, 16, 16, 16), bool)
    grid[:, 4:12, 4:12, 4:12] = True
    np.save(tmp_path / "set.npy", grid)
    observations = read_observations(VoxelSignal(16), tmp_path / "set.npy")
    pictures = observations.pictures(torch.arange(2))
    assert pictures is not None and pictures.shape == (2, 128, 128, 3) and float(pictures.std()) > 0.1
    observations.bits = None  # type: ignore[attr-defined]
    assert observations.pictures(torch.arange(2)) is None


def test_what_is_not_known_at_points_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ConfigError, match="scenes are known by posed views"):
        read_observations(SceneSignal(), None)
    monkeypatch.delitem(READERS, "image")
    with pytest.raises(ConfigError, match="nothing reads data of kind 'image'"):
        read_observations(ImageSignal(), None)
