"""The refit in a run: what judges is never fitted to; a run killed in it ends as the run never interrupted."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from mnif_core import VoxelTrainer
from mnif_core.data.readers import read_observations
from mnif_core.preset_config import VoxelPreset
from mnif_core.presets import PRESETS
from mnif_core.signals.images import ImageObservations
from mnif_core.signals.voxels import VoxelSignal
from mnif_core.training.checkpoint import read_checkpoint
from mnif_core.training.field_stage import FieldStage
from mnif_core.training.identity import as_begun
from mnif_core.training.point_losses import PointLosses
from tests.old_runs import OLD_RUNS, small_presets


@pytest.fixture(autouse=True)
def _small(monkeypatch: pytest.MonkeyPatch) -> None:
    small_presets(monkeypatch)
    full = PRESETS["voxel-tiny"]
    monkeypatch.setitem(PRESETS, "voxel-tiny", replace(full, validation_share=0.0))


def trainer(folder: Path, **options: Any) -> VoxelTrainer:
    settings: dict[str, Any] = {"fit_length": 6, "prior_length": 4, "checkpoint_every": 2, "device": "cpu"}
    return VoxelTrainer(OLD_RUNS / "solids.npz", output_dir=folder, **settings | options)


def artefact(folder: Path) -> dict[str, torch.Tensor]:
    return load_file(folder / "field/model.safetensors") | load_file(folder / "field/latents.safetensors")


def test_no_step_sees_what_judges() -> None:
    observations = read_observations(VoxelSignal(16), OLD_RUNS / "solids.npz", False)
    losses = PointLosses(PRESETS["voxel-tiny"].modulation.build(), observations, seed=3)
    assert not set(losses.judges.tolist()) & set(losses.others.tolist())
    assert len(losses.judges) + len(losses.others) == observations.points
    index, latents = torch.tensor([2, 0]), torch.randn(2, 4)
    assert torch.equal(losses.judged(index, latents), losses.judged(index, latents))
    assert torch.equal(losses.fitted(index, latents, 1), losses.fitted(index, latents, 1))
    assert not torch.equal(losses.fitted(index, latents, 1), losses.fitted(index, latents, 2))
    torch.testing.assert_close(losses.judged(index, latents)[1:], losses.judged(index[1:], latents[1:]))


def test_of_pictures_all_pixels_are_fitted_and_judge() -> None:
    pictures = torch.randint(256, (3, 6, 6, 3), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    losses = PointLosses(PRESETS["image-tiny"].modulation.build(), ImageObservations(pictures, ["a", "b", "c"]), seed=3)
    assert losses.judges.tolist() == sorted(losses.others.tolist()) == list(range(36))


def test_a_run_refits_its_table_once_bases_are_done(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = trainer(tmp_path / "run")
    field = run.fit()
    assert "Refit: a better latent for" in capsys.readouterr().out
    stored, state = read_checkpoint(tmp_path / "run/checkpoint.safetensors")
    assert state.stage == 2 and torch.equal(stored["latents"], field.latents)
    table = stored["objective.table.weight"]
    assert not torch.equal(table, field.latents)
    losses = PointLosses(field.modulation, run.train, 0)
    index = torch.arange(len(table))
    with torch.no_grad():
        assert bool((losses.judged(index, field.latents) <= losses.judged(index, table)).all())


@pytest.mark.parametrize("where", ["in the refit", "in stage 2"])
def test_killed_there_it_ends_as_without(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, where: str) -> None:
    trainer(tmp_path / "whole").fit()
    fitted, step = PointLosses.fitted, "mnif_core.training.prior_stage.PriorStage.step"

    def dying(self: Any, *arguments: Any) -> Any:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(PointLosses, "judged", dying) if where == "in the refit" else patch.setattr(step, dying)
        with pytest.raises(KeyboardInterrupt):
            trainer(tmp_path / "run").fit()
    assert PointLosses.fitted is fitted
    torch.manual_seed(99)
    trainer(tmp_path / "run", resume=True).fit()
    one, two = artefact(tmp_path / "run"), artefact(tmp_path / "whole")
    assert [name for name, value in one.items() if not torch.equal(value, two[name])] == []


def test_the_papers_presets_and_runs_of_before_have_none(tmp_path: Path) -> None:
    assert PRESETS["nerf-s"].fitting.refit_steps == PRESETS["image-gem"].fitting.refit_steps == 0
    _, state = read_checkpoint(OLD_RUNS / "voxel/checkpoint.safetensors")
    begun = as_begun(PRESETS["voxel-tiny"], state.identity)
    assert begun.fitting.refit_steps == 0 < PRESETS["voxel-tiny"].fitting.refit_steps
    shades = [chosen.shade for chosen in (begun, PRESETS["voxel-tiny"]) if isinstance(chosen, VoxelPreset)]
    assert shades == [0.0, 1.5]
    assert (begun.fitting.inner_steps, begun.fitting.inner_points) == (150, 2048)  # as it went on until then
    run = trainer(tmp_path / "run")
    stage = FieldStage(run.fabric, begun, run.train, None, 0)
    assert stage.refitted() is None
