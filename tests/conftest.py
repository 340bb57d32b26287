"""What every test needs: threads, caches of its own, and reasons for what is skipped."""

import os
import shutil
import tempfile

# before the first import, so that neither a person's caches nor their settings reach a test
os.environ["MNIF_CACHE"] = tempfile.mkdtemp(prefix="mnif-tests-")
os.environ["WANDB_MODE"] = "disabled"
os.environ.pop("MNIF_SHOW", None)
# workers share the cores, and threads that wait for each other beside them take minutes
os.environ["OMP_NUM_THREADS"] = "1" if "PYTEST_XDIST_WORKER" in os.environ else "2"

import pytest
import torch

if not torch.cuda.is_available():
    os.environ["TRITON_INTERPRET"] = "1"  # before Triton's first import, whoever imports it


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--run-slow", action="store_true", help="run tests that take minutes")


def pytest_configure(config: pytest.Config) -> None:
    torch.set_num_threads(int(os.environ["OMP_NUM_THREADS"]))


def pytest_unconfigure(config: pytest.Config) -> None:
    shutil.rmtree(os.environ["MNIF_CACHE"], ignore_errors=True)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    # the longest first, so that no worker waits for the last file of another
    items.sort(key=lambda item: "end_to_end" not in item.path.parts)
    for item in items:
        if "slow" in item.keywords and not config.getoption("--run-slow"):
            item.add_marker(pytest.mark.skip(reason="takes minutes; run with --run-slow"))
        if "gpu" in item.keywords and not torch.cuda.is_available():
            item.add_marker(pytest.mark.skip(reason="needs a CUDA GPU"))
