"""A run goes on from its checkpoint, whatever has stopped it, and a finished one reports anew."""

import json
from pathlib import Path

import pytest
import torch

from mnif_core.generative_field import GenerativeField
from tests.end_to_end.conftest import FIT_STEPS, PRIOR_STEPS, Tools, assert_ok, short_run


@pytest.mark.parametrize("stage", [1, 2])
def test_resume_after_kill(tools: Tools, few_cars: Path, tiny_run: Path, tmp_path: Path, stage: int) -> None:
    running = tools.start(*short_run(few_cars, tmp_path, "--steps-per-save", 10))
    run = tmp_path / "run" / "mnif-tiny" / "now"
    models = run / "nerfstudio_models"
    wanted = 40 if stage == 1 else FIT_STEPS + 20
    running.until(lambda: any(int(path.stem.split("-")[1]) >= wanted for path in models.glob("*.ckpt")))
    running.kill()
    assert not (run / "summary.json").exists()
    last = max(int(path.stem.split("-")[1]) for path in models.glob("*.ckpt"))
    assert (last < FIT_STEPS) == (stage == 1)
    finished = tools.run(*short_run(few_cars, tmp_path / "again", "--load-dir", models))
    assert_ok(finished)
    again = tmp_path / "again" / "run" / "mnif-tiny" / "now"
    end = torch.load(next((again / "nerfstudio_models").glob("*.ckpt")), weights_only=True)
    assert end["step"] == FIT_STEPS + PRIOR_STEPS - 1
    whole, resumed = (json.loads((folder / "summary.json").read_text()) for folder in (tiny_run, again))
    assert resumed["held_out_psnr_db"] == pytest.approx(whole["held_out_psnr_db"], abs=1.0)
    assert resumed["stage_1_seconds"] > 0


@pytest.mark.parametrize("options", [[], ["--max-num-iterations", 50], ["--max-num-iterations", 0]])
def test_a_finished_run_reports_anew(
    tools: Tools, few_cars: Path, tiny_run: Path, tmp_path: Path, options: list[object]
) -> None:
    models = tiny_run / "nerfstudio_models"
    finished = tools.run(*short_run(few_cars, tmp_path, "--load-dir", models, *options))
    assert_ok(finished)
    again = tmp_path / "run" / "mnif-tiny" / "now"
    assert str(again / "contact_sheet.png") in finished.last_line
    old, new = (GenerativeField.load(folder / "field") for folder in (tiny_run, again))
    assert torch.equal(old.sample(1, seed=0), new.sample(1, seed=0))
    before, after = (json.loads((folder / "summary.json").read_text()) for folder in (tiny_run, again))
    assert after["held_out_psnr_db"] == before["held_out_psnr_db"]
    assert [path.name for path in (again / "nerfstudio_models").iterdir()] == [p.name for p in models.iterdir()]
