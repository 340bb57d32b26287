"""nerfstudio's checkpoints: read safely, and refused in one line, before its trainer reads them."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from mnif_core.errors import CheckpointError, ConfigError
from mnif_nerfstudio.checkpoint_file import check_checkpoint


def state() -> dict[str, Any]:
    return {
        "step": 3,
        "pipeline": {"_model.prior.mean": torch.full((2,), torch.nan), "_model.field.weight": torch.ones(2)},
        "optimizers": {"bases": {"state": {0: {"step": torch.tensor(1.0)}}, "param_groups": [{"lr": 0.1}]}},
        "schedulers": {"bases": {"last_epoch": 3}},
        "scalers": {},
    }


def test_whole_checkpoints_pass(tmp_path: Path) -> None:
    torch.save(state(), tmp_path / "step-000000003.ckpt")
    check_checkpoint(tmp_path / "step-000000003.ckpt")


class Other:
    """What no safe loading makes."""


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda s: s.pop("pipeline"), "not a checkpoint of nerfstudio's"),
        (lambda s: s.update(optimizers=[]), "not a checkpoint of nerfstudio's"),
        (lambda s: s.update(step="3"), "step is '3'"),
        (lambda s: s.update(step=-1), "step is -1"),
        (lambda s: s.update(step=True), "step is True"),
        (lambda s: s["pipeline"].update(a=torch.tensor([torch.nan, 1.0])), "numbers from nan to nan in pipeline.a"),
        (lambda s: s["optimizers"]["bases"]["state"][0].update(step=torch.tensor(torch.inf)), "bases.state.0.step"),
        (lambda s: s.update(schedulers=Other()), "not a whole checkpoint"),
    ],
)
def test_others_are_refused(change: Callable[[dict[str, Any]], Any], message: str, tmp_path: Path) -> None:
    content = state()
    change(content)
    torch.save(content, tmp_path / "step-000000003.ckpt")
    with pytest.raises(CheckpointError, match=message):
        check_checkpoint(tmp_path / "step-000000003.ckpt")


def test_what_is_no_archive(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="is a folder"):
        check_checkpoint(tmp_path)
    with pytest.raises(CheckpointError, match="no such checkpoint"):
        check_checkpoint(tmp_path / "a.ckpt")
    (tmp_path / "a.ckpt").write_bytes(b"cut")
    with pytest.raises(CheckpointError, match="not a whole checkpoint"):
        check_checkpoint(tmp_path / "a.ckpt")
