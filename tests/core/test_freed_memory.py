"""Training steps do not ask the system for the same memory again and again."""

import subprocess
import sys

STEPS = """
import resource
import numpy as np
from mnif_core.freed_memory import keep_freed_memory

def pages(steps):
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(steps):
        gradients = [np.zeros(1 << 19) + 1.0 for _ in range(6)]
        del gradients
    return (resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before) / steps

given_back = pages(5)
keep_freed_memory()
keep_freed_memory()
pages(1)
print(given_back, pages(5))
"""


def test_what_a_step_frees_serves_the_next() -> None:
    found = subprocess.run([sys.executable, "-c", STEPS], capture_output=True, text=True, check=True).stdout
    given_back, kept = map(float, found.split())
    # a C library that keeps memory by itself has nothing to mend
    assert kept < 100 or given_back < 100
