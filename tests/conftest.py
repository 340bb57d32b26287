"""What every test needs: two threads, caches of its own, and reasons for what is skipped."""

import os
import shutil
import tempfile

# before the first import, so that neither a person's caches nor their settings reach a test
os.environ["MNIF_CACHE"] = tempfile.mkdtemp(prefix="mnif-tests-")
os.environ["WANDB_MODE"] = "disabled"
os.environ.pop("MNIF_SHOW", None)

import pytest
import torch

if not torch.cuda.is_available():
    os.environ["TRITON_INTERPRET"] = "1"  # before Triton's first import, whoever imports it


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--run-slow", action="store_true", help="run tests that take minutes")


def pytest_configure(config: pytest.Config) -> None:
    torch.set_num_threads(min(2, torch.get_num_threads()))


def pytest_unconfigure(config: pytest.Config) -> None:
    shutil.rmtree(os.environ["MNIF_CACHE"], ignore_errors=True)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    for item in items:
        if "slow" in item.keywords and not config.getoption("--run-slow"):
            item.add_marker(pytest.mark.skip(reason="takes minutes; run with --run-slow"))
        if "gpu" in item.keywords and not torch.cuda.is_available():
            item.add_marker(pytest.mark.skip(reason="needs a CUDA GPU"))
