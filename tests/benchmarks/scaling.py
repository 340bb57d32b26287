"""Cost against work: linear in points and in scenes, flat in the number of bases once they are mixed."""

from dataclasses import replace

import torch

from mnif_core.networks.mixture import MixtureConfig, MixtureSiren
from tests.benchmarks.measuring import best

NEAR = 1 << 16  # points from which what a call costs on its own no longer shows


def scaling(device: torch.device) -> dict[str, dict[str, float]]:
    """Nanoseconds a point of NeRF S: by points of one scene, by scenes, by bases (mixed before)."""
    config = MixtureConfig()
    points = {str(count): _nanoseconds(config, 1, count, device) for count in (NEAR, 2 * NEAR, 4 * NEAR)}
    scenes = {str(count): _nanoseconds(config, count, NEAR, device) for count in (1, 2, 4)}
    bases = {
        str(count): _nanoseconds(replace(config, num_bases=count), 1, NEAR, device) for count in (16, 64, 256, 1024)
    }
    return {"points": points, "scenes": scenes, "bases": bases}


@torch.no_grad()
def _nanoseconds(config: MixtureConfig, scenes: int, points: int, device: torch.device) -> float:
    networks = MixtureSiren(config).to(device).instance(torch.zeros(scenes, config.latent_dim, device=device))
    coordinates = torch.rand(scenes, points, config.in_dim, device=device) * 2 - 1
    return 1e9 * best(lambda: networks(coordinates), device, rounds=5) / (scenes * points)
