"""Which prior a run samples from in the end, and which scenes' latents stage 2 learns from until then."""

from typing import get_args

import torch
from torch import Tensor

from mnif_core.prior.protocol import PriorChoice, PriorKind
from mnif_core.training.prior_choice import Choice, choose_prior, held_out_of, seen_at_points
from mnif_nerfstudio.model import MnifModel

KINDS: tuple[PriorKind | None, ...] = (None, *get_args(PriorKind))
"""The prior of a run that its checkpoints name by number; none before the end."""


class PriorSelection:
    """The choice of a run's prior, which its checkpoints keep as a number.

    Args:
        model: whose latents and diffusion are chosen by and from.
        asked: a kind, or `auto`, which holds some latents out of stage 2 and lets them choose.

    Attributes:
        number: of the chosen kind in `KINDS`, a buffer of checkpoints.
    """

    def __init__(self, model: MnifModel, asked: PriorChoice) -> None:
        self.model, self.asked = model, asked
        self.number = torch.zeros((), dtype=torch.long, device=model.device)
        self._divide()

    def known(self) -> Tensor:
        """Scenes whose latents stage 2 learns from, on the model's device."""
        return self._known

    def choose(self) -> None:
        """Choose, and let the model sample from what is chosen."""
        model = self.model
        latents = model.latents.detach()
        known, held_out = latents[self._known], latents[self._held_out]
        diffusion, labels = model.prior if model.prior_is_trained else None, model.label_numbers
        of_known = None if labels is None else labels[self._known]
        seen = seen_at_points(model.generative_field())
        self._take(choose_prior(self.asked, diffusion, latents, known, held_out, labels, of_known, seen))

    def load(self, number: Tensor | None) -> None:
        """Go on from a checkpoint, whose chosen kind is fitted to its latents again.

        A checkpoint without a number is of a run that knew diffusion alone, which stays with it.
        """
        if number is None and self.asked == "auto":
            self.asked = "diffusion"
            self._divide()
        self.number.fill_(0 if number is None else int(number.clamp(0, len(KINDS) - 1)))
        kind = KINDS[int(self.number)]
        if kind is None:
            self.model.choice = None
            return
        latents, diffusion = self.model.latents.detach(), self.model.prior if self.model.prior_is_trained else None
        labels = self.model.label_numbers
        self._take(choose_prior(kind, diffusion, latents, latents, latents[:0], labels, labels))

    def _take(self, choice: Choice) -> None:
        self.model.choice = choice
        self.number.fill_(KINDS.index(choice.prior.settings.kind))
        self.model.prior_updates += 1

    def _divide(self) -> None:
        """Decide once, not in every step, which scenes stage 2 learns from and which judge."""
        known, held_out = torch.arange(self.model.num_scenes, device="cpu"), torch.arange(0, device="cpu")
        if self.asked == "auto":
            known, held_out = held_out_of(self.model.num_scenes, self.model.label_numbers)
        self._known, self._held_out = known.to(self.model.device), held_out.to(self.model.device)
