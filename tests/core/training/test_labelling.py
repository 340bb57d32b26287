"""Labels from data to samples: learned where they are kinds, kept with the field, and nothing changed without them."""

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from mnif_core import GenerativeField, ImageTrainer, VoxelTrainer
from mnif_core.errors import CheckpointError, ConfigError
from mnif_core.presets import PRESETS
from mnif_core.training.checkpoint import read_checkpoint
from mnif_core.training.labelling import Labelling, learnable, read_labelling
from mnif_core.training.prior_choice import FEWEST, choose_prior, held_out_of
from mnif_core.training.prior_stage import PriorStage
from tests.core.training.squares import write_squares
from tests.old_runs import OLD_RUNS, small_presets

WORDS = ["left", "right"]


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Squares with a label."""
    path = write_squares(tmp_path_factory.mktemp("data") / "squares.npz", 40)
    images = np.load(path)["images"]
    np.savez(path, images=images, label=np.arange(40) % 2, classes=np.array(WORDS))
    return path


@pytest.fixture(scope="module")
def bare(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same without."""
    path = tmp_path_factory.mktemp("bare") / "squares.npz"
    np.savez(path, images=np.load(data)["images"])
    return path


def trainer(data: Path, folder: Path, **options: Any) -> ImageTrainer:
    settings: dict[str, Any] = {"fit_length": 3, "prior_length": 4, "resolution": 8, "checkpoint_every": 2}
    return ImageTrainer(data, output_dir=folder, device="cpu", **settings | options)


def artefact(folder: Path) -> dict[str, torch.Tensor]:
    return load_file(folder / "field/model.safetensors") | load_file(folder / "field/latents.safetensors")


def test_labels_are_learned_where_they_are_kinds(capsys: pytest.CaptureFixture[str]) -> None:
    assert learnable(["a", "b", "a", "b"], "set") == ["a", "b", "a", "b"]
    assert learnable(None, "set") == learnable(["a", "a"], "set") == learnable([], "set") == []
    assert capsys.readouterr().out == ""
    assert learnable(["a", "b", "c", "a"], "set") == []
    assert capsys.readouterr().out == "set: 3 labels for 4 instances, too many to learn; samples have none\n"


def test_classes_are_those_of_training_and_others_count_as_none(tmp_path: Path) -> None:
    (tmp_path / "labels.csv").write_text("name,label\na,x\nb,y\nc,x\nd,y\ne,z\n")
    found = read_labelling(tmp_path, list("abcde"), list("dcba"), ["e", "a"])
    assert found == Labelling(["y", "x", "y", "x"], ["z", "x"]) and found.classes == ["x", "y"]
    assert found.numbers is not None and found.numbers.tolist() == [1, 0, 1, 0]
    assert found.validation_numbers is not None and found.validation_numbers.tolist() == [2, 0]
    none = read_labelling(None, ["a"], ["a"], [])
    assert none == Labelling() and none.numbers is none.validation_numbers is None and none.classes == []


@pytest.mark.parametrize("prior", ["diffusion", "bootstrap", "gaussian-mixture", "auto"])
def test_a_run_learns_them_whatever_its_prior(prior: Any, data: Path, tmp_path: Path) -> None:
    field = trainer(data, tmp_path / "run", prior=prior).fit()
    assert field.classes == WORDS and len(field.labels) == len(field.latents) == 36
    assert all(label == WORDS[int(name[-6:]) % 2] for name, label in zip(field.names, field.labels, strict=True))
    loaded = GenerativeField.load(tmp_path / "run/field")
    drawn = [loaded.sample_latents(3, seed=0, label=label, guidance=2.0) for label in WORDS]
    assert not torch.equal(*drawn)
    assert torch.equal(drawn[0], field.sample_latents(3, seed=0, label="left", guidance=2.0))
    assert json.loads((tmp_path / "run/summary.json").read_text())["labels"] == {"left": 18, "right": 18}
    with pytest.raises(ConfigError, match="no label 'up'; choose one of left, right"):
        loaded.sample(1, label="up")


def test_without_labels_a_run_is_that_of_data_without(data: Path, bare: Path, tmp_path: Path) -> None:
    ignoring = trainer(data, tmp_path / "ignoring", prior="diffusion", labels=False)
    ignoring.fit()
    plain = trainer(bare, tmp_path / "plain", prior="diffusion")
    plain.fit()
    first, second = (artefact(tmp_path / name) for name in ("ignoring", "plain"))
    assert first.keys() == second.keys() and all(torch.equal(value, second[name]) for name, value in first.items())
    assert ignoring.identity == plain.identity and "classes" not in plain.identity
    assert "labels" not in json.loads((tmp_path / "plain/summary.json").read_text())
    assert "labels" not in json.loads((tmp_path / "plain/field/config.json").read_text())
    labelled = trainer(data, tmp_path / "labelled", prior="diffusion")
    labelled.fit()
    third = artefact(tmp_path / "labelled")
    for name, value in first.items():
        assert name.startswith("prior.") or torch.equal(value, third[name]), "stage 1 knows nothing of them"


def test_a_stopped_run_goes_on_as_if_it_had_not(
    data: Path, bare: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    trainer(data, tmp_path / "whole", prior="diffusion").fit()
    own = PriorStage.step

    def stop(self: PriorStage, number: int) -> dict[str, float]:
        if number == 3:
            raise KeyboardInterrupt
        return own(self, number)

    monkeypatch.setattr(PriorStage, "step", stop)
    with pytest.raises(KeyboardInterrupt):
        trainer(data, tmp_path / "run", prior="diffusion").fit()
    monkeypatch.undo()
    with pytest.raises(CheckpointError, match=r"preset.prior.classes 2, this call 0; resume with the run's own"):
        trainer(bare, tmp_path / "run", resume=True)
    trainer(data, tmp_path / "run", resume=True).fit()
    whole, resumed = artefact(tmp_path / "whole"), artefact(tmp_path / "run")
    assert whole.keys() == resumed.keys() and all(torch.equal(value, resumed[name]) for name, value in whole.items())


def test_a_run_that_began_without_labels_goes_on_without(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    small_presets(monkeypatch)
    shutil.copytree(OLD_RUNS / "voxel", tmp_path / "run")
    solids = np.load(OLD_RUNS / "solids.npz")
    count = len(next(iter(solids.values())))
    np.savez(tmp_path / "solids.npz", **solids, label=np.arange(count) % 2)
    begun = read_checkpoint(tmp_path / "run/checkpoint.safetensors")[1].identity["preset"]
    lengths = {"fit_length": begun["stage_1"]["length"], "prior_length": begun["stage_2"]["length"]}
    run = VoxelTrainer(tmp_path / "solids.npz", output_dir=tmp_path / "run", resume=True, device="cpu", **lengths)
    assert run.labelling == Labelling() and run.preset.prior.classes == 0
    assert PRESETS["voxel-tiny"].prior.classes == 0


@pytest.mark.parametrize("asked", ["auto", "bootstrap", "local-bootstrap", "gaussian-mixture"])
def test_what_is_chosen_without_steps_knows_them(asked: Any) -> None:
    generator = torch.Generator().manual_seed(0)
    latents, labels = torch.randn(80, 4, generator=generator), torch.arange(80) % 3
    known, held_out = held_out_of(80, labels)
    choice = choose_prior(asked, None, latents, latents[known], latents[held_out], labels, labels[known])
    assert choice.prior.settings.classes == 3 and choice.prior.sample(4, label=2).shape == (4, 4)
    if asked == "auto":
        assert choice.judged.keys() == {"bootstrap", "local-bootstrap", "gaussian-mixture"}


@pytest.mark.parametrize("count", [32, 100])
def test_of_every_label_one_is_learned_from(count: int) -> None:
    labels = torch.arange(count) % (count // 2)
    known, held_out = held_out_of(count, labels)
    assert sorted([*known.tolist(), *held_out.tolist()]) == list(range(count))
    assert len(held_out) == max(FEWEST, count // 10) and len(labels[known].unique()) == count // 2
