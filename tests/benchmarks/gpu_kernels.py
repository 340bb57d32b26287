"""The fused kernels on a GPU against layer-by-layer torch: `python -m tests.benchmarks.gpu_kernels --help`."""

import json
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import torch
import tyro
from rich.console import Console
from rich.table import Table
from torch import Tensor

from mnif_core.evaluation.efficiency import peak_memory
from mnif_core.networks.instance_networks import InstanceNetworks
from mnif_core.networks.kernels.backend import Backend
from mnif_core.networks.kernels.dispatch import Implementation
from mnif_core.networks.kernels.reference import REFERENCE
from mnif_core.networks.kernels.tiny_cuda_nn import TINY_CUDA_NN, is_exact
from mnif_core.networks.kernels.triton.launch import FUSED, Fused
from mnif_core.networks.mixture import MixtureConfig, MixtureSiren
from mnif_core.signals.scenes import SceneSignal
from tests.benchmarks.cases import mixture_of
from tests.benchmarks.measuring import best

EPOCHS, SCENES = 2000, 2458  # the paper's SRN Cars
SIGNAL = SceneSignal(
    near=0.8, far=1.8, camera_distance=1.3, samples_per_ray=32, density="elu", height=128, width=128, focal=131.25
)
Evaluate = Callable[..., Tensor]
Row = dict[str, Any]


@dataclass
class Benchmark:
    """Where the figures go; what is measured is fixed."""

    json: Path = Path("tests/benchmarks/results/gpu_kernels.json")
    """File for the figures, with GPU and command."""


def main(settings: Benchmark) -> int:
    """Measure on the GPU; without one say so."""
    if not torch.cuda.is_available():
        print("gpu_kernels: no CUDA GPU here; run it where torch.cuda.is_available() is true", file=sys.stderr)
        return 1
    from tests.benchmarks.sine_limit import sines_a_second

    device = torch.device("cuda")
    limit = sines_a_second(device)
    figures = {
        "gpu": torch.cuda.get_device_name(device),
        "torch": torch.__version__,
        "command": "python -m tests.benchmarks.gpu_kernels",
        "sines_a_second": limit,
        "decoding": decoding(device, limit),
        "training": training(device),
    }
    show(figures)
    settings.json.parent.mkdir(parents=True, exist_ok=True)
    settings.json.write_text(json.dumps(figures, indent=1) + "\n")
    return 0


def decoding(device: torch.device, sines_a_second: float, points: int = 128 * 128 * 32) -> list[Row]:
    """Networks alone, then whole views: NeRF S with one scene and with eight, image L."""
    nerf, image = MixtureSiren(MixtureConfig()).to(device), mixture_of("image-l", device)[0]
    rows = []
    for case, mixture, instances in (("NeRF S", nerf, 1), ("NeRF S, 8 scenes", nerf, 8), ("image L", image, 1)):
        config = mixture.config
        networks = _detached(mixture.instance(0.01 * torch.randn(instances, config.latent_dim, device=device)))
        x = torch.rand(instances, points, config.in_dim, device=device) * 2 - 1
        exact = REFERENCE.values(networks, x)
        sines = x.shape[0] * x.shape[1] * config.width * (config.hidden_layers + 1)
        sines += exact.numel() if config.output_activation == "sine" else 0
        for name, backend, tf32 in _implementations(x, networks):
            with torch.no_grad(), _tf32(tf32):
                seconds = best(partial(backend.values, networks, x), device)
                error = float((backend.values(networks, x) - exact).abs().max())
            rows.append(
                {
                    "case": f"{case}, {points:,} points",
                    "implementation": name,
                    "ms": 1e3 * seconds,
                    "a_second": instances / seconds,
                    "share_of_sine_limit": sines / seconds / sines_a_second,
                    "largest_difference": error,
                }
            )
    return rows + _views(device)


def _views(device: torch.device) -> list[Row]:
    """Rays, networks and compositing of one view, mixing included."""
    mixture, latent = MixtureSiren(MixtureConfig()).to(device), 0.01 * torch.randn(1, 128, device=device)
    camera, rows = SIGNAL.orbit(1)[0], []

    @torch.no_grad()
    def view() -> Tensor:
        return SIGNAL.render_view(mixture.instance(latent), camera, rays_per_chunk=1 << 14).color

    for implementation in ("torch", "triton"):
        mixture.implementation = implementation
        seconds = best(view, device)
        case = f"a view of NeRF S, {SIGNAL.height} x {SIGNAL.width} x {SIGNAL.samples_per_ray}"
        rows.append({"case": case, "implementation": implementation, "ms": 1e3 * seconds, "a_second": 1 / seconds})
    return rows


def training(device: torch.device, scenes: int = 8, rays: int = 32 * 512) -> list[Row]:
    """One step of auto-decoding at the paper's size: mixing, rendering, loss, gradients, Adam; data left out."""
    rows = []
    choices: list[tuple[Implementation, bool]] = [("torch", False), ("torch", True), ("triton", False)]
    for implementation, tf32 in choices:
        torch.manual_seed(0)
        mixture = MixtureSiren(MixtureConfig()).to(device)
        mixture.implementation = implementation
        latents = torch.nn.Parameter(0.01 * torch.randn(scenes, 128, device=device))
        optimizer = torch.optim.Adam([*mixture.parameters(), latents], lr=1e-4, fused=device.type == "cuda")
        origins = torch.nn.functional.normalize(torch.randn(scenes, rays, 3, device=device), dim=-1) * 1.3
        directions = -origins + 0.1 * torch.randn_like(origins)
        target = torch.rand(scenes, rays, 3, device=device)
        jitter = torch.rand(scenes, rays, SIGNAL.samples_per_ray, device=device)

        def step(
            mixture: MixtureSiren = mixture,
            latents: Tensor = latents,
            optimizer: torch.optim.Optimizer = optimizer,
            data: tuple[Tensor, Tensor, Tensor, Tensor] = (origins, directions, jitter, target),
        ) -> None:
            origins, directions, jitter, target = data
            rendered = SIGNAL.render_rays(mixture.instance(latents), origins, directions, jitter)
            optimizer.zero_grad(set_to_none=True)
            (rendered.color - target).square().mean().backward()
            optimizer.step()

        with _tf32(tf32), peak_memory(device) as peak:
            seconds = best(step, device)
        rows.append(
            {
                "case": f"training step, {scenes} scenes, {scenes * rays * SIGNAL.samples_per_ray:,} points",
                "implementation": "torch, tf32" if tf32 else implementation,
                "ms": 1e3 * seconds,
                "peak_mib": peak["bytes"] / 2**20 if "bytes" in peak else None,
                "hours_of_2000_epochs": seconds * EPOCHS * SCENES / scenes / 3600,
            }
        )
    return rows


def _implementations(x: Tensor, networks: InstanceNetworks) -> Iterator[tuple[str, Backend, bool]]:
    yield "torch", REFERENCE, False
    yield "torch, tf32", REFERENCE, True
    if FUSED.why_not(networks, x) is None:
        yield "triton, tf32", Fused("tf32"), False
        yield "triton, tf32x3", Fused("tf32x3"), False
    if TINY_CUDA_NN.why_not(networks, x) is None:
        exact = is_exact(networks)
        yield f"tcnn, {'single' if exact else 'half'} precision", TINY_CUDA_NN, False


def _detached(networks: InstanceNetworks) -> InstanceNetworks:
    weights, biases = ([t.detach() for t in part] for part in (networks.weights, networks.biases))
    return InstanceNetworks(tuple(weights), tuple(biases), networks.w0, networks.output_activation)


@contextmanager
def _tf32(allowed: bool) -> Iterator[None]:
    """What torch's own products may use."""
    before = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision("high" if allowed else "highest")
    try:
        yield
    finally:
        torch.set_float32_matmul_precision(before)


def show(figures: dict[str, Any]) -> None:
    """Print the table."""
    table = Table(title=f"{figures['gpu']}: {figures['sines_a_second'] / 1e9:,.0f} G sines/s at most")
    columns = {
        "ms": "{:.2f}",
        "a_second": "{:,.0f}",
        "share_of_sine_limit": "{:.0%}",
        "largest_difference": "{:.1e}",
        "peak_mib": "{:,.0f}",
        "hours_of_2000_epochs": "{:.1f}",
    }
    for column in ("case", "implementation", *columns):
        table.add_column(column.replace("_", " "), justify="left" if column in ("case", "implementation") else "right")
    for row in (*figures["decoding"], *figures["training"]):
        cells = ["" if row.get(name) is None else form.format(row[name]) for name, form in columns.items()]
        table.add_row(row["case"], row["implementation"], *cells)
    Console(width=None if sys.stdout.isatty() else 160).print(table)


if __name__ == "__main__":
    sys.exit(main(tyro.cli(Benchmark, description=__doc__)))
