"""Which sine serves: tried once, kept on disc, tried again where what is kept is of another machine or damaged."""

import builtins
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from mnif_core.errors import ConfigError
from mnif_core.networks.kernels.cpu import sine_choice
from mnif_core.networks.kernels.cpu.sine_choice import VARIABLE, choice_file, chosen_sines, compiled_wins, sines_of
from mnif_core.networks.kernels.cpu.sines import TORCH, TorchSines, compiled_sines

OTHER = TorchSines()  # stands for the compiled ones


@pytest.fixture(autouse=True)
def _alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("MNIF_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv(VARIABLE, raising=False)
    monkeypatch.setattr(sine_choice, "compiled_sines", lambda: OTHER)
    monkeypatch.setattr("importlib.metadata.version", lambda package: "0.60")
    chosen_sines.cache_clear()
    yield
    chosen_sines.cache_clear()


@pytest.fixture
def trials(monkeypatch: pytest.MonkeyPatch) -> list[bool]:
    """What the next trials find, the last one first."""
    found: list[bool] = []
    monkeypatch.setattr(sine_choice, "tried", lambda: {"compiled": found.pop()})
    return found


@pytest.mark.parametrize("wins", [True, False])
def test_both_are_tried_once(wins: bool, trials: list[bool]) -> None:
    trials.append(wins)
    assert compiled_wins() == compiled_wins() == wins
    assert chosen_sines() is (OTHER if wins else TORCH)
    assert sines_of(torch.float32) is chosen_sines() and sines_of(torch.float64) is TORCH


@pytest.mark.parametrize("changed", ["cpu", "torch", "numba"])
def test_another_machine_tries_for_itself(changed: str, trials: list[bool], monkeypatch: pytest.MonkeyPatch) -> None:
    trials.extend([False, True])
    before = sine_choice.machine()
    assert compiled_wins()
    monkeypatch.setattr(sine_choice, "machine", lambda: {**before, changed: "another"})
    assert not compiled_wins()
    monkeypatch.setattr(sine_choice, "machine", lambda: before)
    assert compiled_wins()


@pytest.mark.parametrize(
    "content",
    ["", "{", "[]", "3", "{}", '{"compiled": true}', '{"compiled": true, "machine": {}}', '{"compiled": "x"}', "\x00"],
)
def test_what_is_damaged_is_made_anew(content: str, trials: list[bool]) -> None:
    trials.extend([True, False])
    assert not compiled_wins()
    choice_file().write_text(content)
    assert compiled_wins() and not trials
    assert compiled_wins()


def test_where_nothing_can_be_kept_torch_stays(
    trials: list[bool], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("MNIF_CACHE", str(tmp_path / "file" / "below"))
    trials.append(True)
    assert not compiled_wins() and chosen_sines() is TORCH


def test_a_person_may_name_one(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, expected in (("torch", TORCH), ("compiled", OTHER)):
        monkeypatch.setenv(VARIABLE, name)
        chosen_sines.cache_clear()
        assert chosen_sines() is expected
    assert not choice_file().exists()
    monkeypatch.setenv(VARIABLE, "fast")
    chosen_sines.cache_clear()
    with pytest.raises(ConfigError, match="MNIF_SINE=fast: is neither torch nor compiled"):
        chosen_sines()


def test_without_numba_torch_serves(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sine_choice, "compiled_sines", lambda: None)
    assert chosen_sines() is TORCH and not choice_file().exists()
    monkeypatch.setenv(VARIABLE, "compiled")
    chosen_sines.cache_clear()
    with pytest.raises(ConfigError, match="needs the package numba"):
        chosen_sines()


def test_a_numba_that_does_not_import_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    real = builtins.__import__

    def broken(name: str, *rest: Any) -> Any:
        if name.endswith("compiled_sines"):
            raise SystemError("built for another Python")
        return real(name, *rest)

    monkeypatch.setattr(builtins, "__import__", broken)
    assert compiled_sines.__wrapped__() is None


def test_a_sine_that_errs_is_not_chosen(monkeypatch: pytest.MonkeyPatch) -> None:
    class Wrong(TorchSines):
        def sine_and_cosine(self, angles: Tensor, out: Tensor) -> None:
            out[:, 0] += 1e-5

    monkeypatch.setattr(sine_choice, "compiled_sines", Wrong)
    monkeypatch.setattr(sine_choice, "ROUNDS", 1)
    assert sine_choice.tried()["compiled"] is False


def test_importing_the_core_imports_no_compiler() -> None:
    code = "import sys, mnif_core; print('numba' in sys.modules or 'filelock' in sys.modules)"
    output = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert output == "False\n"
