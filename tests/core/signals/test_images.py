"""Images: every road in leads to the same squares, and bad input is named."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from beartype import beartype
from jaxtyping import Float, UInt8, jaxtyped
from PIL import Image
from torch import Tensor

from mnif_core.data.image_files import demo_photographs, load_images
from mnif_core.errors import DataError
from mnif_core.networks.mixture import MixtureConfig, MixtureSiren
from mnif_core.signals.images import ImageObservations, ImageSignal


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    rng = np.random.default_rng(0)
    for name, size in (("a.png", (20, 12)), ("b.jpg", (9, 30)), ("deep/c.webp", (16, 16)), ("d.bmp", (40, 40))):
        path = tmp_path / "images" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(rng.integers(0, 255, (*size, 3), dtype=np.uint8)).save(path)
    (tmp_path / "images" / "notes.txt").write_text("not an image")
    return tmp_path / "images"


def test_a_folder_of_any_formats_and_sizes(folder: Path) -> None:
    images = load_images(folder, 8)
    assert images.names == ["a.png", "b.jpg", "d.bmp", "deep/c.webp"]
    assert images.images.shape == (4, 8, 8, 3)


def test_the_crop_is_central(tmp_path: Path) -> None:
    picture = np.zeros((10, 30, 3), dtype=np.uint8)
    picture[:, 10:20] = 200
    for index in range(2):
        Image.fromarray(picture).save(tmp_path / f"{index}.png")
    assert (load_images(tmp_path, 10).images == 200).all()


@pytest.mark.parametrize("suffix", ["npy", "npz"])
@pytest.mark.parametrize("kind", ["uint8", "float", "grey"])
def test_arrays(tmp_path: Path, suffix: str, kind: str) -> None:
    array: Any = np.random.default_rng(0).integers(0, 255, (5, 8, 8, 3), dtype=np.uint8)
    path = tmp_path / f"set.{suffix}"
    stored = {"uint8": array, "float": (array / 255).astype(np.float32), "grey": array[..., 0]}[kind]
    np.save(path, stored) if suffix == "npy" else np.savez(path, images=stored, label=np.zeros(5))
    expected = np.repeat(array[..., :1], 3, -1) if kind == "grey" else array
    assert torch.equal(load_images(path, 8).images, torch.from_numpy(expected))


def test_data_set_objects() -> None:
    array = np.random.default_rng(0).integers(0, 255, (3, 8, 8, 3), dtype=np.uint8)
    pairs = [(Image.fromarray(image), 7) for image in array]
    as_tensors = [torch.from_numpy(image).permute(2, 0, 1).float() / 255 for image in array]
    assert torch.equal(load_images(pairs, 8).images, torch.from_numpy(array))
    assert torch.equal(load_images(as_tensors, 8).images, torch.from_numpy(array))


def test_bundled_photographs() -> None:
    photographs = demo_photographs()
    assert photographs.shape == (876, 64, 64, 3)
    assert photographs.std((1, 2, 3)).min() > 5
    assert load_images(None, 32).images.shape == (876, 32, 32, 3)


def make_bad(folder: Path) -> None:
    (folder / "b.jpg").write_bytes((folder / "b.jpg").read_bytes()[:100])


def test_an_unreadable_image_is_named_or_skipped(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    make_bad(folder)
    with pytest.raises(DataError, match=r"b\.jpg: (not a readable|truncated or damaged) picture.*--skip-bad"):
        load_images(folder, 8)
    assert load_images(folder, 8, skip_bad=True).names == ["a.png", "d.bmp", "deep/c.webp"]
    assert "1 of 4 images are unreadable and left out" in capsys.readouterr().out


def pickled(path: Path) -> None:
    np.savez(path, images=np.array([{"a": 1}], dtype=object))


BAD: dict[str, Any] = {
    "no such file": lambda path: None,
    "no images here": lambda path: path.mkdir(),
    "not \\[n, height": lambda path: np.savez(path, images=np.zeros((3, 8, 8, 4), np.uint8)),
    "neither uint8 nor float": lambda path: np.savez(path, images=np.zeros((3, 8, 8, 3), np.int64)),
    "floats outside": lambda path: np.savez(path, images=np.full((3, 8, 8, 3), 7.0)),
    "floats outside ": lambda path: np.savez(path, images=np.full((3, 8, 8, 3), np.nan)),
    "pickled objects": pickled,
    "name the array to use": lambda path: np.savez(path, a=np.zeros(1), b=np.zeros(1)),
    "not a whole array file": lambda path: path.write_bytes(b"PK\x03\x04 cut short"),
}


@pytest.mark.parametrize("message", BAD)
def test_bad_input_is_one_line_with_its_path(tmp_path: Path, message: str) -> None:
    path = tmp_path / "set.npz"
    BAD[message](path)
    with pytest.raises(DataError, match=message.strip()) as raised:
        load_images(path, 8)
    assert str(path) in str(raised.value) and "\n" not in str(raised.value)


def observations() -> ImageObservations:
    torch.manual_seed(0)
    return ImageObservations(torch.randint(256, (3, 4, 5, 3), dtype=torch.uint8), ["a", "b", "c"])


def test_coordinates_run_row_by_row_with_ends() -> None:
    grid = ImageSignal(3, 2).grid()
    assert grid.tolist() == [[-1, -1], [-1, 1], [0, -1], [0, 1], [1, -1], [1, 1]]


def test_chosen_points_are_those_of_the_whole() -> None:
    images, index = observations(), torch.tensor([2, 0])
    chosen = torch.tensor([[0, 7, 19], [3, 3, 1]])
    coordinates, targets = images.observe(index)
    some_coordinates, some_targets = images.observe(index, chosen)
    for row in range(2):
        assert torch.equal(some_coordinates[row], coordinates[row, chosen[row]])
        assert torch.equal(some_targets[row], targets[row, chosen[row]])
    assert torch.equal(targets[0].view(4, 5, 3), images.images[2].float() / 127.5 - 1)


def test_score_is_psnr() -> None:
    targets = torch.zeros(2, 10, 3)
    values = torch.stack([torch.full((10, 3), 0.2), torch.full((10, 3), 2.0)])
    torch.testing.assert_close(ImageSignal().score(values, targets), torch.tensor([20.0, 0.0]), atol=1e-4, rtol=0)


@jaxtyped(typechecker=beartype)
def decoded(signal: ImageSignal, mixture: MixtureSiren, latents: Float[Tensor, "s h"]) -> Float[Tensor, "s 6 9 3"]:
    return signal.decode(mixture.instance(latents), 6, 9, points_per_chunk=10)


@jaxtyped(typechecker=beartype)
def pixels(images: ImageObservations) -> UInt8[Tensor, "n r c 3"]:
    return images.images


def test_any_resolution_in_chunks() -> None:
    mixture = MixtureSiren(MixtureConfig(2, 3, 1, 8, 4, 5, output_activation="sine"))
    latents = torch.randn(2, 5)
    signal = ImageSignal(3, 3)
    pictures = decoded(signal, mixture, latents)
    whole = mixture.instance(latents)(signal.grid(6, 9).expand(2, -1, -1))
    torch.testing.assert_close(pictures.flatten(1, 2), (whole * 0.5 + 0.5).clamp(0, 1))
    assert pixels(observations()).shape[0] == 3
