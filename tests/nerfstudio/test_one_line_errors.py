"""The last hook of a process is ours in nerfstudio's commands alone, and there for our errors alone."""

import sys
from pathlib import Path
from typing import Any

import pytest

import mnif_nerfstudio.methods  # noqa: F401  whose import must not set the hook
from mnif_core.errors import DataError
from mnif_nerfstudio.one_line_errors import errors_in_one_line
from mnif_nerfstudio.pipeline import MnifPipelineConfig
from mnif_nerfstudio.srn_dataparser import SrnDataParserConfig
from mnif_nerfstudio.trainer import MnifTrainerConfig

SCRIPT = "/venv/lib/python3.11/site-packages/nerfstudio/scripts/train.py"


@pytest.fixture
def seen(monkeypatch: pytest.MonkeyPatch) -> list[BaseException]:
    """What reaches the hook that was there before."""
    reached: list[BaseException] = []
    monkeypatch.setattr(sys, "excepthook", lambda kind, error, trace: reached.append(error))
    return reached


def end_with(error: BaseException) -> None:
    sys.excepthook(type(error), error, None)


@pytest.mark.parametrize("program", ["/venv/bin/ns-train", "ns-eval", "ns-viewer.exe", SCRIPT])
def test_a_command_shows_one_line(
    program: str, seen: list[BaseException], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", [program])
    errors_in_one_line()
    hook = sys.excepthook
    errors_in_one_line()
    assert sys.excepthook is hook
    end_with(DataError("cars: no such folder; pass --data"))
    assert capsys.readouterr().err == "DataError: cars: no such folder; pass --data\n" and not seen
    other = ValueError("a bug")
    end_with(other)
    assert seen == [other] and not capsys.readouterr().err


@pytest.mark.parametrize("program", ["/venv/bin/pytest", "my_ns-script.py", "", "/home/me/train.py"])
def test_other_programs_keep_their_hook(
    program: str, seen: list[BaseException], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "argv", [program])
    hook = sys.excepthook
    errors_in_one_line()
    assert sys.excepthook is hook


def test_importing_the_plugin_sets_no_hook() -> None:
    assert not hasattr(sys.excepthook, "one_line")


class Made:
    """Stands for what a config sets up."""

    def __init__(self, *_: Any, **__: Any) -> None: ...


@pytest.mark.parametrize("config", [MnifPipelineConfig(_target=Made), SrnDataParserConfig(_target=Made)])
def test_setting_up_a_config_sets_it(config: Any, seen: list[BaseException], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["ns-eval"])
    config.setup()
    end_with(DataError("wrong"))
    assert not seen


def test_a_run_sets_it_before_it_writes(
    tmp_path: Path, seen: list[BaseException], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "argv", ["ns-train"])
    MnifTrainerConfig(
        method_name="mnif", output_dir=tmp_path, experiment_name="run", timestamp="now", pipeline=MnifPipelineConfig()
    ).save_config()
    end_with(DataError("wrong"))
    assert not seen
