"""Training from data to artefact: resumable bit for bit, seeded, shared by processes, and clear about what is wrong."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

from mnif_core import GenerativeField, ImageTrainer
from mnif_core.errors import CheckpointError, ConfigError, TrainingError
from mnif_core.training import checkpoint as checkpoint_file
from mnif_core.training.field_stage import FieldStage
from mnif_core.training.prior_stage import PriorStage
from mnif_core.training.stages import batch_of
from tests.core.training.squares import write_squares
from tests.free_port import free_port

FIT, PRIOR = 5, 4


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_squares(tmp_path_factory.mktemp("data") / "squares.npz", 20)


def trainer(data: Path, folder: Path, **options: Any) -> ImageTrainer:
    settings: dict[str, Any] = {
        "fit_length": FIT,
        "prior_length": PRIOR,
        "prior": "diffusion",
        "resolution": 8,
        "checkpoint_every": 2,
        "device": "cpu",
    }
    return ImageTrainer(data=data, output_dir=folder, **settings | options)


def artefact(folder: Path) -> dict[str, torch.Tensor]:
    return load_file(folder / "field/model.safetensors") | load_file(folder / "field/latents.safetensors")


@pytest.fixture(scope="module")
def finished(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("finished") / "run"
    trainer(data, folder).fit()
    return folder


def assert_same(one: Path, other: Path) -> None:
    first, second = artefact(one), artefact(other)
    assert first.keys() == second.keys()
    for name, value in first.items():
        assert torch.equal(value, second[name]), name


def test_a_run_leaves_field_sheet_and_summary(finished: Path) -> None:
    field = GenerativeField.load(finished / "field")
    assert field.sample(3, seed=1).shape == (3, 8, 8, 3)
    assert field.sample(1, seed=1, height=20, width=30).shape == (1, 20, 30, 3)
    assert len(field.latents) == len(field.names) == 18
    summary = json.loads((finished / "summary.json").read_text())
    assert summary["unseen_instances"] == 2 and summary["unseen_psnr"] > 5
    assert (finished / "sheet.png").stat().st_size > 1000


def test_the_artefact_finds_latents_as_the_run_did(finished: Path, data: Path) -> None:
    run = trainer(data, finished, resume=True)
    field = GenerativeField.load(finished / "field")
    torch.testing.assert_close(field.reconstruct(run.train), field.latents, atol=1e-6, rtol=1e-5)


@pytest.mark.parametrize("stage", [FieldStage, PriorStage])
@pytest.mark.parametrize("stop", range(5))
def test_resumed_at_any_step_is_the_run_never_interrupted(
    data: Path, finished: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, stage: Any, stop: int
) -> None:
    if stage is PriorStage and stop >= PRIOR:
        stop = PRIOR - 1
    whole = stage.step

    def dying(self: Any, number: int) -> Any:
        if number == stop:
            raise KeyboardInterrupt
        return whole(self, number)

    monkeypatch.setattr(stage, "step", dying)
    with pytest.raises(KeyboardInterrupt):
        trainer(data, tmp_path / "run").fit()
    monkeypatch.setattr(stage, "step", whole)
    torch.manual_seed(99)  # what the process has drawn before must not matter
    started = (tmp_path / "run/checkpoint.safetensors").exists()
    trainer(data, tmp_path / "run", resume=started).fit()
    assert_same(tmp_path / "run", finished)


def test_seed_decides(data: Path, finished: Path, tmp_path: Path) -> None:
    trainer(data, tmp_path / "same", seed=0).fit()
    assert_same(tmp_path / "same", finished)
    trainer(data, tmp_path / "other", seed=1).fit()
    assert not torch.equal(artefact(tmp_path / "other")["latents"], artefact(finished)["latents"])


def test_every_epoch_visits_every_instance_once() -> None:
    drawn = torch.cat([batch_of(number, 6, 20, seed=3) for number in range(10)])
    for epoch in drawn.split(20):
        assert epoch.sort().values.tolist() == list(range(20))
    assert not torch.equal(drawn[:20], drawn[20:40])


SCRIPT = """
import sys
from mnif_core import ImageTrainer
if __name__ == "__main__":
    ImageTrainer(data=sys.argv[1], output_dir=sys.argv[2], fit_length=int(sys.argv[3]), prior_length=4, resolution=8,
                 prior="diffusion", checkpoint_every=2, device="cpu", resume=sys.argv[4:] == ["resume"]).fit()
"""


def command(tmp_path: Path, *arguments: Any, processes: int = 1) -> list[str]:
    script = tmp_path / "train.py"
    script.write_text(SCRIPT)
    launcher = [sys.executable]
    if processes > 1:
        launcher += ["-m", "torch.distributed.run", f"--nproc-per-node={processes}", f"--master-port={free_port()}"]
    return [*launcher, str(script), *map(str, arguments)]


@pytest.mark.slow
def test_killed_and_resumed(data: Path, tmp_path: Path) -> None:
    """kill -9 in the middle of stage 1, of the run as a user starts it."""
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    process = subprocess.Popen(command(tmp_path, data, tmp_path / "run", 20), env=environment)
    path = tmp_path / "run/checkpoint.safetensors"
    for _ in range(1200):
        if path.exists() or process.poll() is not None:
            break
        time.sleep(0.1)
    process.send_signal(signal.SIGKILL)
    process.wait()
    state = checkpoint_file.read_checkpoint(path)[1]
    assert state.stage == 1 and state.step < 20
    subprocess.run(command(tmp_path, data, tmp_path / "run", 20, "resume"), env=environment, check=True)
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    trainer(data, tmp_path / "whole", fit_length=20).fit()
    torch.set_num_threads(threads)
    assert_same(tmp_path / "run", tmp_path / "whole")


def test_two_processes_follow_one(data: Path, finished: Path, tmp_path: Path) -> None:
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "GLOO_SOCKET_IFNAME": "lo"}
    subprocess.run(command(tmp_path, data, tmp_path / "two", FIT, processes=2), env=environment, check=True)
    one, two = artefact(finished), artefact(tmp_path / "two")
    for name, value in one.items():
        # Adam divides by the gradient's own size: where that is rounding, a weight moves by a share of the rate
        same = torch.isclose(two[name], value, atol=1e-4, rtol=1e-3)
        assert same.float().mean() > 0.9999, f"{name}: {int((~same).sum())} of {same.numel()} differ"


def test_a_loss_that_is_not_finite_stops_and_keeps_the_last_checkpoint(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = trainer(data, tmp_path / "run")
    observe = run.train.observe
    calls = iter(range(100))

    def poisoned(*arguments: Any) -> Any:
        coordinates, targets = observe(*arguments)
        return coordinates, targets * float("nan") if next(calls) % 4 == 3 else targets

    monkeypatch.setattr(run.train, "observe", poisoned)
    with pytest.raises(TrainingError, match="in 3 attempts.*step 3: loss nan"):
        run.fit()
    assert checkpoint_file.read_checkpoint(run.path)[1].step == 2


def test_a_full_disk_keeps_the_older_checkpoint(data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = save_file
    written: list[Path] = []

    def full(tensors: Any, path: Path, metadata: Any) -> None:
        if written:
            Path(path).write_bytes(b"half a file")
            raise OSError(28, "No space left on device")
        written.append(path)
        whole(tensors, path, metadata)

    monkeypatch.setattr(checkpoint_file, "save_file", full)
    with pytest.raises(CheckpointError, match=r"No space left.*the older one is kept"):
        trainer(data, tmp_path / "run").fit()
    monkeypatch.setattr(checkpoint_file, "save_file", whole)
    assert checkpoint_file.read_checkpoint(tmp_path / "run/checkpoint.safetensors")[1].step == 2
    assert [path.name for path in (tmp_path / "run").glob("*.safetensors")] == ["checkpoint.safetensors"]
    assert not list((tmp_path / "run").glob(".*.tmp"))
    trainer(data, tmp_path / "run", resume=True).fit()


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"preset": "image-xl"}, ConfigError, "no image preset 'image-xl'; choose one of .*image-tiny"),
        ({"preset": "voxel-tiny"}, ConfigError, "no image preset 'voxel-tiny'"),
        ({"fit_length": 0}, ConfigError, "fit_length 0"),
        ({"checkpoint_every": 0}, ConfigError, "checkpoint_every 0"),
        ({"resume": True, "seed": 1}, CheckpointError, "the run has seed 0, this call 1"),
        ({"resume": True, "fit_length": 7}, CheckpointError, "stage_1.length 5, this call 7"),
        ({"resume": True, "preset": "image-s"}, CheckpointError, "resume with the run's own settings"),
        ({}, ConfigError, "holds a run; pass --resume"),
    ],
)
def test_bad_settings_are_one_line(data: Path, finished: Path, options: Any, error: Any, message: str) -> None:
    with pytest.raises(error, match=message) as raised:
        trainer(data, finished, **options)
    assert "\n" not in str(raised.value)


def test_a_damaged_checkpoint_is_named(data: Path, finished: Path, tmp_path: Path) -> None:
    shutil.copytree(finished, tmp_path / "run")
    path = tmp_path / "run/checkpoint.safetensors"
    path.write_bytes(path.read_bytes()[:1000])
    with pytest.raises(CheckpointError, match="damaged") as raised:
        trainer(data, tmp_path / "run", resume=True)
    assert str(path) in str(raised.value)
    with pytest.raises(CheckpointError, match="no such checkpoint"):
        trainer(data, tmp_path / "nothing", resume=True)
