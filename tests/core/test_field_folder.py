"""A saved field's folder in which one thing is wrong: the one line that says what."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

from mnif_core.errors import CheckpointError
from mnif_core.generative_field import GenerativeField
from tests.small_field import small_field

NAN = float("nan")


def setting(*keys: Any, value: Any) -> Callable[[Path], None]:
    """Write `value` where `keys` lead to in config.json."""

    def change(folder: Path) -> None:
        path = folder / "config.json"
        config = place = json.loads(path.read_text())
        for key in keys[:-1]:
            place = place[key]
        place[keys[-1]] = value
        path.write_text(json.dumps(config))

    return change


def tensor(file: str, name: str, change: Callable[[torch.Tensor], torch.Tensor]) -> Callable[[Path], None]:
    def changed(folder: Path) -> None:
        tensors = load_file(folder / file)
        save_file(tensors | {name: change(tensors[name]).contiguous()}, folder / file)

    return changed


def deeply_nested(folder: Path) -> None:
    (folder / "config.json").write_text('{"a":' + "[" * 50_000 + "]" * 50_000 + "}")


CASES: list[tuple[Callable[[Path], None], str]] = [
    (setting("modulation", "width", value=10**9), "modulation.width is 1000000000, not a whole number"),
    (
        setting("modulation", "width", value=4096),
        r"floats \[4, 16\], not floats \[4, 4096\]",
    ),
    (
        setting("modulation", "num_bases", value=1 << 20),
        r"floats \[4, 16\], not floats \[1048576, 16\]",
    ),
    (setting("modulation", "hidden_layers", value=1000), "is nothing, not floats"),
    (setting("modulation", "w0", value=NAN), "modulation.w0 is nan, not a number"),
    (setting("modulation", "in_dim", value=3), "a field of 3 coordinates and 3 values is no image"),
    (setting("modulation", "kind", value=["mixture"]), r"modulation.kind is \['mixture'\], not one of mixture, functa"),
    (setting("modulation", value="mixture"), "modulation is 'mixture', not an object"),
    (setting("signal", "kind", value=None), "signal.kind is None, not one of image, voxel, scene"),
    (setting("signal", "height", value=10**9), "signal.height is 1000000000"),
    (setting("signal", "background", value="no colour"), "background no colour: no colour"),
    (setting("prior", "steps", value=10**9), "prior.steps is 1000000000"),
    (setting("prior", "width", value=33), "denoiser width 33 is not a multiple of 16"),
    (setting("prior", "latent_dim", value=7), "latents of 6 and 7 dimensions"),
    (setting("fitting", "strategy", value="guessing"), "'guessing', not one of meta-learning"),
    (setting("names", value=["a"]), "5 latents, but 1 names"),
    (setting("names", value=[1, 2, 3, 4, 5]), "names that are not text"),
    (setting("names", value=None), "names is None, not a list"),
    (deeply_nested, "nested too deeply"),
    (tensor("model.safetensors", "modulation.basis_biases.0", lambda t: t * NAN), "numbers from nan to nan"),
    (tensor("model.safetensors", "prior.updates", lambda t: t - 9), "numbers from -9 to -9"),
    (tensor("model.safetensors", "modulation.basis_weights.0", lambda t: t.mT), "not fit"),
    (tensor("latents.safetensors", "latents", lambda t: t / 0), "damaged"),
    (tensor("latents.safetensors", "latents", lambda t: t.int().abs()), "no table of latents of 6 dimensions"),
    (tensor("latents.safetensors", "latents", lambda t: t.T), "no table of latents of 6 dimensions"),
    (tensor("latents.safetensors", "latents", lambda t: t[:3]), "3 latents, but 5 names"),
]


@pytest.mark.parametrize(("damage", "message"), CASES)
def test_what_is_wrong_is_one_line(damage: Callable[[Path], None], message: str, tmp_path: Path) -> None:
    folder = small_field("image").save(tmp_path / "field")
    damage(folder)
    with pytest.raises(CheckpointError, match=message) as caught:
        GenerativeField.load(folder)
    said = str(caught.value)
    assert said.startswith(str(folder)) and "; " in said and said.isprintable()


def test_half_precision_is_read_as_single(tmp_path: Path) -> None:
    folder = small_field("image").save(tmp_path / "field")
    for file in ("model.safetensors", "latents.safetensors"):
        tensors = load_file(folder / file)
        save_file({name: t.half() if t.is_floating_point() else t for name, t in tensors.items()}, folder / file)
    assert GenerativeField.load(folder).decode(torch.zeros(1, 6)).dtype == torch.float32
