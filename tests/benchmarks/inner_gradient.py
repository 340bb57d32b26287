"""The outer step of meta-learning: closed-form inner gradient against double backward, interleaved in one run.

`python -m tests.benchmarks.inner_gradient`; prints JSON: milliseconds and their ratio, peak memory of each.
"""

import json
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass

import torch
import tyro
from torch import Tensor
from torch.autograd.graph import saved_tensors_hooks

from mnif_core.fitting import fit_latents
from mnif_core.inner_gradient import squared_error, squared_error_gradient
from mnif_core.mixture import MixtureSiren
from mnif_core.presets import PRESETS


@dataclass
class Settings:
    """What to measure."""

    preset: str = "image-tiny"
    """Whose mixture."""
    batch: int = 16
    """Instances."""
    points: int = 1024
    """Points of each."""
    rounds: int = 7
    """Measurements of each way."""


def main(settings: Settings) -> None:
    """Measure both ways in turn."""
    torch.manual_seed(0)
    torch.set_num_threads(min(2, torch.get_num_threads()))
    device = "cuda" if torch.cuda.is_available() else "cpu"
    preset = PRESETS[settings.preset]
    mixture = MixtureSiren(preset.mixture).to(device)
    shape = (settings.batch, settings.points)
    coordinates = torch.rand(*shape, preset.mixture.in_dim, device=device) * 2 - 1
    targets = torch.rand(*shape, preset.mixture.out_dim, device=device) * 2 - 1
    init = 1e-4 * torch.randn(settings.batch, preset.mixture.latent_dim, device=device)

    def loss(latents: Tensor) -> Tensor:
        return squared_error(mixture.instance(latents)(coordinates), targets)

    def closed_form(latents: Tensor) -> Tensor:
        return squared_error_gradient(mixture, latents, coordinates, targets)

    def step(gradient: Callable[[Tensor], Tensor] | None) -> tuple[float, float]:
        """Milliseconds of an outer step, and MiB that its graph keeps for the backward pass."""
        mixture.zero_grad()
        kept: dict[int, int] = {}

        def note(tensor: Tensor) -> Tensor:
            kept[tensor.untyped_storage().data_ptr()] = tensor.untyped_storage().nbytes()
            return tensor

        started = time.perf_counter()
        with saved_tensors_hooks(note, lambda tensor: tensor):
            latents = fit_latents(loss, init, 3, preset.fitting.inner_rate, True, gradient=gradient)
            outer = loss(latents).mean()
        outer.backward()
        if device == "cuda":
            torch.cuda.synchronize()
        return 1e3 * (time.perf_counter() - started), sum(kept.values()) / 2**20

    ways = {"double backward": None, "closed form": closed_form}
    measured: dict[str, list[tuple[float, float]]] = {name: [] for name in ways}
    for _ in range(settings.rounds + 1):
        for name, gradient in ways.items():
            measured[name].append(step(gradient))
    result = {
        name: {"ms": statistics.median(ms for ms, _ in runs[1:]), "graph_mib": runs[-1][1]}
        for name, runs in measured.items()
    }
    ratio = result["double backward"]["ms"] / result["closed form"]["ms"]
    print(json.dumps({"device": device, "settings": vars(settings), **result, "speed-up": ratio}, indent=1))


if __name__ == "__main__":
    main(tyro.cli(Settings))
