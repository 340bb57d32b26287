"""Shares of a batch: together they are the batch, and the processes' mean of weighted means is the batch's mean."""

import pytest
import torch

from mnif_core.errors import ConfigError
from mnif_nerfstudio.shares import Share


@pytest.mark.parametrize("size, processes", [(8, 1), (8, 2), (5, 2), (7, 3), (3, 3)])
def test_shares_are_the_batch(size: int, processes: int) -> None:
    batch = torch.arange(float(size))
    shares = [Share(rank, processes) for rank in range(processes)]
    assert torch.equal(torch.cat([batch[share.rows(size)] for share in shares]), batch)
    means = torch.stack([share.weight(size) * batch[share.rows(size)].mean() for share in shares])
    torch.testing.assert_close(means.mean(), batch.mean())


def test_no_process_goes_without() -> None:
    with pytest.raises(ConfigError, match="3 processes cannot share a batch of 2"):
        Share(0, 3).rows(2)
