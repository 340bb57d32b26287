"""Triton's kernels run on the GPU, or without one in Triton's interpreter (see the conftest of all tests)."""

import pytest
import torch


@pytest.fixture
def device() -> torch.device:
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")
