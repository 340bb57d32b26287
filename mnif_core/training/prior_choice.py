"""Which kind of prior a run ends with: the one asked for, or the one that held-out latents choose.

All kinds can draw, so all can be judged by what they draw: by whether a classifier tells it from instances that none
has learned from, and by whether samples lie nearer to the latents learned from than unseen ones do, which says that
they are copies.
Shape letters: n latents, h latent dimension.
"""

import math
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

import torch
from torch import Tensor

from mnif_core.generative_field import GenerativeField
from mnif_core.latents.novelty import COPIES, distances
from mnif_core.prior.bootstrap import BootstrapPrior
from mnif_core.prior.gaussian_mixture import GaussianMixturePrior
from mnif_core.prior.local_bootstrap import LocalBootstrapPrior
from mnif_core.prior.protocol import Prior, PriorChoice, PriorKind
from mnif_core.prior.two_sample import told_apart

FEWEST = 8  # held-out latents, below which they judge nothing
SHARE = 0.1  # of the latents that are held out from stage 2, where no instances are from stage 1
ERRORS = 3.0  # of a difference, standard ones, by which a kind must be told more surely to be left: kinds are several
PREFERRED: tuple[PriorKind, ...] = ("local-bootstrap", "diffusion", "bootstrap", "gaussian-mixture")
"""Among equals: by kernel distance and inception score on photographs."""
DRAWN = 1024  # samples of each kind that are judged
POINTS = 256  # at which their values are compared
TOGETHER = 64  # instances that are evaluated at once: bounds memory
Seen = Callable[[Tensor], Tensor]
"""Latents `[n, h]` -> what their instances are like, `[n, f]`."""
AT_ONCE: dict[PriorKind, Callable[..., Prior]] = {
    "bootstrap": BootstrapPrior.fit,
    "local-bootstrap": LocalBootstrapPrior.fit,
    "gaussian-mixture": GaussianMixturePrior.fit,
}
"""Kinds that are fitted to latents `[n, h]`, and their `labels` and `classes`, without steps of training."""


@dataclass(frozen=True)
class Judged:
    """What held-out latents say of a kind."""

    told_apart: float
    """Share of samples and held-out instances that a classifier tells rightly: 0.5 is chance, lower is better."""
    told_apart_error: float
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
    seen: Seen | None = None,
) -> Choice:
    """The prior that a run ends with.

    Of kinds that do not copy, the first of `PREFERRED` whose samples are told from held-out instances no more surely
    than the best one's by `ERRORS` standard errors of the difference. Of labelled latents kinds are judged by samples
    of every label, as many as known latents have it, unguided.

    Args:
        asked: a kind, or `auto`.
        diffusion: as stage 2 has left it; none where there was no stage 2.
        latents: `[n, h]`, all that a kind without steps is fitted to once it is chosen.
        known: those that stage 2 has learned from.
        held_out: those that judge.
        labels: number `[n]` of each of `latents`' label. None: they have none.
        known_labels: of `known`.
        seen: how instances are compared. None: by their latents.
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
    judged = _judged(candidates, known, held_out, known_labels, seen or (lambda found: found))
    kind = _chosen(judged)
    prior = candidates[kind] if kind not in AT_ONCE else AT_ONCE[kind](latents, **labelled)
    return Choice(prior, _reason(kind, judged, len(held_out)), judged)


def seen_at_points(field: GenerativeField) -> Seen:
    """Instances by their values at points that all share, anywhere in the cube that holds them."""
    shape = POINTS, field.modulation.config.in_dim
    places = 2.0 * torch.rand(shape, generator=torch.Generator().manual_seed(0), device="cpu") - 1.0
    points = (field.signal.half_side * places).to(field.device)

    def values(latents: Tensor) -> Tensor:
        parts = [field.instance(some)(points.expand(len(some), -1, -1)) for some in latents.split(TOGETHER)]
        return torch.cat(parts).flatten(1)

    return values


def _judged(
    candidates: dict[PriorKind, Prior], known: Tensor, held_out: Tensor, labels: Tensor | None, seen: Seen
) -> dict[PriorKind, Judged]:
    gap = float(distances(held_out, known).median())
    real, judged = seen(held_out), {}
    for kind, prior in candidates.items():
        samples = _drawn(prior, labels, torch.Generator(known.device).manual_seed(0))
        novelty = float(distances(samples, known).median()) / gap if gap > 0 else 1.0
        judged[kind] = Judged(*told_apart(seen(samples), real), novelty)
    return judged


def _drawn(prior: Prior, labels: Tensor | None, generator: torch.Generator) -> Tensor:
    """About `DRAWN` samples `[s, h]`, of labels as often as they are among `labels` `[n]`."""
    if labels is None:
        return prior.sample(DRAWN, generator)
    counts = (torch.bincount(labels) * (DRAWN / len(labels))).round().long().tolist()
    asked = [(label, count) for label, count in enumerate(counts) if count > 0]
    return torch.cat([prior.sample(count, generator, label=label, guidance=1.0) for label, count in asked])


def _fresh(judged: dict[PriorKind, Judged]) -> list[PriorKind]:
    """Kinds that do not copy, or all where all do."""
    return [kind for kind, found in judged.items() if found.novelty >= COPIES] or list(judged)


def _chosen(judged: dict[PriorKind, Judged]) -> PriorKind:
    fresh = _fresh(judged)
    best = min((judged[kind] for kind in fresh), key=lambda found: found.told_apart)

    def equals_the_best(found: Judged) -> bool:
        error = math.hypot(found.told_apart_error, best.told_apart_error)
        return found.told_apart - best.told_apart <= ERRORS * error

    return next(kind for kind in PREFERRED if kind in fresh and equals_the_best(judged[kind]))


def _reason(chosen: PriorKind, judged: dict[PriorKind, Judged], count: int) -> str:
    """In one clause, what decided."""
    shares = ", ".join(f"{kind} {found.told_apart:.2f}" for kind, found in judged.items())
    reason = f"of what is told from {count} held-out instances least surely, 0.5 is chance: {shares}"
    copying = [kind for kind in judged if kind not in _fresh(judged)]
    copies = [f"{kind} would copy the training set: novelty {judged[kind].novelty:.2f}" for kind in copying]
    return "; ".join([reason, *copies])
