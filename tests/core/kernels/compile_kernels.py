"""Compiles the Triton kernels for NVIDIA GPUs that need not be there; a process of its own, without the interpreter.

Prints one line of JSON: per binary its architecture, kernel, shape, registers and spilled bytes of a thread, and the
shared memory of a program in bytes.
"""

import json
import re
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import triton
from triton.backends.compiler import GPUTarget
from triton.compiler import ASTSource

from mnif_core.kernels import fused, triton_siren

COUNTS = ("points", "blocks", "chunks", "blocks_per_chunk")
DUMP = Path(triton.__file__).parent / "backends/nvidia/bin/cuobjdump"


def compiled(kernel: Any, architecture: int, network: fused._Network, **constants: Any) -> dict[str, int]:
    """Compile `kernel` as `fused` launches it."""
    constants = network.constants() | constants
    options = {name: constants.pop(name) for name in ("num_warps", "num_stages")}
    signature, values, aligned = {}, {}, {}
    for position, name in enumerate(kernel.arg_names):
        if name in constants:
            signature[name], values[(position,)] = "constexpr", constants[name]
        elif name == "turns":
            signature[name] = "fp32"
        elif name in COUNTS:
            signature[name] = "i32"
        else:
            signature[name], aligned[(position,)] = "*fp32", [["tt.divisibility", 16]]
    source = ASTSource(kernel, signature, values, aligned)
    binary = triton.compile(source, target=GPUTarget("cuda", architecture, 32), options=options)
    with tempfile.NamedTemporaryFile(suffix=".cubin") as file:
        Path(file.name).write_bytes(binary.asm["cubin"])
        usage = subprocess.run([DUMP, "-res-usage", file.name], capture_output=True, text=True, check=True).stdout
    registers, stack = (int(re.search(rf"{name}:(\d+)", usage)[1]) for name in ("REG", "STACK"))  # type: ignore[index]
    return {"registers": registers, "spilled": stack, "shared": binary.metadata.shared}


def main() -> None:
    """Compile every (architecture, kernel, precision, shape) of the JSON list in the first argument."""
    results = []
    for architecture, kernel, precision, (_, _, dims, width, hidden, outputs, output) in json.loads(sys.argv[1]):
        network = fused._Network(dims, width, hidden, outputs, 30.0, output == "sine", precision)
        forward = kernel == "forward"
        constants = {"block": fused.block_of(network, forward)} | ({} if forward else {"want_coordinates": True})
        function = getattr(triton_siren, f"{kernel}_kernel")
        results.append(
            {"architecture": architecture, "kernel": kernel, "precision": precision, "width": width}
            | compiled(function, architecture, network, **constants)
        )
    print(json.dumps(results))


if __name__ == "__main__":
    main()
