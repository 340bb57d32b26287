"""Threads that sleep soon where the user has not said otherwise."""

import os
import subprocess
import sys

import pytest


@pytest.mark.parametrize(
    ("chosen", "spins"), [({}, "30000"), ({"GOMP_SPINCOUNT": "7"}, "7"), ({"OMP_WAIT_POLICY": "active"}, "")]
)
def test_a_users_own_choice_stands(chosen: dict[str, str], spins: str) -> None:
    own = {name: value for name, value in os.environ.items() if name not in ("GOMP_SPINCOUNT", "OMP_WAIT_POLICY")}
    show = "import mnif_core, os; print(os.environ.get('GOMP_SPINCOUNT', ''))"
    found = subprocess.run([sys.executable, "-c", show], env=own | chosen, capture_output=True, text=True, check=True)
    assert found.stdout.strip() == spins
