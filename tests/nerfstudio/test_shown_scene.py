"""MNIF_SHOW reaches nerfstudio's commands."""

import pytest

from mnif_core.viewing.selection import Selection
from mnif_nerfstudio.shown_scene import selection_from_environment


def test_environment_chooses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MNIF_SHOW", "sample:4")
    assert selection_from_environment() == Selection("sample", seed=4)
    monkeypatch.setenv("MNIF_SHOW", "")
    assert selection_from_environment() == Selection()
    monkeypatch.setenv("MNIF_SHOW", "train:two")
    assert selection_from_environment(["chair_one", "chair_two"]) == Selection("train", scene=1)
    monkeypatch.delenv("MNIF_SHOW")
    assert selection_from_environment() == Selection()
