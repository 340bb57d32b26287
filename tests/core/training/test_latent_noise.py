"""Runs with noise on their latents: what it adds follows from seed and step, and off it is not there."""

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from mnif_core import ImageTrainer, VoxelTrainer
from mnif_core.errors import CheckpointError, ConfigError
from mnif_core.latents.fitter import LatentFitter
from mnif_core.latents.inner_loop import FittingConfig
from mnif_core.networks.mixture import MixtureConfig
from mnif_core.presets import PRESETS
from mnif_core.training.field_stage import FieldStage
from mnif_core.training.objective import Objective
from tests.free_port import free_port
from tests.old_runs import OLD_RUNS, STEPS, small_presets

SCRIPT = """
import sys
from dataclasses import replace
import pytest
from mnif_core import VoxelTrainer
from mnif_core.presets import PRESETS
from tests.old_runs import OLD_RUNS, small_presets
if __name__ == "__main__":
    small_presets(pytest.MonkeyPatch())
    PRESETS["voxel-tiny"] = replace(PRESETS["voxel-tiny"], validation_share=0.0)
    VoxelTrainer(OLD_RUNS / "solids.npz", output_dir=sys.argv[1], fit_length=6, prior_length=2, latent_noise=0.3,
                 device="cpu").fit()
"""
ROOT = Path(__file__).parents[3]


@pytest.fixture(autouse=True)
def _small(monkeypatch: pytest.MonkeyPatch) -> None:
    small_presets(monkeypatch)
    full = PRESETS["voxel-tiny"]  # held-out instances are not what is tested
    monkeypatch.setitem(PRESETS, "voxel-tiny", replace(full, validation_share=0.0))


def trainer(folder: Path, **options: Any) -> VoxelTrainer:
    settings: dict[str, Any] = {
        "fit_length": 6,
        "prior_length": 2,
        "latent_noise": 0.3,
        "checkpoint_every": 2,
        "device": "cpu",
    }
    return VoxelTrainer(OLD_RUNS / "solids.npz", output_dir=folder, **settings | options)


def artefact(folder: Path) -> dict[str, torch.Tensor]:
    return load_file(folder / "field/model.safetensors") | load_file(folder / "field/latents.safetensors")


def differing(one: Path, other: Path) -> list[str]:
    first, second = artefact(one), artefact(other)
    return [name for name, value in first.items() if not torch.equal(value, second[name])]


def objective(noise: float) -> Objective:
    torch.manual_seed(0)
    mixture = MixtureConfig(in_dim=2, out_dim=1, hidden_layers=1, width=8, num_bases=3, latent_dim=4).build()
    config = FittingConfig("auto-decoding", latent_std=1.0, weight_decay=0.1, latent_noise=noise)
    return Objective(mixture, LatentFitter(config, 4), 6)


def test_off_is_bit_for_bit_what_there_was() -> None:
    index, coordinates, targets = torch.tensor([4, 1]), torch.rand(2, 5, 2), torch.rand(2, 5, 1)
    losses = []
    for module, noise in ((objective(0.0), torch.randn(2, 4)), (objective(0.0), torch.zeros(2, 4))):
        loss, _ = module(index, coordinates, targets, noise, 1)
        loss.backward()
        gradients = [parameter.grad for parameter in module.parameters() if parameter.grad is not None]
        losses.append((loss, gradients))
    assert torch.equal(losses[0][0], losses[1][0])
    assert all(torch.equal(a, b) for a, b in zip(losses[0][1], losses[1][1], strict=True))


def test_the_penalty_is_on_the_latents_without_noise() -> None:
    index, coordinates, targets = torch.tensor([4, 1]), torch.rand(2, 5, 2), torch.rand(2, 5, 1)
    module = objective(0.5)
    assert module.table is not None
    with torch.no_grad():
        loss, values = module(index, coordinates, targets, torch.ones(2, 4), 1)
        penalty = 0.05 * module.table(index).square().sum()
    torch.testing.assert_close(loss - (values - targets).square().mean(), penalty)


def test_noise_follows_from_the_seed_and_changes_the_run(tmp_path: Path) -> None:
    for name, options in (("one", {}), ("same", {}), ("none", {"latent_noise": 0.0})):
        trainer(tmp_path / name, **options).fit()
    assert not differing(tmp_path / "one", tmp_path / "same")
    assert "latents" in differing(tmp_path / "one", tmp_path / "none")


@pytest.mark.parametrize("stop", [1, 3, 5])
def test_a_resumed_run_is_the_run_never_interrupted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, stop: int) -> None:
    trainer(tmp_path / "whole").fit()
    step = FieldStage.step

    def dying(self: FieldStage, number: int) -> dict[str, float]:
        if number == stop:
            raise KeyboardInterrupt
        return step(self, number)

    monkeypatch.setattr(FieldStage, "step", dying)
    with pytest.raises(KeyboardInterrupt):
        trainer(tmp_path / "run").fit()
    monkeypatch.setattr(FieldStage, "step", step)
    torch.manual_seed(99)
    trainer(tmp_path / "run", resume=stop > 1).fit()
    assert not differing(tmp_path / "run", tmp_path / "whole")


def test_two_processes_follow_one(tmp_path: Path) -> None:
    script = tmp_path / "train.py"
    script.write_text(SCRIPT)
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "GLOO_SOCKET_IFNAME": "lo", "PYTHONPATH": str(ROOT)}
    launcher = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node=2", f"--master-port={free_port()}"]
    subprocess.run([*launcher, str(script), str(tmp_path / "two")], env=environment, check=True)
    trainer(tmp_path / "one").fit()
    one, two = artefact(tmp_path / "one"), artefact(tmp_path / "two")
    for name, value in one.items():
        if name.startswith("prior"):
            continue
        # Adam divides by the gradient's own size: where that is rounding, a weight moves by a share of the rate
        apart = (value.double() - two[name].double()).norm() / value.double().norm()
        assert apart <= 1e-3, (name, apart)


def test_a_run_of_before_goes_on_without_noise(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its checkpoint does not name it, whatever the preset has come to have."""
    full = PRESETS["voxel-tiny"]
    noisy = replace(full, validation_share=0.1, fitting=replace(full.fitting, latent_noise=0.2))
    monkeypatch.setitem(PRESETS, "voxel-tiny", noisy)
    (tmp_path / "checkpoint.safetensors").write_bytes((OLD_RUNS / "voxel/checkpoint.safetensors").read_bytes())
    settings: dict[str, Any] = {"fit_length": STEPS, "prior_length": STEPS, "resume": True}
    assert trainer(tmp_path, **settings, latent_noise=None).preset.fitting.latent_noise == 0.0
    with pytest.raises(CheckpointError, match=r"fitting.latent_noise 0.0, this call 0.3; resume with the run's own"):
        trainer(tmp_path, **settings)


def test_options_change_the_preset(tmp_path: Path) -> None:
    run = trainer(tmp_path / "run", latent_dim=3)
    assert run.preset.modulation.latent_dim == run.preset.prior.latent_dim == 3
    field = run.fit()
    assert field.latents.shape[1] == 3 and field.fitter is not None and field.fitter.config.latent_noise == 0.3


@pytest.mark.parametrize(
    ("kind", "options", "message"),
    [
        (VoxelTrainer, {"latent_noise": -0.1}, "latent_noise -0.1: choose 0 or more"),
        (VoxelTrainer, {"latent_dim": 0}, "latent_dim 0: choose 1 or more"),
        (ImageTrainer, {"latent_noise": 0.1}, "latent_noise 0.1: preset 'image-tiny' has no table of latents"),
    ],
)
def test_bad_settings_are_one_line(tmp_path: Path, kind: Any, options: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        kind(None, output_dir=tmp_path, device="cpu", **options)
