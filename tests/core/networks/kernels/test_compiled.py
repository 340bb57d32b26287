"""The kernels compile for the GPUs that they are written for, also where there is none."""

import json
import os
import subprocess
import sys
from itertools import product
from pathlib import Path
from typing import Any

import pytest

from tests.core.networks.kernels.triton.test_launch import SHAPES

A100, H100 = 80, 90
SHARED_MEMORY = 101376  # bytes that a program may have on every GPU of compute capability 8.0 and above
SCENES = SHAPES[3]  # the paper's NeRF network


def compiled(cases: list[Any], folder: Path) -> list[dict[str, Any]]:
    triton = pytest.importorskip("triton", reason="Triton is not installed")
    if not (Path(triton.__file__).parent / "backends/nvidia/bin/ptxas").exists():
        pytest.skip("Triton has come without NVIDIA's assembler")
    environment = {name: value for name, value in os.environ.items() if name != "TRITON_INTERPRET"}
    run = subprocess.run(
        [sys.executable, "-m", "tests.core.networks.kernels.compile_kernels", json.dumps(cases)],
        env=environment | {"TRITON_CACHE_DIR": str(folder)},
        capture_output=True,
        text=True,
    )
    assert run.returncode == 0, run.stderr[-3000:]
    binaries: list[dict[str, Any]] = json.loads(run.stdout)
    assert len(binaries) == 2 * len(cases)  # forward and backward
    print("\n".join(map(str, binaries)))
    return binaries


def test_network_of_scenes_compiles_without_spilling(tmp_path: Path) -> None:
    for binary in compiled([*product([A100, H100], ["tf32"], [SCENES])], tmp_path):
        assert binary["spilled"] == 0, binary
        assert binary["shared"] <= SHARED_MEMORY, binary


@pytest.mark.slow
@pytest.mark.parametrize("architecture", [A100, H100])
def test_every_shape_compiles(architecture: int, tmp_path: Path) -> None:
    cases = product([architecture], ["tf32", "tf32x3"], SHAPES)
    for binary in compiled([*cases], tmp_path):
        assert binary["shared"] <= SHARED_MEMORY, binary
        assert binary["spilled"] <= 8 or binary["precision"] == "tf32x3", binary
