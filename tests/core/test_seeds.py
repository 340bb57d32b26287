"""Every number that goes into a seed tells in what torch draws by it."""

import torch

from mnif_core.seeds import mixed_seed


def test_every_number_tells_on_a_cpu() -> None:
    draws = {
        tuple(torch.rand(4, generator=torch.Generator().manual_seed(mixed_seed(run, stage, step))).tolist())
        for run in range(4)
        for stage in (1, 2)
        for step in (0, 1, 1000)
    }
    assert len(draws) == 24
    assert mixed_seed(1, 2, 3) == mixed_seed(1, 2, 3) < 1 << 32
