"""Trained things: fields, checkpoints, fitted scenes, the authors' trees."""

import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
import torch
from safetensors.torch import load_file, save_file

from mnif_core.generative_field import GenerativeField
from mnif_core.latents.inner_loop import FittingConfig
from mnif_core.networks.functa import FunctaConfig
from mnif_core.networks.hypernetwork import HypernetworkConfig
from mnif_core.networks.mixture import MixtureConfig
from mnif_core.official import import_official
from mnif_core.preset_config import StageConfig
from mnif_core.presets import IMAGE_TINY, PRESETS
from mnif_core.prior.bootstrap import BootstrapPrior
from mnif_core.prior.latent_prior import PriorConfig
from mnif_core.signals.scenes import SceneSignal
from mnif_core.unseen.saved_scenes import SavedScene, read_scene, save_scene, saved_names
from tests.fuzz.containers import damage_safetensors, damage_state, damage_zip
from tests.fuzz.mutations import damage_bytes, damage_json, damage_text
from tests.fuzz.subject import Subject, require
from tests.golden_data import FOLDER as GOLDEN
from tests.small_field import small_field

SMALL: dict[str, dict[str, int]] = {"image": {"height": 5, "width": 6}, "voxel": {"resolution": 4}}
TINY = replace(
    IMAGE_TINY,
    modulation=MixtureConfig(2, 3, 1, 8, 4, 4),
    prior=PriorConfig(4, width=16, blocks=1),
    stage_1=StageConfig(3, "steps", batch_size=2),
    stage_2=StageConfig(3, "steps", batch_size=2),
    resolution=8,
    points=16,
    validation_share=0.2,
)
PRESET = {"meta-learning": TINY, "auto-decoding": replace(TINY, fitting=FittingConfig("auto-decoding", 2, 0.01))}


def _write_field(folder: Path, kind: str, modulation: Any = None) -> None:
    field = small_field(kind)
    if modulation is not None:
        field = GenerativeField(modulation.build(), field.latents, field.signal, field.prior, field.names)
    field.save(folder / "field")


def use_field(field: GenerativeField) -> None:
    """Decode, sample and render a field, in small."""
    latents = field.sample_latents(2, seed=0, steps=2) if field.prior is not None else field.latents[:2]
    if isinstance(field.signal, SceneSignal):
        camera = field.signal.orbit(2)[1]
        decoded = field.signal.render_view(field.instance(latents), camera, height=4, width=5).color
    else:
        decoded = field.decode(latents, **SMALL[field.signal.kind])
    require(bool(torch.isfinite(decoded).all()), "what a field decodes is not finite")
    require(len(field.names) in (0, len(field.latents)), "names and latents differ in number")


def _read_field(folder: Path) -> None:
    use_field(GenerativeField.load(folder / "field"))


def _field(kind: str, file: str, modulation: Any = None) -> Subject:
    name = f"field {kind if modulation is None else modulation.kind} {file}"
    damage = damage_json if file.endswith(".json") else damage_safetensors
    return Subject(name, lambda folder: _write_field(folder, kind, modulation), f"field/{file}", damage, _read_field)


def _write_labelled(folder: Path) -> None:
    field = small_field("image", 6)
    field.labels = ["hat", "shoe"] * 3
    field.prior = BootstrapPrior.fit(field.latents, labels=torch.tensor([0, 1] * 3), classes=2)
    field.save(folder / "field")


def _read_labelled(folder: Path) -> None:
    field = GenerativeField.load(folder / "field")
    for label in field.classes:
        require(bool(torch.isfinite(field.sample_latents(2, seed=0, label=label)).all()), "a label's samples are not")


def _labelled(file: str) -> Subject:
    damage = damage_json if file.endswith(".json") else damage_safetensors
    return Subject(f"labelled field {file}", _write_labelled, f"field/{file}", damage, _read_labelled)


def _write_first_version(folder: Path) -> None:
    """As fields were saved before there was more than one modulation."""
    small_field("scene").save(folder / "field")
    path, weights = folder / "field/config.json", folder / "field/model.safetensors"
    config = json.loads(path.read_text())
    mixture = config.pop("modulation")
    del mixture["kind"]
    path.write_text(json.dumps(config | {"version": 1, "mixture": mixture}))
    save_file({name.replace("modulation.", "mixture."): value for name, value in load_file(weights).items()}, weights)


def _write_fitted(folder: Path) -> None:
    small_field("scene").save(folder / "field")
    field = GenerativeField.load(folder / "field")
    latent = torch.ones(6)
    networks = field.instance(latent)
    own = SavedScene("own", latent, tuple(w[0][None] for w in networks.weights), networks.biases)
    save_scene(folder / "field", own, field.latents)


def _read_fitted(folder: Path) -> None:
    field = GenerativeField.load(folder / "field")
    for name in saved_names(folder / "field"):
        scene = read_scene(folder / "field", name, field.latents)
        values = scene.networks(field.modulation)(torch.rand(1, 9, 3))
        require(bool(torch.isfinite(values).all()), "what a fitted scene shows is not finite")


@contextmanager
def _trainer(folder: Path, strategy: str, resume: bool) -> Iterator[Any]:
    from mnif_core.training.images import ImageTrainer  # imports much, which no other subject needs

    with mock.patch.dict(PRESETS, {"fuzz": PRESET[strategy]}):
        yield ImageTrainer(
            folder / "images.npy", "fuzz", folder / "run", device="cpu", checkpoint_every=1, resume=resume
        )


def _write_checkpoint(folder: Path, strategy: str, stage_name: str) -> None:
    """A run that was stopped before the last step of a stage."""
    from mnif_core.training.field_stage import FieldStage
    from mnif_core.training.prior_stage import PriorStage

    stage: Any = {kind.name: kind for kind in (FieldStage, PriorStage)}[stage_name]
    images = np.random.default_rng(0).integers(0, 255, (8, 8, 8, 3), dtype=np.uint8)
    np.save(folder / "images.npy", images)
    whole = stage.step

    def stopped(self: Any, number: int) -> Any:
        if number == 2:
            raise KeyboardInterrupt
        return whole(self, number)

    with _trainer(folder, strategy, resume=False) as trainer, mock.patch.object(stage, "step", stopped):
        try:
            trainer.fit()
        except KeyboardInterrupt:
            return
    raise AssertionError("the run was not stopped")


def _resume(folder: Path, strategy: str) -> None:
    with (
        _trainer(folder, strategy, resume=True) as trainer,
        mock.patch("mnif_core.training.trainer.SummaryWriter", mock.MagicMock()),
        mock.patch("mnif_core.training.trainer.write_report"),
    ):
        use_field(trainer.fit())


def _checkpoint(strategy: str, stage: str) -> Subject:
    return Subject(
        f"checkpoint {strategy} {stage}",
        lambda folder: _write_checkpoint(folder, strategy, stage),
        "run/checkpoint.safetensors",
        damage_state,
        lambda folder: _resume(folder, strategy),
    )


def _copy_tree(folder: Path, name: str) -> None:
    shutil.copytree(GOLDEN / "g_checkpoints" / name, folder, dirs_exist_ok=True)
    next((folder / "stage2/ckpt").iterdir()).rename(folder / "stage2/ckpt/last.ckpt")


def _official(name: str, file: str) -> Subject:
    damage = damage_text if file.endswith(".yaml") else damage_zip(damage_bytes)
    return Subject(
        f"official {name} {file.rpartition('/')[2]}",
        lambda folder: _copy_tree(folder, name),
        file,
        damage,
        lambda folder: use_field(import_official(folder)),
    )


def _write_nerfstudio(folder: Path) -> None:
    """What nerfstudio's trainer keeps of a small model and its optimiser."""
    model = small_field("scene").modulation
    optimizer = torch.optim.Adam(model.parameters(), 1e-3)
    model.instance(torch.ones(1, 6))(torch.rand(1, 5, 3)).sum().backward()
    optimizer.step()
    state = {
        "step": 7,
        "pipeline": {f"_model.field.{name}": value for name, value in model.state_dict().items()},
        "optimizers": {"bases": optimizer.state_dict()},
        "schedulers": {},
        "scalers": {},
    }
    torch.save(state, folder / "step-000000007.ckpt")


def _read_nerfstudio(folder: Path) -> None:
    from mnif_nerfstudio.checkpoint_file import check_checkpoint

    check_checkpoint(folder / "step-000000007.ckpt")


SUBJECTS = [
    _field("image", "config.json"),
    _field("voxel", "config.json"),
    _field("scene", "config.json"),
    _field("image", "config.json", FunctaConfig(2, 3, 1, 8, 6)),
    _field("image", "config.json", HypernetworkConfig(2, 3, 1, 8, 6, 8, 2)),
    _field("image", "model.safetensors"),
    _field("image", "latents.safetensors"),
    _field("scene", "model.safetensors", HypernetworkConfig(3, 4, 1, 8, 6, 8, 2)),
    _labelled("config.json"),
    _labelled("model.safetensors"),
    Subject("field version 1", _write_first_version, "field/config.json", damage_json, _read_field),
    Subject("fitted scene", _write_fitted, "field/fitted/own.safetensors", damage_state, _read_fitted),
    _checkpoint("meta-learning", "stage 1"),
    _checkpoint("auto-decoding", "stage 1"),
    _checkpoint("meta-learning", "stage 2"),
    Subject(
        "nerfstudio checkpoint",
        _write_nerfstudio,
        "step-000000007.ckpt",
        damage_zip(damage_bytes),
        _read_nerfstudio,
    ),
    _official("celebahq", "stage1/metainits/epoch7.pth"),
    _official("shapenet", "stage1/contexts/context-epoch7.pth"),
    _official("srncars", "stage2/ckpt/last.ckpt"),
    _official("srncars", "stage2/config.yaml"),
]
