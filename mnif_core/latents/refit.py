"""The latents alone, once more, after stage 1: with the bases frozen, and of each instance the better latent is kept.

The table of auto-decoding follows bases that move until the last step, and each of its rows sees few points of few
steps. A refit can also end worse, where its own points mislead it: so both latents are judged at points that no step
has seen, the same for both, where instances are known by more points than steps need.
Shape letters: n instances, s of them at once, h latent.
"""

import math
from collections.abc import Callable
from typing import NamedTuple, Protocol

import torch
from rich.progress import Progress
from torch import Tensor

AT_ONCE = 64  # instances: bounds memory


class RefitLosses(Protocol):
    """What a kind of data gives to a refit: losses of instances, each a function of its own latent alone."""

    def fitted(self, index: Tensor, latents: Tensor, number: int) -> Tensor:
        """Losses `[s]` of the instances `index` `[s]` at points drawn for step `number`, differentiable once."""
        ...

    def judged(self, index: Tensor, latents: Tensor) -> Tensor:
        """Losses `[s]` at points that no step draws, always the same."""
        ...


class Refitted(NamedTuple):
    """What a refit has left.

    Attributes:
        latents: `[n, h]`, of each instance the better one.
        before: `[n]` judged loss of each instance with the latent that it had.
        after: `[n]` with the one that it has, nowhere above `before`.
    """

    latents: Tensor
    before: Tensor
    after: Tensor

    def __str__(self) -> str:
        improved = 100 * float((self.after < self.before).float().mean())
        return (
            f"Refit: a better latent for {improved:.0f} % of {len(self.latents)} instances, "
            f"error {float(self.before.mean()):.4g} -> {float(self.after.mean()):.4g}"
        )


def refit(
    losses: RefitLosses,
    latents: Tensor,
    steps: int,
    rate: float,
    weight_decay: float,
    *,
    rank: int = 0,
    processes: int = 1,
    together: Callable[[Tensor], Tensor] = lambda found: found,
) -> Refitted:
    """Take steps of Adam on every latent, at a rate that falls to 0 by a cosine, and keep the better one of two.

    Args:
        losses: of the instances.
        latents: `[n, h]`, where to start.
        steps: how many, at least 1.
        rate: of the first step.
        weight_decay: lambda of a penalty lambda/2 |phi|^2 beside an instance's own loss.
        rank: of this process; each takes a share of the instances, and the first shows progress.
        processes: how many there are.
        together: sums over all processes.
    """
    found = latents.new_zeros(len(latents), latents.shape[1] + 2)
    blocks = torch.arange(len(latents), device=latents.device).split(AT_ONCE)[rank::processes]
    with Progress(disable=rank > 0, transient=True) as progress:
        task = progress.add_task("Refit of latents", total=len(blocks) * steps)
        for index in blocks:
            start = latents[index].detach()
            moved = _adam(losses, index, start, steps, rate, weight_decay, lambda: progress.advance(task))
            with torch.no_grad():
                before, after = losses.judged(index, start), losses.judged(index, moved)
            better = after < before
            kept = torch.where(better.unsqueeze(1), moved, start)
            found[index] = torch.cat([kept, torch.stack([before, torch.where(better, after, before)], 1)], 1)
    kept, before, after = together(found).split([latents.shape[1], 1, 1], 1)
    return Refitted(kept.contiguous(), before[:, 0], after[:, 0])


def _adam(
    losses: RefitLosses,
    index: Tensor,
    start: Tensor,
    steps: int,
    rate: float,
    weight_decay: float,
    taken: Callable[[], None],
) -> Tensor:
    latents = start.clone().requires_grad_()
    optimizer = torch.optim.Adam([latents], lr=rate)
    for number in range(steps):
        with torch.enable_grad():
            loss = losses.fitted(index, latents, number).sum() + 0.5 * weight_decay * latents.square().sum()
        (latents.grad,) = torch.autograd.grad(loss, latents)  # by the latents alone: the bases get none
        optimizer.param_groups[0]["lr"] = rate * 0.5 * (1.0 + math.cos(math.pi * number / steps))
        optimizer.step()
        taken()
    return latents.detach()
