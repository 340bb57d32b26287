"""Which kind of prior a run ends with: the one asked for, or the one that held-out latents choose.

All kinds can draw, so all can be judged by what they draw: by the energy score at latents that none has learned from,
and by whether samples lie nearer to the latents learned from than unseen ones do, which says that they are copies.
Shape letters: n latents, h latent dimension.
"""

from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

import torch
from torch import Tensor

from mnif_core.latents.novelty import COPIES, distances
from mnif_core.prior.bootstrap import BootstrapPrior
from mnif_core.prior.energy_score import energy_scores, paired_error
from mnif_core.prior.gaussian_mixture import GaussianMixturePrior
from mnif_core.prior.protocol import Prior, PriorChoice, PriorKind

FEWEST = 8  # held-out latents, below which they judge nothing
ERRORS = 2.0  # standard errors, by which a kind must be worse to be left for another
SHARE = 0.1  # of the latents that are held out from stage 2, where no instances are from stage 1
DRAWN = 1024  # samples of each kind that are judged
AT_ONCE: dict[PriorKind, Callable[..., Prior]] = {
    "bootstrap": BootstrapPrior.fit,
    "gaussian-mixture": GaussianMixturePrior.fit,
}
"""Kinds that are fitted to latents `[n, h]`, and their `labels` and `classes`, without steps of training."""


@dataclass(frozen=True)
class Judged:
    """What held-out latents say of a kind."""

    energy_score: float
    """Mean over the held-out latents; lower is better."""
    excess: float
    """Of that over the best."""
    excess_error: float
    """Its standard error."""
    novelty: float
    """Distance of a sample to the nearest latent learned from, over that of a held-out latent; medians."""


@dataclass(frozen=True)
class Choice:
    """A prior, and why."""

    prior: Prior
    reason: str
    judged: dict[PriorKind, Judged]
    """Kinds that were compared; empty where nothing was."""

    def summary(self) -> dict[str, Any]:
        """For a run's `summary.json`."""
        scores = {kind: {name: round(x, 6) for name, x in asdict(found).items()} for kind, found in self.judged.items()}
        about = {"prior": self.prior.settings.kind, "prior_title": self.prior.title, "prior_reason": self.reason}
        return {**about, "prior_scores": scores}

    def line(self) -> str:
        """For a run's last line."""
        return f"prior: {self.prior.title} ({self.reason})"


def is_stepped(asked: PriorChoice) -> bool:
    """Whether a run trains a prior step by step."""
    return asked not in AT_ONCE


def held_out_of(count: int, labels: Tensor | None = None) -> tuple[Tensor, Tensor]:
    """Which of `count` latents stage 2 learns from, and which judge it; too few are not divided.

    Of each of the `labels` `[count]` one is learned from at least.
    """
    held = max(FEWEST, round(SHARE * count)) if count >= 4 * FEWEST else 0
    order = torch.randperm(count, generator=torch.Generator().manual_seed(0), device="cpu")
    if labels is not None:
        last = dict(zip(labels[order.to(labels.device)].tolist(), order.tolist(), strict=True)).values()
        order = torch.tensor([index for index in order.tolist() if index not in last] + list(last), device="cpu")
    return order[held:].sort().values, order[:held].sort().values


def choose_prior(
    asked: PriorChoice,
    diffusion: Prior | None,
    latents: Tensor,
    known: Tensor,
    held_out: Tensor,
    labels: Tensor | None = None,
    known_labels: Tensor | None = None,
) -> Choice:
    """The prior that a run ends with.

    Of kinds that do not copy, the first in the order diffusion, smoothed bootstrap, mixture whose energy score is worse
    than the best by no more than two standard errors of the difference. Of labelled latents
    kinds are judged by samples of every label, as many as known latents have it, unguided.

    Args:
        asked: a kind, or `auto`.
        diffusion: as stage 2 has left it; none where there was no stage 2.
        latents: `[n, h]`, all that a kind without steps is fitted to once it is chosen.
        known: those that stage 2 has learned from.
        held_out: those that judge.
        labels: number `[n]` of each of `latents`' label. None: they have none.
        known_labels: of `known`.
    """
    labelled: dict[str, Any] = {}
    if labels is not None:
        labelled = {"labels": labels, "classes": int(labels.max()) + 1}
    if asked == "diffusion" and diffusion is not None:
        return Choice(diffusion, "as asked for", {})
    if asked in AT_ONCE:
        return Choice(AT_ONCE[asked](latents, **labelled), "as asked for", {})
    if len(held_out) < FEWEST:
        reason = f"{len(latents)} latents are too few to judge others by"
        return Choice(AT_ONCE["bootstrap"](latents, **labelled), reason, {})
    candidates: dict[PriorKind, Prior] = {} if diffusion is None else {"diffusion": diffusion}
    of_known = labelled and {**labelled, "labels": known_labels}
    candidates |= {kind: fit(known, **of_known) for kind, fit in AT_ONCE.items()}
    judged = _judged(candidates, known, held_out, known_labels)
    kind = next(iter(_in_order(judged)))
    prior = candidates[kind] if kind not in AT_ONCE else AT_ONCE[kind](latents, **labelled)
    return Choice(prior, _reason(kind, judged, len(held_out)), judged)


def _judged(
    candidates: dict[PriorKind, Prior], known: Tensor, held_out: Tensor, labels: Tensor | None
) -> dict[PriorKind, Judged]:
    scores, novelty = {}, {}
    gap = float(distances(held_out, known).median())
    for kind, prior in candidates.items():
        samples = _drawn(prior, labels, torch.Generator(known.device).manual_seed(0))
        scores[kind] = energy_scores(samples, held_out)
        novelty[kind] = float(distances(samples, known).median()) / gap if gap > 0 else 1.0
    fresh = [kind for kind in scores if novelty[kind] >= COPIES] or list(scores)
    best = min((scores[kind] for kind in fresh), key=lambda score: float(score.mean()))
    return {
        kind: Judged(float(score.mean()), float((score - best).mean()), paired_error(score, best), novelty[kind])
        for kind, score in scores.items()
    }


def _drawn(prior: Prior, labels: Tensor | None, generator: torch.Generator) -> Tensor:
    """About `DRAWN` samples `[s, h]`, of labels as often as they are among `labels` `[n]`."""
    if labels is None:
        return prior.sample(DRAWN, generator)
    counts = (torch.bincount(labels) * (DRAWN / len(labels))).round().long().tolist()
    asked = [(label, count) for label, count in enumerate(counts) if count > 0]
    return torch.cat([prior.sample(count, generator, label=label, guidance=1.0) for label, count in asked])


def _in_order(judged: dict[PriorKind, Judged]) -> list[PriorKind]:
    """Kinds that may be chosen, the first before the others."""
    fresh = [kind for kind, found in judged.items() if found.novelty >= COPIES] or list(judged)
    return [kind for kind in fresh if judged[kind].excess <= ERRORS * judged[kind].excess_error]


def _reason(chosen: PriorKind, judged: dict[PriorKind, Judged], count: int) -> str:
    """In one clause, what decided."""
    copying = [kind for kind, found in judged.items() if found.novelty < COPIES and kind != chosen]
    if copying:
        return ", ".join(f"{kind} would copy the training set: novelty {judged[kind].novelty:.2f}" for kind in copying)
    best = min(judged, key=lambda kind: judged[kind].excess)
    if chosen == best:
        return f"best energy score at {count} held-out latents"
    return f"energy score at {count} held-out latents within two errors of the best"
