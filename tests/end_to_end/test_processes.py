"""Two processes by gloo take the steps that one takes: both stages, shares of unequal size, the report."""

import json
from pathlib import Path

import pytest
from safetensors.torch import load_file

from tests.end_to_end.conftest import Tools, assert_ok, assert_one_line, short_run

OPTIONS = [
    "--pipeline.model.latent-noise",
    0.2,
    "--pipeline.fit-steps",
    12,
    "--pipeline.prior-steps",
    8,
    "--pipeline.datamanager.scenes-per-step",
    5,
]
TWO = ["--machine.num-devices", 2, "--machine.device-type", "cpu"]


def test_two_processes_follow_one(tools: Tools, few_cars: Path, tmp_path: Path) -> None:
    runs = []
    for name, options in (("one", []), ("two", TWO)):
        finished = tools.run(*short_run(few_cars, tmp_path / name, *OPTIONS, *options))
        assert_ok(finished)
        assert finished.output.count("held-out PSNR") == 1
        runs.append(tmp_path / name / "run" / "mnif-tiny" / "now")
    one, two = (json.loads((run / "summary.json").read_text()) for run in runs)
    assert two["held_out_psnr_db"] == pytest.approx(one["held_out_psnr_db"], abs=0.01)
    assert two["novelty_ratio"] == pytest.approx(one["novelty_ratio"], abs=0.01)
    for file in ("model.safetensors", "latents.safetensors"):
        alone, together = (load_file(run / "field" / file) for run in runs)
        for name, value in alone.items():
            # Adam takes a step of full size where a gradient is nothing but rounding: few numbers differ by more
            apart = (value.double() - together[name].double()).norm() / value.double().norm()
            assert apart <= 3e-4, (name, apart)


def test_what_a_process_raises_is_one_line(tools: Tools, few_cars: Path, tmp_path: Path) -> None:
    finished = tools.run(*short_run(few_cars, tmp_path, "--pipeline.datamanager.scenes-per-step", 1, *TWO))
    assert_one_line(finished, "ConfigError", "2 processes cannot share a batch of 1")
    machines = ["--machine.num-machines", 2, "--machine.device-type", "cpu"]
    assert_one_line(tools.run(*short_run(few_cars, tmp_path / "b", *machines)), "ConfigError", "--machine.dist-url")
