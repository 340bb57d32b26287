"""A refit of latents: of each instance the better one at points that no step has seen, whoever shares the work."""

import pytest
import torch
from torch import Tensor

from mnif_core.latents.refit import AT_ONCE, RefitLosses, Refitted, refit

COUNT, DIM = 2 * AT_ONCE + 5, 3


class Bowls:
    """Instance i is best at `goal[i]`; the steps of every third are told to go elsewhere, those of every fifth NaN."""

    def __init__(self) -> None:
        self.goal = torch.randn(COUNT, DIM, generator=torch.Generator().manual_seed(0))
        self.told = self.goal.clone()
        self.told[::3] += 50.0
        self.told[::5] = torch.nan
        self.steps: list[int] = []

    def fitted(self, index: Tensor, latents: Tensor, number: int) -> Tensor:
        self.steps.append(number)
        return (latents - self.told[index]).square().sum(1)

    def judged(self, index: Tensor, latents: Tensor) -> Tensor:
        return (latents - self.goal[index]).square().sum(1)


def run(losses: RefitLosses, start: Tensor, **options: object) -> Refitted:
    return refit(losses, start, 40, 0.1, 0.0, **options)  # type: ignore[arg-type]


def test_each_instance_keeps_the_better_latent() -> None:
    losses, start = Bowls(), torch.zeros(COUNT, DIM)
    found = run(losses, start)
    assert bool((found.after <= found.before).all())
    torch.testing.assert_close(found.after, losses.judged(torch.arange(COUNT), found.latents))
    torch.testing.assert_close(found.before, losses.goal.square().sum(1))
    misled = torch.zeros(COUNT, dtype=torch.bool)
    misled[::3] = misled[::5] = True
    kept = (found.latents == start).all(1)
    assert kept[::5].all()  # no number is never better
    assert not kept[~misled].any() and float((found.after / found.before)[~misled].mean()) < 0.2
    assert "% of 133 instances" in str(found)


def test_processes_find_what_one_finds() -> None:
    start = torch.randn(COUNT, DIM, generator=torch.Generator().manual_seed(1))
    shares: list[Tensor] = []
    whole: list[Tensor] = []

    def kept(found: Tensor, among: list[Tensor]) -> Tensor:
        among.append(found)
        return found

    for rank in range(2):
        run(Bowls(), start, rank=rank, processes=2, together=lambda found: kept(found, shares))
    run(Bowls(), start, together=lambda found: kept(found, whole))
    assert torch.equal(torch.nan_to_num(shares[0] + shares[1]), torch.nan_to_num(whole[0]))


def test_neither_the_start_nor_the_bases_are_touched() -> None:
    start, weight = torch.ones(4, DIM), torch.ones(DIM, requires_grad=True)

    class Weighed(Bowls):
        def fitted(self, index: Tensor, latents: Tensor, number: int) -> Tensor:
            return (latents * weight).square().sum(1)

    run(Weighed(), start)
    assert torch.equal(start, torch.ones(4, DIM)) and weight.grad is None


@pytest.mark.parametrize("decay", [0.0, 3.0])
def test_the_penalty_pulls_to_zero(decay: float) -> None:
    class Flat(Bowls):
        def fitted(self, index: Tensor, latents: Tensor, number: int) -> Tensor:
            return (latents - 1.0).square().sum(1)

        def judged(self, index: Tensor, latents: Tensor) -> Tensor:
            return self.fitted(index, latents, 0) + 0.5 * decay * latents.square().sum(1)

    found = refit(Flat(), torch.zeros(2, DIM), 400, 0.1, decay).latents
    torch.testing.assert_close(found, torch.full_like(found, 2.0 / (2.0 + decay)), atol=0.02, rtol=0)
