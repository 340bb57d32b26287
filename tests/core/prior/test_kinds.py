"""Priors of all kinds in an artefact: they come back, diffusion's form is the one of before, damage is one line."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from mnif_core.errors import CheckpointError
from mnif_core.generative_field import GenerativeField
from mnif_core.prior.bootstrap import BootstrapPrior
from mnif_core.prior.gaussian_mixture import GaussianMixturePrior
from mnif_core.prior.kinds import PRIORS
from mnif_core.prior.latent_prior import LatentPrior, PriorConfig
from mnif_core.prior.local_bootstrap import LocalBootstrapPrior
from mnif_core.prior.protocol import Prior
from mnif_core.viewing.selection import Selection
from tests.small_field import small_field


def _diffusion(latents: Tensor) -> Prior:
    prior = LatentPrior(PriorConfig(latents.shape[1], width=32, blocks=1))
    prior.fit_statistics(latents)
    return prior


FITS: dict[str, Callable[[Tensor], Prior]] = {
    "diffusion": _diffusion,
    "gaussian-mixture": lambda latents: GaussianMixturePrior.fit(latents, 2),
    "bootstrap": BootstrapPrior.fit,
    "local-bootstrap": LocalBootstrapPrior.fit,
}


def field_with(kind: str) -> GenerativeField:
    field = small_field("image")
    field.prior = FITS[kind](field.latents)
    return field


def test_every_kind_is_tried_here() -> None:
    assert FITS.keys() == PRIORS.keys()


@pytest.mark.parametrize("kind", PRIORS)
def test_it_comes_back_and_samples_the_same(kind: str, tmp_path: Path) -> None:
    field = field_with(kind)
    loaded = GenerativeField.load(field.save(tmp_path / "field"))
    assert loaded.prior is not None and field.prior is not None
    assert loaded.prior.settings == field.prior.settings and loaded.prior.settings.kind == kind
    for sampler in ("dpm++", "ddim"):
        drawn = [each.sample_latents(3, seed=5, sampler=sampler, steps=3) for each in (field, loaded)]
        assert torch.equal(*drawn) and drawn[0].shape == (3, 6)


def test_diffusion_is_stored_as_before(tmp_path: Path) -> None:
    folder = field_with("diffusion").save(tmp_path / "field")
    stored = json.loads((folder / "config.json").read_text())["prior"]
    assert stored.keys() == {"latent_dim", "width", "blocks", "schedule", "prediction", "steps", "ema_decay"}


@pytest.mark.parametrize("kind", ["gaussian-mixture", "bootstrap", "local-bootstrap"])
@pytest.mark.parametrize(
    ("change", "match"),
    [
        ({"kind": "oracle"}, "not one of diffusion, gaussian-mixture, bootstrap"),
        ({"kind": ["bootstrap"]}, "not one of"),
        ({"latent_dim": 7}, "6 and 7 dimensions"),
        ({"components": 3, "instances": 9}, "unknown|do not fit"),
        ({"bandwidth": 2.0, "components": 0}, "bandwidth|unknown|components"),
    ],
)
def test_settings_that_do_not_fit_are_one_line(
    kind: str, change: dict[str, object], match: str, tmp_path: Path
) -> None:
    path = field_with(kind).save(tmp_path / "field") / "config.json"
    config = json.loads(path.read_text())
    config["prior"] |= change
    path.write_text(json.dumps(config))
    with pytest.raises(CheckpointError, match=match) as caught:
        GenerativeField.load(tmp_path / "field")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("kind", "name"),
    [("gaussian-mixture", "log_shares"), ("bootstrap", "latents"), ("local-bootstrap", "latents")],
)
def test_weights_that_do_not_fit_are_one_line(kind: str, name: str, tmp_path: Path) -> None:
    path = field_with(kind).save(tmp_path / "field") / "model.safetensors"
    weights = load_file(path)
    save_file({**weights, f"prior.{name}": weights[f"prior.{name}"][:-1].clone()}, path)
    with pytest.raises(CheckpointError, match="do not fit") as caught:
        GenerativeField.load(tmp_path / "field")
    assert "\n" not in str(caught.value)


def test_what_is_shown_says_what_it_was_drawn_from() -> None:
    shown = Selection("sample", seed=3)
    fields = {kind: field_with(kind) for kind in PRIORS}
    said = {kind: shown.describe(field.names, prior=field.prior) for kind, field in fields.items()}
    assert "DPM-Solver++ in 25 steps" in said["diffusion"]
    assert "bootstrap" in said["bootstrap"] and "steps" not in said["bootstrap"]
    assert "2 Gaussians" in said["gaussian-mixture"]
