"""Folders of the tests of packed scenes."""

from pathlib import Path

import pytest

from tests.srn_fixture import write_srn


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return write_srn(tmp_path / "data")


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    return tmp_path / "cache"
