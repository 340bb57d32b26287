"""Reads the authors' checkpoints: stage 1 (`.pth`), contexts, stage 2 (Lightning `.ckpt` with `config.yaml`).

Only names and shapes are taken from their code; every file is read as plain tensors. What their files do not hold is
stated here: the coefficient rows run basis by basis, w0 stands in `config.yaml` alone, normalisation is computed from
the training contexts, inner rates were divided by a batch of 32. Their voxel fields count cells' corners where this
project counts centres, a shift of 1/256 in each coordinate.
"""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

import torch
import yaml
from torch import Tensor

from mnif_core.errors import CheckpointError
from mnif_core.files.stored_config import Between, Depth, Pixels, Positive, Width, checked
from mnif_core.files.tensor_file import built, require_sound, unallocated
from mnif_core.generative_field import GenerativeField
from mnif_core.latents.fitter import LatentFitter
from mnif_core.latents.inner_loop import FittingConfig
from mnif_core.networks.mixture import MixtureConfig, MixtureSiren
from mnif_core.presets import DIMENSIONS
from mnif_core.prior.latent_prior import LatentPrior, PriorConfig
from mnif_core.signals.images import ImageSignal
from mnif_core.signals.kinds import SIGNALS
from mnif_core.signals.protocol import Signal
from mnif_core.signals.scenes import SceneSignal
from mnif_core.signals.voxels import VoxelSignal

ANEW = "copy it anew from the authors' run"
BATCH = 32  # instances, by which the authors' inner gradients are divided
SRN_FOCAL = 131.25 / 128  # focal length in heights of the picture
SCHEDULES = {"squaredcos_cap_v2": "squared-cosine", "linear": "linear"}
BLOCK = {"norm1": "block1.0", "linear1": "block1.2", "norm2": "block2.0", "linear2": "block2.3", "time": "blockt.1"}
REST = {"time": "block_time.0", "input": "block_input", "norm": "block_output.0", "output": "block_output.2"}


def import_official(folder: Path, epoch: int | None = None, w0: float | None = None) -> GenerativeField:
    """A field from a tree `stage1/{metainits,contexts}` and, if there, `stage2/{ckpt/*.ckpt,config.yaml}`.

    Args:
        folder: holds `stage1`, or is a stage-1 folder itself; then the field has no prior.
        epoch: of stage 1. None: the last.
        w0: frequency scale. None: the one in `config.yaml`.

    Raises:
        CheckpointError: a file is missing, not plain tensors, or holds other tensors than expected.
    """
    folder = Path(folder)
    stage1 = folder / "stage1" if (folder / "stage1").is_dir() else folder
    stage2 = folder / "stage2"
    weights_file = _epoch_file(stage1 / "metainits", epoch)
    number = weights_file.stem.removeprefix("epoch")
    contexts_file = stage1 / "contexts" / f"context-epoch{number}.pth"
    config = _read_config(stage2 / "config.yaml") if stage2.is_dir() else {}
    if w0 is None:
        w0 = _setting(stage2 / "config.yaml", config, "stage2.hparams_metainr.w0", Positive) if config else None
    if w0 is None:
        raise CheckpointError(f"{weights_file}: does not hold w0; pass --w0, 30 but for the small ShapeNet model's 50")
    weights, contexts = _tensors(weights_file, _load(weights_file)), _load(contexts_file)
    if not isinstance(contexts, Tensor) or contexts.ndim != 2 or contexts.dtype != torch.float32:
        raise CheckpointError(f"{contexts_file}: not a table of latents [n, h]; pass the run's own contexts")
    require_sound({"contexts": contexts}, str(contexts_file), ANEW)
    mixture = _mixture(weights_file, weights, float(w0), contexts.shape[1])
    prior = _prior(stage2, config, contexts) if config else None
    signal = _signal(mixture.config, stage2 / "config.yaml", config)
    names = _numbered(len(contexts))
    return GenerativeField(mixture, contexts, signal, prior, names, _fitter(weights_file, weights, mixture.config))


def is_numbered(names: Sequence[str]) -> bool:
    """Whether training instances are numbered in the data's order, as those of an imported field are."""
    return list(names) == _numbered(len(names))


def _numbered(count: int) -> list[str]:
    return [f"instance_{index:06d}" for index in range(count)]


def _epoch_file(folder: Path, epoch: int | None) -> Path:
    found = {
        int(match[1]): path for path in folder.glob("epoch*.pth") if (match := re.match(r"epoch(\d+)$", path.stem))
    }
    if not found:
        raise CheckpointError(f"{folder}: no epoch<N>.pth here; pass the folder that holds stage1/metainits")
    if epoch is not None and epoch not in found:
        raise CheckpointError(f"{folder}: no epoch{epoch}.pth; choose one of {', '.join(map(str, sorted(found)))}")
    return found[max(found) if epoch is None else epoch]


def _load(path: Path) -> Any:
    if not path.is_file():
        raise CheckpointError(f"{path}: missing; copy it from the authors' run")
    try:
        return torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # torch raises pickle, zip and runtime errors alike
        raise CheckpointError(f"{path}: not a whole file of plain tensors; copy it anew") from error


def _read_config(path: Path) -> dict[str, Any]:
    try:
        config = yaml.safe_load(path.read_text())
    except FileNotFoundError as error:
        raise CheckpointError(f"{path}: missing; copy it from the authors' run") from error
    except (OSError, yaml.YAMLError, ValueError, RecursionError) as error:  # ValueError: bytes or numbers of no kind
        raise CheckpointError(f"{path}: not YAML; copy it anew") from error
    if not isinstance(config, dict):
        raise CheckpointError(f"{path}: holds no settings; copy it anew")
    return config


def _tensors(path: Path, loaded: Any) -> dict[str, Tensor]:
    """What of a file's dictionary is a tensor.

    Raises:
        CheckpointError: it holds no dictionary.
    """
    if not isinstance(loaded, dict):
        raise CheckpointError(f"{path}: holds a {type(loaded).__name__}, not weights by name; {ANEW}")
    return {name: value for name, value in loaded.items() if isinstance(name, str) and isinstance(value, Tensor)}


def _setting(path: Path, config: dict[str, Any], name: str, hint: Any) -> Any:
    value: Any = config
    for key in name.split("."):
        if not isinstance(value, dict) or key not in value:
            raise CheckpointError(f"{path}: has no {name}; pass the config.yaml that lies beside the checkpoint")
        value = value[key]
    return checked(value, hint, f"{path}: {name}")


def _take(path: Path, weights: dict[str, Tensor], key: str) -> Tensor:
    if key not in weights:
        raise CheckpointError(f"{path}: has no {key}; only mixtures with a latent projection can be imported")
    require_sound({key: weights[key]}, str(path), ANEW)
    return weights[key]


def _mixture(path: Path, weights: dict[str, Tensor], w0: float, latent_dim: int) -> MixtureSiren:
    layers = len([key for key in weights if re.match(r"model_param\.net\.\d+\.0\.weight$", key)])
    first = _take(path, weights, "model_param.net.0.0.weight")
    last = _take(path, weights, f"model_param.net.{layers - 1}.0.weight")
    if first.ndim != 3 or last.ndim != 3 or layers < 2:
        raise CheckpointError(f"{path}: bases of shape {list(first.shape)}, not [m, o, i]; {ANEW}")
    bases, width, in_dim = first.shape
    out_dim = last.shape[1]
    modality = next((kind for kind, dimensions in DIMENSIONS.items() if dimensions == (in_dim, out_dim)), None)
    if modality is None:
        raise CheckpointError(f"{path}: maps {in_dim} coordinates to {out_dim} values, which is no known modality")
    output = SIGNALS[modality].output_activation
    config = MixtureConfig(in_dim, out_dim, layers - 2, width, bases, latent_dim, "latent", w0, output)
    state = {}
    for index in range(layers):
        state[f"basis_weights.{index}"] = _take(path, weights, f"model_param.net.{index}.0.weight")
        state[f"basis_biases.{index}"] = _take(path, weights, f"model_param.net.{index}.0.bias")
    for kind in ("weight", "bias"):
        rows = _take(path, weights, f"latent_to_mixture.{kind}")
        if rows.ndim < 1 or len(rows) != bases * layers:
            shape = list(rows.shape)
            raise CheckpointError(f"{path}: latent_to_mixture.{kind} of shape {shape}, not {bases} x {layers}; {ANEW}")
        state[f"projection.{kind}"] = rows.unflatten(0, (bases, layers)).transpose(0, 1).flatten(0, 1)
    return built(lambda: MixtureSiren(config), state, "", str(path))


def _fitter(path: Path, weights: dict[str, Tensor], config: MixtureConfig) -> LatentFitter | None:
    """The learned inner rates per instance. None: scenes, and runs without learned rates."""
    rates = weights.get("meta_sgd_lrs.meta_sgd_lrs")
    if rates is None:
        return None
    require_sound({"meta_sgd_lrs": rates}, str(path), ANEW)
    state = {"rates.log_rates": (rates.clamp(1e-12, 1.0) / BATCH).log()}
    return built(lambda: LatentFitter(FittingConfig(), config.latent_dim), state, "", str(path))


def _signal(mixture: MixtureConfig, path: Path, config: dict[str, Any]) -> Signal:
    modality = next(name for name, shape in DIMENSIONS.items() if shape == (mixture.in_dim, mixture.out_dim))
    if modality == "voxel":
        return VoxelSignal()
    side = (
        _setting(path, config, "dataset.image_resolution", Pixels) if config else (64 if modality == "image" else 128)
    )
    if modality == "image":
        return ImageSignal(side, side, mixture.out_dim)
    near, far, samples = 0.8, 1.8, 31
    if config:
        near, far = (_setting(path, config, f"dataset.hparams_nerf.{name}", Positive) for name in ("near", "far"))
        samples = _setting(path, config, "dataset.hparams_nerf.num_samples_per_ray", Annotated[int, Between(1, 4095)])
    return SceneSignal(near, far, samples_per_ray=samples + 1, height=side, width=side, focal=SRN_FOCAL * side)


def _prior(stage2: Path, config: dict[str, Any], contexts: Tensor) -> LatentPrior:
    path = stage2 / "config.yaml"
    found = sorted((stage2 / "ckpt").glob("*.ckpt"))
    if not found:
        raise CheckpointError(f"{stage2 / 'ckpt'}: no .ckpt here; copy it from the authors' run, or pass stage1 alone")
    checkpoint = _load(found[-1])
    if not isinstance(checkpoint, dict) or "state_dict" not in checkpoint:
        raise CheckpointError(f"{found[-1]}: has no state_dict; pass the checkpoint that Lightning wrote")
    weights = _tensors(found[-1], checkpoint["state_dict"])
    schedule = _setting(path, config, "stage2.hparams_diffusion.noise_schedule", Literal[tuple(SCHEDULES)])
    predicts_x0 = _setting(path, config, "stage2.hparams_diffusion.predict_xstart", bool)
    settings = PriorConfig(
        contexts.shape[1],
        width=_setting(path, config, "stage2.hparams_model.num_hid_channels", Width),
        blocks=_setting(path, config, "stage2.hparams_model.num_layers", Depth),
        schedule=SCHEDULES[schedule],  # type: ignore[arg-type]
        prediction="x0" if predicts_x0 else "epsilon",
        steps=_setting(path, config, "stage2.hparams_diffusion.steps", Annotated[int, Between(1, 100_000)]),
    )
    state = {"mean": contexts.mean(0), "std": contexts.std(0)}
    state["updates"] = weights.get("model_ema.num_updates", torch.tensor(1))
    for ours in unallocated(lambda: LatentPrior(settings), str(path)).denoiser.state_dict():
        theirs = _official(ours)
        state[f"denoiser.{ours}"] = _take(found[-1], weights, f"model.{theirs}")
        averaged = f"model_ema.{theirs.replace('.', '')}"
        known = averaged if averaged in weights else f"model.{theirs}"
        state[f"averaged.{ours}"] = _take(found[-1], weights, known).clone()
    prior = built(lambda: LatentPrior(settings), state, "", str(found[-1]))
    prior.fit_statistics(contexts)
    prior.std.mul_(_setting(path, config, "stage2.feat_std_scale", Positive))
    return prior


def _official(name: str) -> str:
    """The authors' name of one of the denoiser's parameters."""
    parts = name.split(".")
    if parts[0] == "blocks":
        return ".".join(["blocks", parts[1], BLOCK[parts[2]], parts[3]])
    return f"{REST[parts[0]]}.{parts[1]}"
