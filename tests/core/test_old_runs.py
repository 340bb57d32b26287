"""Images and solids of an earlier version: their fields open, their runs go on to what they would have become."""

import shutil
from pathlib import Path

import pytest

from mnif_core import GenerativeField, ImageTrainer, VoxelTrainer
from mnif_core.cli import main
from mnif_core.networks.kernels.cpu import sine_choice
from mnif_core.networks.kernels.cpu.sines import TORCH
from tests.old_runs import OLD_RUNS, STEPS, assert_same_field, small_presets

KINDS = {"image": (ImageTrainer, "pictures.npz"), "voxel": (VoxelTrainer, "solids.npz")}


@pytest.mark.parametrize("kind", [*KINDS, "scene"])
def test_fields_open_and_sample(kind: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    field = GenerativeField.load(OLD_RUNS / kind / "field")
    assert field.signal.kind == kind and field.prior is not None
    assert main(["sample", str(OLD_RUNS / kind), "--count", "2", "--output", str(tmp_path / "samples.png")]) == 0, (
        capsys.readouterr().err
    )
    assert list(tmp_path.iterdir())


@pytest.mark.parametrize("kind", KINDS)
def test_a_run_goes_on_as_it_would_have(kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    small_presets(monkeypatch)
    # as they were trained: of gradients that are zero but for rounding, Adam makes whole steps
    monkeypatch.setattr(sine_choice, "chosen_sines", lambda: TORCH)
    trainer, data = KINDS[kind]
    shutil.copy(OLD_RUNS / kind / "checkpoint.safetensors", tmp_path)
    trainer(OLD_RUNS / data, output_dir=tmp_path, fit_length=STEPS, prior_length=STEPS, device="cpu", resume=True).fit()
    assert_same_field(tmp_path / "field", OLD_RUNS / kind / "field")


def test_old_places_still_serve() -> None:
    from mnif_core.fitting import RowAdam
    from mnif_core.prior import LatentPrior, PriorConfig
    from mnif_core.rendering import composite, pixel_directions, sample_depths

    assert all((RowAdam, LatentPrior, PriorConfig, composite, pixel_directions, sample_depths))
