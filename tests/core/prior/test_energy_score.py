"""The energy score: its formula, and that it prefers the true distribution to copies and to a wrong one."""

import torch

from mnif_core.prior.energy_score import energy_scores, paired_error


def test_it_is_its_formula() -> None:
    generator = torch.Generator().manual_seed(0)
    samples, held_out = (torch.randn(n, 3, generator=generator, dtype=torch.float64) for n in (7, 4))
    for score, y in zip(energy_scores(samples, held_out), held_out, strict=True):
        to_held_out = sum(float((x - y).norm()) for x in samples) / 7
        within = sum(float((x - z).norm()) for x in samples for z in samples) / (7 * 6)
        assert abs(float(score) - (to_held_out - within / 2)) < 1e-9


def test_the_true_distribution_is_better_than_copies_and_than_a_wrong_one() -> None:
    generator = torch.Generator().manual_seed(0)
    training, held_out, true = (torch.randn(n, 8, generator=generator) for n in (40, 2000, 2000))
    copies = training[torch.randint(40, (2000,), generator=generator)]
    best = energy_scores(true, held_out)
    for other in (copies, 1.3 * true, true + 0.3):
        worse = energy_scores(other, held_out)
        assert float((worse - best).mean()) > 2 * paired_error(worse, best)
