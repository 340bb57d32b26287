"""Triton's kernels run on the GPU, or without one in Triton's interpreter (see the conftest of all tests)."""

from collections.abc import Iterator

import pytest
import torch


@pytest.fixture(autouse=True)
def two_threads() -> Iterator[None]:
    """Whatever a worker has: cores share the parts of a tile."""
    threads = torch.get_num_threads()
    torch.set_num_threads(2)
    yield
    torch.set_num_threads(threads)


@pytest.fixture
def device() -> torch.device:
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


@pytest.fixture(params=["one tile", "several tiles, ragged, in parts", "several instances in a tile, in parts"])
def cut(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    if request.param != "one tile":
        points = 4 if request.param.startswith("several tiles") else 22
        monkeypatch.setattr("mnif_core.networks.kernels.cpu.tiling.PART", 3)
        monkeypatch.setattr("mnif_core.networks.kernels.cpu.tiling.ACTIVATIONS", 6 * points // torch.get_num_threads())
