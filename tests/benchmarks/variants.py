"""The table of variants in README and `.github/nerfstudio`: `python -m tests.benchmarks.variants` writes it.

Parameters follow from the presets. Seconds are those of a step of stage 1 on the demo set, on one thread; memory is
what such a step takes beside weights and data. Each variant that `--measure` names is measured in a process of its own,
and kept in `results/variants.json`.
"""

import copy
import json
import multiprocessing
import statistics
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
import tyro

from mnif_core.evaluation.efficiency import peak_memory
from mnif_core.networks.functa import FunctaConfig
from mnif_core.networks.hypernetwork import HypernetworkConfig
from mnif_core.networks.modulation import ModulationConfig
from mnif_core.networks.spatial_mixture import SpatialMixtureConfig
from mnif_core.presets import PRESETS
from mnif_core.saved_run import DEMO_FIELDS

RESULTS = Path(__file__).parent / "results" / "variants.json"
ROOT = Path(__file__).parents[2]
PAGES = {ROOT / "README.md": None, ROOT / ".github" / "nerfstudio" / "mnif.md": ["scene"]}
"""Where the table stands, between two marks; of which modalities. None: of all."""
MARKS = "<!-- variants -->\n", "<!-- end -->"
STEPS, ENOUGH = 5, 20.0  # timed, after one that is not: so many, or fewer that take so many seconds
METHODS = {"mnif": "nerf-s"}  # of nerfstudio, that are not named after their preset
NOT_METHODS = ("nerf-functa",)
DEMOS = {"mnif-tiny": "cars", "image-tiny": "clothes", "voxel-tiny": "solids"}
SETS = {"cars": "160 demo cars", "clothes": "876 t-shirts, 32²", "solids": "160 demo solids"}
OTHERWISE = {
    "image-spatial": "unseen PSNR 25.7 dB, ten classes of clothes, 32² (`image-tiny`: 22.5)",
    "mnif-mid": "held-out PSNR 31.7 dB after 2,500 of its 20,000 steps, 160 demo cars",
}
"""Figures of `results/quality.md`."""


@dataclass
class Settings:
    """What to measure."""

    measure: tuple[str, ...] = ()
    """Variants to measure before. Nothing: write the tables of what was measured."""


def variants() -> list[str]:
    """All names: presets, and methods of nerfstudio in place of theirs; small ones of a kind first."""
    of_preset = {preset: method for method, preset in METHODS.items()}
    names = [of_preset.get(name, name) for name in PRESETS if name not in NOT_METHODS]
    kinds = ["scene", "image", "voxel"]
    return sorted(names, key=lambda name: (kinds.index(modality(name)), modulation(name).learnable_parameters))


def modality(name: str) -> str:
    """Kind of signal of a variant."""
    return PRESETS[METHODS.get(name, name)].modality


def modulation(name: str) -> ModulationConfig:
    """What makes a variant's networks."""
    return PRESETS[METHODS.get(name, name)].modulation


def measured(name: str) -> dict[str, float]:
    """Median seconds of a step of stage 1; MiB that the first takes at most beside weights and data."""
    torch.set_num_threads(1)
    torch.manual_seed(0)
    with tempfile.TemporaryDirectory() as scratch:
        step = (scene_step if modality(name) == "scene" else point_step)(name, Path(scratch))
        with peak_memory(torch.device("cpu")) as peak:
            step(0)
        times: list[float] = []
        while len(times) < STEPS and sum(times) < ENOUGH:
            started = time.perf_counter()
            step(1 + len(times))
            times.append(time.perf_counter() - started)
    return {"seconds": statistics.median(times), "mib": peak["bytes"] / 2**20}


def scene_step(name: str, scratch: Path) -> Callable[[int], Any]:
    """A step of a method of nerfstudio."""
    from mnif_nerfstudio import methods

    config: Any = copy.deepcopy(getattr(methods, name.replace("-", "_")).config)
    config.output_dir, config.experiment_name, config.timestamp, config.vis = scratch, "one", "now", "tensorboard"
    config.machine.device_type = "cpu"
    trainer = config.setup()
    trainer.setup()
    trainer.pipeline.train()
    iteration: Callable[[int], Any] = trainer.train_iteration
    return iteration


def point_step(name: str, scratch: Path) -> Callable[[int], Any]:
    """A step on what is known by values at points."""
    from lightning_fabric import Fabric

    from mnif_core.data.readers import read_observations
    from mnif_core.signals.kinds import SIGNALS
    from mnif_core.training.field_stage import FieldStage

    preset = PRESETS[name]
    observations = read_observations(SIGNALS[preset.modality].at_resolution(preset.resolution), None)
    return FieldStage(Fabric(accelerator="cpu", devices=1), preset, observations, None, seed=0).step


def reached(name: str) -> str:
    """What a run of the variant has reached; empty where none was made."""
    if name not in DEMOS:
        return OTHERWISE.get(name, "")
    figures = json.loads((DEMO_FIELDS / DEMOS[name] / "summary.json").read_text())
    score = next(key for key in figures if key.endswith(", of the run"))
    what, _, unit = score.removesuffix(", of the run").partition(", ")
    digits = 1 if unit else 3
    return f"{what} {figures[score]:.{digits}f}{' ' if unit else ''}{unit}, {SETS[DEMOS[name]]}"


def shape(config: Any) -> str:
    """(L, W, M, H), or what else makes networks."""
    if isinstance(config, FunctaConfig):
        return "Functa"
    if isinstance(config, HypernetworkConfig):
        return "hypernetwork"
    latents = f"{config.latent_dim}"
    if isinstance(config, SpatialMixtureConfig):
        latents = f"{config.global_dim} + {config.grid}·{config.grid}·{config.corner_dim}"
    return f"({config.hidden_layers}, {config.width}, {config.num_bases}, {latents})"


def found_before() -> dict[str, dict[str, float]]:
    """What was measured so far, by variant."""
    found: dict[str, dict[str, float]] = json.loads(RESULTS.read_text()) if RESULTS.exists() else {}
    return found


def table(found: dict[str, dict[str, float]], modalities: list[str] | None = None) -> str:
    """Markdown; cells of what was measured have a mark."""
    lines = [
        "| variant | (L, W, M, H) | learnable | per instance | memory of a step | seconds a step | reaches |",
        "|---|---|---|---|---|---|---|",
    ]
    for name in variants():
        if modalities is not None and modality(name) not in modalities:
            continue
        config, costs = modulation(name), found.get(name)
        memory = seconds = ""
        if costs is not None:
            memory, seconds = f"{costs['mib']:,.0f} MiB \\*", f"{costs['seconds']:.2g} \\*"
        result = reached(name)
        cells = [
            f"`{name}`",
            shape(config),
            f"{config.learnable_parameters / 1e6:.3g} M",
            f"{config.instance_parameters / 1e3:,.1f} K",
            memory,
            seconds,
            f"{result} \\*" if result else "",
        ]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def main() -> None:
    """Measure what is asked for, and write the tables."""
    settings = tyro.cli(Settings, description=__doc__)
    found = found_before()
    for name in settings.measure:
        with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as process:
            found[name] = {key: round(value, 4) for key, value in process.submit(measured, name).result().items()}
        print(name, found[name], flush=True)
        RESULTS.write_text(json.dumps(dict(sorted(found.items())), indent=1) + "\n")
    for page, modalities in PAGES.items():
        before, _, rest = page.read_text(encoding="utf-8").partition(MARKS[0])
        after = rest.partition(MARKS[1])[2]
        page.write_text("".join([before, MARKS[0], table(found, modalities), "\n", MARKS[1], after]), encoding="utf-8")
        print(page)


if __name__ == "__main__":
    main()
