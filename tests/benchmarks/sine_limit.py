"""How many sines a GPU takes at best: reduced to one turn and computed as the fused kernels do, nothing else around."""

# mypy: disallow-untyped-defs=False, disallow-incomplete-defs=False, disallow-untyped-decorators=False
# Triton's parameters are annotated by what its compiler makes of them, which is no Python type

import torch
import triton
import triton.language as tl

from mnif_core.networks.kernels.triton.kernels import _phase, _sine
from tests.benchmarks.measuring import best

ROUNDS, BLOCK, PROGRAMS = 4096, 1024, 8192


@triton.jit
def _chain(values, turns, rounds: tl.constexpr, hardware: tl.constexpr, block: tl.constexpr):
    at = tl.program_id(0) * block + tl.arange(0, block)
    x = tl.load(values + at)
    for _ in range(rounds):
        x = _sine(_phase(x, turns), hardware)
    tl.store(values + at, x)


def sines_a_second(device: torch.device, rounds: int = ROUNDS, programs: int = PROGRAMS) -> float:
    """Of sines that depend on one another in threads that do not, from registers to registers."""
    values = torch.rand(programs * BLOCK, device=device)

    def run() -> None:
        _chain[(programs,)](values, 0.7, rounds=rounds, hardware=device.type == "cuda", block=BLOCK)

    return values.numel() * rounds / best(run, device)
