"""Scene runs that learn nothing, hold a single scene, or are interrupted: what ns-train then says and returns."""

import json
import os
import shutil
import signal
from pathlib import Path

import pytest
import torch

from mnif_core.training.collapse import ATTEMPTS, FEWEST_STEPS
from tests.end_to_end.conftest import Tools, assert_ok, assert_one_line, short_run


def test_a_run_that_never_learns_starts_again_slower_and_ends_with_an_error(
    tools: Tools, few_cars: Path, tmp_path: Path
) -> None:
    wild = ["--pipeline.fit-steps", FEWEST_STEPS, "--optimizers.bases.optimizer.lr", 30]
    finished = tools.run(*short_run(few_cars, tmp_path, *wild))
    assert finished.output.count("stage 1 starts again at") == ATTEMPTS - 1
    assert_one_line(finished, "TrainingError", tmp_path / "run/mnif-tiny/now", f"in {ATTEMPTS} attempts")


def test_a_run_that_was_too_fast_ends_well(tools: Tools, few_cars: Path, tmp_path: Path) -> None:
    fast = ["--pipeline.fit-steps", 4 * FEWEST_STEPS, "--optimizers.bases.optimizer.lr", 0.02]
    running = tools.start(*short_run(few_cars, tmp_path, *fast))
    folder = tmp_path / "run/mnif-tiny/now"
    running.until(lambda: "stage 1 starts again at" in running.output)
    finished = running.wait()
    assert_ok(finished)
    assert json.loads((folder / "summary.json").read_text())["held_out_psnr_db"] > 15


def test_a_checkpoint_of_an_attempt_that_none_is_is_refused(
    tools: Tools, tiny_run: Path, few_cars: Path, tmp_path: Path
) -> None:
    whole = next((tiny_run / "nerfstudio_models").glob("*.ckpt"))
    state = torch.load(whole, weights_only=True)
    state["pipeline"]["attempt"].fill_(ATTEMPTS)
    path = tmp_path / whole.name
    torch.save(state, path)
    finished = tools.run(*short_run(few_cars, tmp_path, "--load-checkpoint", path))
    assert_one_line(finished, "CheckpointError", path, f"attempt {ATTEMPTS} of {ATTEMPTS}")


@pytest.mark.parametrize("count", [1, 2])
def test_one_scene_is_enough(count: int, tools: Tools, few_cars: Path, tmp_path: Path) -> None:
    data = tmp_path / "data"
    for scene in sorted((few_cars / "cars_train").iterdir())[:count]:
        shutil.copytree(scene, data / "cars_train" / scene.name)
    finished = tools.run(*short_run(data, tmp_path, "--pipeline.fit-steps", 4 * FEWEST_STEPS))
    assert_ok(finished)
    summary = json.loads((tmp_path / "run/mnif-tiny/now/summary.json").read_text())
    assert summary["scenes"] == count and summary["held_out_psnr_db"] > 17


@pytest.mark.parametrize("saved", [False, True])
def test_an_interrupted_run_says_how_to_go_on(saved: bool, tools: Tools, few_cars: Path, tmp_path: Path) -> None:
    often = ["--steps-per-save", 20 if saved else 5000]
    running = tools.start(*short_run(few_cars, tmp_path, "--pipeline.fit-steps", 5000, *often))
    models = tmp_path / "run/mnif-tiny/now/nerfstudio_models"
    running.until(lambda: any(models.glob("*.ckpt")) if saved else "Step (% Done)" in running.output)
    os.kill(running.pid, signal.SIGINT)
    finished = running.wait()
    assert finished.code == 130
    wanted = f"go on with --load-dir {models}" if saved else "ns-train: interrupted"
    assert wanted in finished.last_line and "Traceback" not in finished.output
