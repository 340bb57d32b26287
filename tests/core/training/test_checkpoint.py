"""A checkpoint in which one thing is wrong is refused before a step is taken."""

import json
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor, nn

from mnif_core.errors import CheckpointError
from mnif_core.latents.inner_loop import RowAdam
from mnif_core.training.checkpoint import (
    Progress,
    pack,
    pack_optimizer,
    read_checkpoint,
    unpack,
    unpack_optimizer,
    write_checkpoint,
)

PROGRESS = Progress(1, 5, 2.5, 0.0, None, {"seed": 0})


def stepped(kind: Any) -> tuple[nn.Linear, torch.optim.Optimizer]:
    """A layer whose optimiser has taken one step."""
    layer = nn.Linear(2, 3)
    optimizer = kind(layer.parameters(), lr=0.1)
    layer(torch.ones(4, 2)).sum().backward()
    optimizer.step()
    return layer, optimizer


@pytest.mark.parametrize("kind", [torch.optim.Adam, RowAdam])
def test_what_was_written_comes_back(kind: Any, tmp_path: Path) -> None:
    layer, optimizer = stepped(kind)
    write_checkpoint(tmp_path / "a", pack("layer", layer) | pack_optimizer("optimizer", optimizer), PROGRESS)
    tensors, progress = read_checkpoint(tmp_path / "a")
    assert progress == PROGRESS
    other, fresh = stepped(kind)
    unpack("layer", other, tensors)
    unpack_optimizer("optimizer", fresh, tensors)
    assert torch.equal(other.weight, layer.weight)
    for name, value in pack_optimizer("optimizer", fresh).items():
        assert torch.equal(value, tensors[name])


@pytest.mark.parametrize(
    ("state", "message"),
    [
        ({"stage": 3}, "stage is 3, not one of 1, 2"),
        ({"stage": True}, "stage is True"),
        ({"step": -1}, "step is -1, not a whole number"),
        ({"step": "5"}, "step is '5'"),
        ({"seconds": None}, "seconds is None"),
        ({"best": float("nan")}, "best is nan"),
        ({"identity": []}, r"identity is \[\], not an object"),
        ({"attempt": 3}, "attempt is 3, not a whole number from 0 to 2"),
        ({"more": 1}, "unknown 'more'"),
    ],
)
def test_states_that_none_is(state: dict[str, Any], message: str, tmp_path: Path) -> None:
    save_file({"a": torch.ones(1)}, tmp_path / "a", {"state": json.dumps(asdict(PROGRESS) | state)})
    with pytest.raises(CheckpointError, match=message):
        read_checkpoint(tmp_path / "a")


@pytest.mark.parametrize("metadata", [{}, {"state": "{"}, {"state": "[" * 50_000}, {"other": "{}"}])
def test_no_state(metadata: dict[str, str], tmp_path: Path) -> None:
    save_file({"a": torch.ones(1)}, tmp_path / "a", metadata)
    with pytest.raises(CheckpointError, match="not a whole checkpoint of this project"):
        read_checkpoint(tmp_path / "a")


@pytest.mark.parametrize(
    ("kind", "name", "change"),
    [
        (torch.optim.Adam, "0.exp_avg", None),
        (torch.optim.Adam, "0.exp_avg", lambda t: t.T),
        (torch.optim.Adam, "0.exp_avg_sq", lambda t: -t - 1),
        (torch.optim.Adam, "1.step", lambda t: t - 9),
        (torch.optim.Adam, "1.step", lambda t: t.int()),
        (RowAdam, "0.steps", lambda t: t[:-1]),
        (RowAdam, "0.mean", None),
    ],
)
def test_moments_that_do_not_fit(kind: Any, name: str, change: Callable[[Tensor], Tensor] | None) -> None:
    _, optimizer = stepped(kind)
    tensors = pack_optimizer("optimizer", optimizer)
    value = tensors.pop(f"optimizer.{name}")
    tensors |= {} if change is None else {f"optimizer.{name}": change(value)}
    with pytest.raises(CheckpointError, match="moments do not fit"):
        unpack_optimizer("optimizer", optimizer, tensors)


@pytest.mark.parametrize("name", ["2.step", "word", "0.step.more.x", "-1.step"])
def test_moments_of_nothing(name: str) -> None:
    _, optimizer = stepped(torch.optim.Adam)
    with pytest.raises(CheckpointError, match="moments"):
        unpack_optimizer("a", optimizer, pack_optimizer("a", optimizer) | {f"a.{name}": torch.tensor(1.0)})
