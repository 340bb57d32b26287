"""A stage 1 that learns nothing is noticed, started again at lower rates, and given up with an error."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from mnif_core import GenerativeField, ImageTrainer
from mnif_core.errors import TrainingError
from mnif_core.presets import PRESETS
from mnif_core.training import collapse
from mnif_core.training.collapse import ATTEMPTS, FEWEST_STEPS, Collapse, CollapseWatch, slowed
from mnif_core.training.field_stage import FieldStage
from tests.core.training.squares import write_squares


def targets_and_constant() -> tuple[torch.Tensor, torch.Tensor]:
    """Targets `[4, 50, 3]`, and the error of the best constant."""
    targets = torch.randn(4, 50, 3, generator=torch.Generator().manual_seed(0)) * torch.tensor([0.1, 0.5, 1.0])
    return targets, (targets - targets.mean((0, 1))).square().mean()


@pytest.mark.parametrize(
    ("share", "noticed"), [(0.1, False), (0.9, False), (1.0, True), (1.4, True), (float("nan"), True)]
)
def test_an_error_of_the_best_constant_is_a_collapse(share: float, noticed: bool) -> None:
    targets, constant = targets_and_constant()
    watch = CollapseWatch(10 * FEWEST_STEPS, 3)
    for step in range(FEWEST_STEPS):
        watch.see(share * constant, targets)
        if step + 1 < FEWEST_STEPS:
            watch.judge(step + 1)
    if not noticed:
        watch.judge(FEWEST_STEPS)
        assert not watch.totals.any(), "the next verdict begins anew"
        return
    with pytest.raises(Collapse, match=f"step {FEWEST_STEPS}: squared error"):
        watch.judge(FEWEST_STEPS)


def test_the_first_steps_may_err_more() -> None:
    targets, constant = targets_and_constant()
    watch = CollapseWatch(FEWEST_STEPS, 3)
    for step in range(FEWEST_STEPS):
        watch.see(constant * (1.5 if step < FEWEST_STEPS // 2 else 0.9), targets)
        watch.judge(step + 1)


def test_what_is_lost_later_is_noticed_too() -> None:
    targets, constant = targets_and_constant()
    watch = CollapseWatch(5000, 3)
    for step in range(1000):
        watch.see(constant * (0.2 if step < 500 else 1.1), targets)
        if step == 999:
            with pytest.raises(Collapse, match="step 1000"):
                watch.judge(step + 1)
        else:
            watch.judge(step + 1)


def collapse_of(shares: tuple[float, ...], attempt: int = 0) -> tuple[int | None, str]:
    """Step at which tenths with these shares of the constant's error are noticed, and what is said then."""
    targets, constant = targets_and_constant()
    watch = CollapseWatch(5000, 3)
    for step in range(500 * len(shares)):
        watch.see(constant * shares[step // 500], targets)
        try:
            watch.judge(step + 1, attempt=attempt)
        except Collapse as collapse:
            return step + 1, str(collapse)
    return None, ""


@pytest.mark.parametrize(
    ("shares", "noticed"),
    [
        ((0.8, 0.8), 1000),  # noise in the mean colours of each scene
        ((0.8, 0.79, 0.78), 1000),
        ((0.8, 0.72, 0.65, 0.6, 0.56), None),  # slow, but it goes on
        ((0.4, 0.4, 0.4), None),  # most is learned
        ((0.9, 0.8, 0.7, 0.6, 0.55, 0.55, 0.55), None),  # rates fall, so progress does
        ((0.9934, 0.9939), 1000),  # the same at too high a rate
        ((0.9, 0.8, 0.7, 0.6, 0.5, 0.4, 0.98), 3500),  # lost
    ],
)
def test_what_learns_no_more_is_noticed_in_the_first_half(shares: tuple[float, ...], noticed: int | None) -> None:
    found, why = collapse_of(shares)
    assert found == noticed
    assert noticed is None or "a tenth before" in why


@pytest.mark.parametrize(
    ("shares", "attempt", "noticed"),
    [
        # cars on photographs, as measured: of such a background nothing can be learned
        ((0.979, 0.906, 0.88, 0.852, 0.832, 0.813, 0.794, 0.775, 0.766, 0.762), 1, 1500),  # a lower rate may do better
        ((0.979, 0.906, 0.88, 0.852, 0.832, 0.813, 0.794, 0.775, 0.766, 0.762), ATTEMPTS - 1, None),
        ((0.9934, 0.9939), ATTEMPTS - 1, 1000),
        ((0.8, 0.7, 1.0), ATTEMPTS - 1, 1500),
    ],
)
def test_the_last_attempt_may_learn_slowly(shares: tuple[float, ...], attempt: int, noticed: int | None) -> None:
    assert collapse_of(shares, attempt)[0] == noticed


def test_processes_are_judged_together() -> None:
    targets, constant = targets_and_constant()
    watch = CollapseWatch(FEWEST_STEPS, 3)
    watch.see(1.5 * constant, targets)
    other = CollapseWatch(FEWEST_STEPS, 3)
    other.see(0.1 * constant, targets)
    watch.judge(FEWEST_STEPS, lambda totals: totals + other.totals)


def test_one_colour_everywhere_is_no_collapse() -> None:
    watch = CollapseWatch(FEWEST_STEPS, 3)
    watch.see(torch.tensor(1e-4), torch.full((2, 9, 3), 0.25))
    watch.judge(FEWEST_STEPS)


@pytest.fixture(scope="module")
def squares(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_squares(tmp_path_factory.mktemp("data") / "squares.npz", 4)


@pytest.fixture
def judged_early(monkeypatch: pytest.MonkeyPatch) -> None:
    """Verdicts after 20 steps."""
    monkeypatch.setattr(collapse, "FEWEST_STEPS", 20)


def too_fast(monkeypatch: pytest.MonkeyPatch, factor: float) -> None:
    """Let image-tiny begin at `factor` times its rate."""
    chosen = PRESETS["image-tiny"]
    wild = replace(chosen, stage_1=replace(chosen.stage_1, rate=factor * 1e-3))
    monkeypatch.setitem(PRESETS, "image-tiny", wild)


def run(data: Path, folder: Path, **options: Any) -> ImageTrainer:
    settings: dict[str, Any] = {
        "fit_length": 160,
        "prior_length": 4,
        "resolution": 8,
        "device": "cpu",
        "checkpoint_every": 10,
    }
    return ImageTrainer(data=data, output_dir=folder, **settings | options)


def fail_once(monkeypatch: pytest.MonkeyPatch, at: int) -> None:
    """Let the first verdict, after step `at`, be a collapse, and all others good."""
    steps = list[int]()

    def judged(watch: CollapseWatch, done: int, *others: Any) -> None:
        steps.append(done)
        if done == at and steps.count(at) == 1:
            raise Collapse(f"step {done}: squared error 1, of the best constant 1")

    monkeypatch.setattr(CollapseWatch, "judge", judged)


def test_a_wild_run_starts_again_slower(
    squares: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """At three times today's rate, and so again at today's."""
    fail_once(monkeypatch, 20)
    too_fast(monkeypatch, 1.0 / slowed(1))
    field = run(squares, tmp_path / "run").fit()
    assert "stage 1 starts again at 0.35 of its rates" in capsys.readouterr().out
    assert psnr_of_squares(field, squares) > 15


def psnr_of_squares(field: GenerativeField, squares: Path) -> float:
    """Of all training pictures, in dB."""
    with np.load(squares) as stored:
        wanted = torch.from_numpy(stored["images"]) / 255
    return float(-10 * (field.decode(field.latents) - wanted).square().mean().log10())


@pytest.mark.usefixtures("judged_early")
def test_a_run_that_never_learns_ends_with_an_error(
    squares: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    too_fast(monkeypatch, 3000.0)
    with pytest.raises(TrainingError, match=f"nothing was learned in {ATTEMPTS} attempts") as raised:
        run(squares, tmp_path / "run", fit_length=40).fit()
    assert str(tmp_path / "run") in str(raised.value) and "\n" not in str(raised.value)
    assert not (tmp_path / "run/summary.json").exists()


def test_a_second_attempt_that_is_killed_goes_on_as_such(
    squares: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fail_once(monkeypatch, 20)
    whole = run(squares, tmp_path / "whole", fit_length=40).fit()
    fail_once(monkeypatch, 20)
    step = FieldStage.step

    def killed(stage: FieldStage, number: int) -> dict[str, float]:
        if number == 33:
            raise KeyboardInterrupt
        return step(stage, number)

    monkeypatch.setattr(FieldStage, "step", killed)
    with pytest.raises(KeyboardInterrupt):
        run(squares, tmp_path / "cut", fit_length=40).fit()
    monkeypatch.setattr(FieldStage, "step", step)
    resumed = run(squares, tmp_path / "cut", fit_length=40, resume=True)
    assert resumed.resumed is not None and resumed.resumed[1].attempt == 1
    assert torch.equal(resumed.fit().latents, whole.latents)


@pytest.mark.parametrize("count", [1, 3])
def test_a_handful_of_images_trains(count: int, squares: Path, tmp_path: Path) -> None:
    """Nothing is held out, a step is as large as ever, and the sheet, the prior and the summary are there."""
    with np.load(squares) as stored:
        np.savez(tmp_path / "few.npz", images=stored["images"][:count])
    field = run(tmp_path / "few.npz", tmp_path / "run").fit()
    assert len(field.latents) == count
    assert psnr_of_squares(field, tmp_path / "few.npz") > 17
    assert torch.isfinite(field.sample(4, seed=0)).all()
    summary = json.loads((tmp_path / "run/summary.json").read_text())
    assert summary["training_instances"] == count
