"""The choice of a prior: by what held-out latents say, never one that copies while another does not, and as asked."""

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from mnif_core import GenerativeField, ImageTrainer
from mnif_core.errors import CheckpointError, ConfigError
from mnif_core.latents.novelty import COPIES, copying
from mnif_core.prior.bootstrap import BootstrapPrior
from mnif_core.prior.latent_prior import LatentPrior, PriorConfig
from mnif_core.prior.protocol import PriorChoice, PriorKind
from mnif_core.training.prior_choice import FEWEST, Judged, _chosen, choose_prior, held_out_of, is_stepped
from tests.core.training.squares import write_squares


def diffusion_of(latents: Tensor, steps: int) -> LatentPrior:
    torch.manual_seed(0)
    prior = LatentPrior(PriorConfig(latents.shape[1], width=128, blocks=2, ema_decay=0.99))
    prior.fit_statistics(latents)
    optimizer = torch.optim.Adam(prior.denoiser.parameters(), lr=2e-3)
    for _ in range(steps):
        optimizer.zero_grad()
        prior.loss(latents[torch.randint(len(latents), (64,))]).backward()
        optimizer.step()
        prior.update_ema()
    return prior.eval()


def gaussian(count: int, dim: int, seed: int) -> Tensor:
    return torch.randn(count, dim, generator=torch.Generator().manual_seed(seed))


def ring(count: int, seed: int) -> Tensor:
    """Points near a circle, which few Gaussians do not describe."""
    angle = 6.2832 * torch.rand(count, 1, generator=torch.Generator().manual_seed(seed))
    return torch.cat([3.0 * angle.cos(), 3.0 * angle.sin()], 1) + 0.02 * gaussian(count, 2, seed + 1)


def test_of_few_points_a_diffusion_that_copies_is_not_chosen() -> None:
    known, held_out = gaussian(12, 6, 0), gaussian(60, 6, 1)
    choice = choose_prior("auto", diffusion_of(known, 800), known, known, held_out)
    assert choice.judged["diffusion"].novelty < COPIES
    assert choice.prior.settings.kind != "diffusion" and "diffusion would copy" in choice.reason
    assert "\n" not in choice.line()


def test_of_many_points_a_diffusion_that_has_learned_them_is_told_by_chance() -> None:
    known, held_out = ring(1000, 0), ring(200, 5)
    judged = choose_prior("auto", diffusion_of(known, 800), known, known, held_out).judged
    diffusion, others = judged["diffusion"], judged["bootstrap"]
    assert diffusion.told_apart < 0.5 + 3 * diffusion.told_apart_error < others.told_apart, judged
    assert diffusion.novelty > COPIES


def test_of_those_that_do_not_copy_the_least_told_is_chosen() -> None:
    known, held_out = ring(300, 0), ring(100, 5)
    choice = choose_prior("auto", None, known, known, held_out)
    fresh = {kind: found for kind, found in choice.judged.items() if found.novelty >= COPIES}
    best = min(fresh.values(), key=lambda found: found.told_apart)
    chosen = fresh[choice.prior.settings.kind]
    assert chosen.told_apart <= best.told_apart + 2 * best.told_apart_error


@pytest.mark.parametrize(
    ("shares", "novelties", "wanted"),
    [
        ((0.50, 0.66, 0.65), (0.9, 0.9, 0.9), "diffusion"),
        ((0.68, 0.66, 0.65), (0.9, 0.9, 0.9), "local-bootstrap"),  # told as surely as a mixture, and preferred
        ((0.68, 0.72, 0.65), (0.9, 0.9, 0.9), "local-bootstrap"),  # by two and a half errors of the difference
        ((0.68, 0.80, 0.65), (0.9, 0.9, 0.9), "diffusion"),
        ((0.90, 0.80, 0.65), (0.9, 0.9, 0.9), "gaussian-mixture"),
        ((0.50, 0.50, 0.65), (0.1, 0.2, 0.9), "gaussian-mixture"),  # the others copy
        ((0.50, 0.50, 0.65), (0.1, 0.2, 0.1), "local-bootstrap"),  # all do
    ],
)
def test_equals_are_taken_in_order(shares: tuple[float, ...], novelties: tuple[float, ...], wanted: PriorKind) -> None:
    kinds: tuple[PriorKind, ...] = ("diffusion", "local-bootstrap", "gaussian-mixture")
    judged = {kind: Judged(share, 0.02, new) for kind, share, new in zip(kinds, shares, novelties, strict=True)}
    assert _chosen(judged) == wanted


def test_what_is_seen_of_instances_decides() -> None:
    """Latents differ in a number that nothing shows: by it samples would be told."""
    known, held_out = gaussian(200, 3, 0), gaussian(60, 3, 1)
    held_out[:, 2] += 50.0
    kinds = (choose_prior("auto", None, known, known, held_out, seen=seen) for seen in (None, lambda z: z[:, :2]))
    by_latents, by_sight = (min(found.told_apart for found in choice.judged.values()) for choice in kinds)
    assert by_latents > 0.9 and by_sight < 0.65


def test_a_diffusion_that_has_learned_nothing_is_not() -> None:
    known, held_out = ring(300, 0), ring(200, 5)
    choice = choose_prior("auto", diffusion_of(known, 1), known, known, held_out)
    assert choice.prior.settings.kind != "diffusion" and "told from 200" in choice.reason


def test_what_is_chosen_is_fitted_to_all_latents() -> None:
    latents = gaussian(80, 4, 0)
    known, held_out = (latents[index] for index in held_out_of(80))
    choice = choose_prior("auto", None, latents, known, held_out)
    assert choice.judged.keys() == {"bootstrap", "local-bootstrap", "gaussian-mixture"}
    kind = choice.prior.settings.kind
    whole = choose_prior(kind, None, latents, known, held_out).prior
    assert all(torch.equal(mine, theirs) for mine, theirs in zip(choice.prior.buffers(), whole.buffers(), strict=True))


@pytest.mark.parametrize("count", [1, 2, 3, 4 * FEWEST - 1])
def test_too_few_to_judge_by(count: int) -> None:
    latents = gaussian(count, 4, 0)
    known, held_out = held_out_of(count)
    assert len(known) == count and not len(held_out)
    choice = choose_prior("auto", None, latents, latents[known], latents[held_out])
    assert choice.prior.settings.kind == "bootstrap" and "too few" in choice.reason and not choice.judged
    assert torch.isfinite(choice.prior.sample(5)).all()


def test_duplicates_are_judged() -> None:
    latents = gaussian(4, 3, 0).repeat(20, 1)
    known, held_out = (latents[index] for index in held_out_of(80))
    choice = choose_prior("auto", None, latents, known, held_out)
    assert torch.isfinite(choice.prior.sample(5)).all()
    json.dumps(choice.summary(), allow_nan=False)


@pytest.mark.parametrize("count", [32, 64, 160, 1000])
def test_held_out_latents_are_others(count: int) -> None:
    known, held_out = held_out_of(count)
    assert sorted([*known.tolist(), *held_out.tolist()]) == list(range(count))
    assert len(held_out) == max(FEWEST, count // 10)


@pytest.mark.parametrize("asked", ["gaussian-mixture", "bootstrap", "local-bootstrap"])
def test_what_is_asked_for_is_taken(asked: PriorChoice) -> None:
    latents = gaussian(40, 4, 0)
    choice = choose_prior(asked, None, latents, latents, latents[:0])
    assert not is_stepped(asked) and choice.prior.settings.kind == asked and choice.reason == "as asked for"


def test_the_same_latents_choose_the_same() -> None:
    known, held_out = gaussian(60, 5, 0), gaussian(20, 5, 1)
    first, second = (choose_prior("auto", None, known, known, held_out) for _ in range(2))
    assert first.judged == second.judged and first.reason == second.reason


def test_copies_are_one_line() -> None:
    assert copying({}) is None and copying({"novelty_ratio": 0.5}) is None
    line = copying({"novelty_ratio": 0.19})
    assert line is not None and "copy" in line and "0.19" in line and "\n" not in line


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_squares(tmp_path_factory.mktemp("data") / "squares.npz", 90)


def train(data: Path, folder: Path, **options: Any) -> ImageTrainer:
    return ImageTrainer(data, output_dir=folder, fit_length=2, prior_length=2, resolution=8, device="cpu", **options)


def test_a_run_chooses_says_so_and_keeps_what_it_chose(
    data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    field = train(data, tmp_path / "run").fit()
    summary = json.loads((tmp_path / "run/summary.json").read_text())
    assert field.prior is not None and summary["prior"] == field.prior.settings.kind
    assert summary["prior_scores"].keys() == {"diffusion", "bootstrap", "local-bootstrap", "gaussian-mixture"}
    assert f"prior: {field.prior.title} ({summary['prior_reason']})" in capsys.readouterr().out
    loaded = GenerativeField.load(tmp_path / "run/field")
    assert torch.equal(loaded.sample_latents(3, seed=1), field.sample_latents(3, seed=1))


def test_a_run_with_a_prior_without_steps_has_no_stage_2_and_goes_on_with_it(data: Path, tmp_path: Path) -> None:
    train(data, tmp_path / "run", prior="bootstrap").fit()
    assert "stage_2_seconds" not in json.loads((tmp_path / "run/summary.json").read_text())
    run = train(data, tmp_path / "run", resume=True)
    assert run.preset.prior_kind == "bootstrap"
    assert isinstance(run.fit().prior, BootstrapPrior)
    with pytest.raises(CheckpointError, match="prior_kind 'bootstrap', this call diffusion"):
        train(data, tmp_path / "run", resume=True, prior="diffusion")


def test_an_unknown_prior_is_one_line(data: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="prior 'oracle': choose one of auto, diffusion") as caught:
        train(data, tmp_path / "run", prior="oracle")
    assert "\n" not in str(caught.value)
