"""Compiles what `FUSED` launches for NVIDIA GPUs that need not be there; a process of its own, without interpreter.

Values and gradients are asked for as usual, with Triton told of a GPU; each launch ends once the kernel is compiled.
Prints one line of JSON: per binary its architecture, kernel, precision and width, registers and spilled bytes of a
thread, and the shared memory of a program in bytes.
"""

import json
import re
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import torch
import triton
from triton.backends.compiler import GPUTarget
from triton.runtime import driver
from triton.runtime.jit import JITFunction

from tests.core.networks.kernels.random_networks import fused_values, random_networks

DUMP = Path(triton.__file__).parent / "backends/nvidia/bin/cuobjdump"


class AbsentGpu:
    """What Triton asks of a driver before it launches."""

    def __init__(self, architecture: int) -> None:
        self.architecture = architecture

    def get_current_target(self) -> GPUTarget:
        return GPUTarget("cuda", self.architecture, 32)

    def get_current_device(self) -> int:
        return self.architecture  # Triton keeps its binaries by device

    def get_current_stream(self, device: int) -> int:
        return 0


def compiled_by(run: Any) -> dict[str, Any]:
    """The binaries, by kernel, that `run` would have launched."""
    binaries: dict[str, Any] = {}
    launch = JITFunction.run

    def compile_only(self: Any, *args: Any, grid: Any, warmup: bool, **options: Any) -> None:
        binaries[self.fn.__name__] = launch(self, *args, grid=grid, warmup=True, **options)

    JITFunction.run = compile_only
    try:
        run()
    finally:
        JITFunction.run = launch
    return binaries


def usage(binary: Any) -> dict[str, int]:
    """Registers and spilled bytes of a thread, shared bytes of a program."""
    with tempfile.NamedTemporaryFile(suffix=".cubin") as file:
        Path(file.name).write_bytes(binary.asm["cubin"])
        text = subprocess.run([DUMP, "-res-usage", file.name], capture_output=True, text=True, check=True).stdout
    registers, stack = (int(re.search(rf"{name}:(\d+)", text)[1]) for name in ("REG", "STACK"))  # type: ignore[index]
    return {"registers": registers, "spilled": stack, "shared": binary.metadata.shared}


def main() -> None:
    """Compile both kernels for every (architecture, precision, shape) of the JSON list in the first argument."""
    results = []
    for architecture, precision, (instances, points, dims, width, hidden, outputs, output) in json.loads(sys.argv[1]):
        driver.set_active(AbsentGpu(architecture))
        weights, biases = random_networks(instances, dims, width, hidden, outputs)
        coordinates = torch.zeros(instances, points, dims, requires_grad=True)

        def values_and_gradients(arguments: Any = (coordinates, weights, biases, 30.0, output, precision)) -> None:
            fused_values(*arguments).sum().backward()

        for name, binary in compiled_by(values_and_gradients).items():
            case = {"architecture": architecture, "kernel": name, "precision": precision, "width": width}
            results.append(case | usage(binary))
    print(json.dumps(results))


if __name__ == "__main__":
    main()
