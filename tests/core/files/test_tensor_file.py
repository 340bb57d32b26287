"""Tensors of a file and the modules that take them: whole and sound, or one line."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor, nn

from mnif_core.errors import CheckpointError, ConfigError
from mnif_core.files.tensor_file import built, read_tensors

WHOLE = {"net.weight": torch.ones(3, 2), "net.bias": torch.zeros(3), "other": torch.tensor(4)}


def linear() -> nn.Linear:
    return nn.Linear(2, 3)


def test_tensors_come_back_and_become_weights(tmp_path: Path) -> None:
    save_file(WHOLE, tmp_path / "a.safetensors", {"key": "value"})
    tensors, metadata = read_tensors(tmp_path / "a.safetensors")
    assert metadata == {"key": "value"} and tensors.keys() == WHOLE.keys()
    module = built(linear, tensors, "net.", "a")
    assert torch.equal(module(torch.ones(1, 2)), torch.full((1, 3), 2.0))
    assert all(parameter.requires_grad for parameter in module.parameters())


@pytest.mark.parametrize(
    ("tensor", "message"),
    [
        (torch.tensor([1.0, float("nan")]), "numbers from nan to nan in a"),
        (torch.tensor([1.0, float("inf")]), "numbers from 1 to inf in a"),
        (torch.tensor([-3e38]), "numbers from -3e"),
        (torch.tensor([-1]), "numbers from -1 to -1 in a"),
        (torch.tensor([1j]), "a is torch.complex64"),
        (torch.tensor([float("nan")]).to(torch.float8_e4m3fn), "numbers from nan"),
    ],
)
def test_unsound_numbers_are_refused(tensor: Tensor, message: str, tmp_path: Path) -> None:
    save_file({"a": tensor}, tmp_path / "a.safetensors")
    with pytest.raises(CheckpointError, match=message) as caught:
        read_tensors(tmp_path / "a.safetensors", remedy="make it anew")
    assert str(caught.value).startswith(f"{tmp_path}/a.safetensors: ") and str(caught.value).endswith("; make it anew")


def test_statistics_of_a_prior_may_be_unset(tmp_path: Path) -> None:
    save_file({"prior.mean": torch.full((3,), float("nan"))}, tmp_path / "a.safetensors")
    assert read_tensors(tmp_path / "a.safetensors")[0]["prior.mean"].isnan().all()


@pytest.mark.parametrize(
    "content", [b"", b"\xff" * 64, (2**40).to_bytes(8, "little") + b"{}", bytes([2, *[0] * 7]) + b"{}x"]
)
def test_damaged_files_are_one_line(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "a.safetensors").write_bytes(content)
    with pytest.raises(CheckpointError, match="a.safetensors: damaged"):
        read_tensors(tmp_path / "a.safetensors")
    with pytest.raises(CheckpointError, match="not found"):
        read_tensors(tmp_path / "b.safetensors")


def contradicting() -> nn.Module:
    raise ConfigError("a width of 3 is not even; choose another")


@pytest.mark.parametrize(
    ("make", "changed", "message"),
    [
        (linear, {"net.weight": torch.ones(2, 3)}, r"net.weight is floats \[2, 3\], not floats \[3, 2\]"),
        (linear, {"net.bias": torch.zeros(3, dtype=torch.int32)}, r"net.bias is whole numbers \[3\], not floats"),
        (linear, {"net.more": torch.zeros(3)}, r"net.more is floats \[3\], not nothing"),
        (lambda: nn.Linear(2, 3, bias=False), {}, r"net.bias is floats \[3\], not nothing"),
        (lambda: nn.Linear(10**9, 10**9), {}, r"net.bias is floats \[3\], not floats \[1000000000\]"),
        (lambda: nn.Linear(2**40, 2**40), {}, "no possible size"),
        (contradicting, {}, "a.json: a width of 3 is not even"),
    ],
)
def test_weights_that_do_not_fit(make: Callable[[], Any], changed: dict[str, Tensor], message: str) -> None:
    with pytest.raises(CheckpointError, match=message):
        built(make, WHOLE | changed, "net.", "a.json")


def test_tensors_lie_where_torch_puts_its_own(tmp_path: Path) -> None:
    path = tmp_path / "odd.safetensors"
    save_file({name: torch.ones(size) for name, size in (("a", 3), ("b", 5), ("c", 64))}, path)
    tensors, _ = read_tensors(path)
    assert {tensor.data_ptr() % 64 for tensor in tensors.values()} == {0}, "products of others may end in other bits"
