"""Which prior a run of scenes ends with, and that its checkpoints bring it back."""

from types import SimpleNamespace
from typing import Any

import pytest
import torch

from mnif_core.files.tensor_file import require_sound
from mnif_core.prior.latent_prior import LatentPrior, PriorConfig
from mnif_core.prior.protocol import PriorChoice
from mnif_nerfstudio.methods import mnif, mnif_tiny
from mnif_nerfstudio.model import MnifModelConfig
from mnif_nerfstudio.pipeline import MnifPipelineConfig
from mnif_nerfstudio.prior_selection import KINDS, PriorSelection
from tests.small_field import small_field

SCENES = 40


def model(trained: bool = True) -> Any:
    field = small_field("scene", SCENES)
    latents = field.latents
    torch.manual_seed(0)
    prior = LatentPrior(PriorConfig(latents.shape[1], width=32, blocks=1)).eval()
    prior.fit_statistics(latents)
    return SimpleNamespace(
        latents=latents, prior=prior, prior_is_trained=trained, choice=None, prior_updates=0, num_scenes=SCENES,
        device=torch.device("cpu"), label_numbers=None, generative_field=lambda: field,
    )  # fmt: skip


def test_auto_holds_latents_out_others_do_not() -> None:
    assert len(PriorSelection(model(), "auto").known()) == SCENES - 8
    assert PriorSelection(model(), "diffusion").known().tolist() == list(range(SCENES))


@pytest.mark.parametrize("asked", ["auto", *KINDS[1:]])
def test_what_is_chosen_comes_back_from_a_checkpoint(asked: PriorChoice) -> None:
    first, second = PriorSelection(model(), asked), PriorSelection(model(), asked)
    assert KINDS[int(first.number)] is None
    require_sound({"number": first.number}, "a checkpoint", "")
    first.choose()
    choice = first.model.choice
    assert choice is not None and choice.prior.settings.kind == KINDS[int(first.number)]
    assert asked in ("auto", choice.prior.settings.kind)
    second.load(first.number)
    again = second.model.choice
    assert again is not None
    drawn = [each.prior.sample(3, torch.Generator().manual_seed(1)) for each in (choice, again)]
    assert torch.equal(*drawn)


def test_a_checkpoint_of_a_run_that_is_not_at_its_end_has_no_choice() -> None:
    selection = PriorSelection(model(), "auto")
    selection.load(torch.tensor(0))
    assert selection.model.choice is None and selection.asked == "auto"


def test_a_run_of_before_stays_with_diffusion_and_with_all_its_latents() -> None:
    selection = PriorSelection(model(), "auto")
    selection.load(None)
    assert len(selection.known()) == SCENES
    selection.choose()
    choice = selection.model.choice
    assert choice is not None and choice.prior is selection.model.prior


@pytest.mark.parametrize("number", [-(10**6), 10**6])
def test_a_number_of_no_kind_is_borne(number: int) -> None:
    PriorSelection(model(), "auto").load(torch.tensor(number))


def test_only_a_prior_that_is_trained_has_a_stage_2() -> None:
    asked: tuple[PriorChoice, ...] = ("auto", "diffusion", "gaussian-mixture", "bootstrap")
    steps = {
        kind: MnifPipelineConfig(fit_steps=7, prior_steps=5, model=MnifModelConfig(prior_kind=kind)).steps
        for kind in asked
    }
    assert steps == {"auto": 12, "diffusion": 12, "gaussian-mixture": 7, "bootstrap": 7}


def test_the_papers_method_has_the_papers_prior() -> None:
    paper, tiny = mnif.config.pipeline.model, mnif_tiny.config.pipeline.model
    assert isinstance(paper, MnifModelConfig) and isinstance(tiny, MnifModelConfig)
    assert paper.prior_kind == MnifModelConfig().prior_kind == "diffusion" and tiny.prior_kind == "auto"
