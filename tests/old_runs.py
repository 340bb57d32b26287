"""Small runs that an earlier version has left, in `golden/old_runs`: whatever is rebuilt, they open and go on.

Each holds its finished field, and a checkpoint from the middle of stage 1. They were trained with the settings below.
"""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from mnif_core.networks.kernels.cpu.sine_choice import cpu_name
from mnif_core.networks.mixture import MixtureConfig
from mnif_core.presets import PRESETS

OLD_RUNS = Path(__file__).parent / "golden/old_runs"
SIZES: dict[str, Any] = {"hidden_layers": 1, "width": 8, "num_bases": 4, "latent_dim": 4}
STEPS = 20  # of either stage
MAKE = "Intel"  # of the CPU that they were trained on
SCENES: dict[str, Any] = {"scenes": 3, "views": 6, "size": 12}  # of `write_srn`
SCENE_OPTIONS = [
    option
    for name, value in {**SIZES, "prior_width": 16, "prior_blocks": 1, "samples_per_ray": 6}.items()
    for option in (f"--pipeline.model.{name.replace('_', '-')}", value)
]
SCENE_OPTIONS += ["--pipeline.fit-steps", STEPS, "--pipeline.prior-steps", STEPS, "--steps-per-save", 10]


def small_presets(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let image-tiny and voxel-tiny be of the runs' sizes."""
    for name, resolution in (("image-tiny", 8), ("voxel-tiny", 16)):
        full = PRESETS[name]
        assert isinstance(full.modulation, MixtureConfig)
        small = replace(
            full,
            modulation=replace(full.modulation, **SIZES),
            prior=replace(full.prior, latent_dim=4, width=16, blocks=1),
            stage_1=replace(full.stage_1, batch_size=4),
            stage_2=replace(full.stage_2, batch_size=4),
            resolution=resolution,
            points=16,
        )
        monkeypatch.setitem(PRESETS, name, small)


def assert_same_field(new: Path, old: Path) -> None:
    """Compare two fields' weights and latents, as far as another machine's rounding lets them agree."""
    pairs = [(load_file(new / name), load_file(old / name)) for name in ("model.safetensors", "latents.safetensors")]
    for found, wanted in pairs:
        assert {key: value.shape for key, value in found.items()} == {key: value.shape for key, value in wanted.items()}
    if MAKE not in cpu_name():
        pytest.skip(f"ends alike on {MAKE} CPUs alone: of gradients zero but for rounding, Adam makes whole steps")
    for found, wanted in pairs:
        for key, value in wanted.items():
            torch.testing.assert_close(found[key], value, rtol=0, atol=0.02 * float(value.abs().max()) + 1e-6, msg=key)
