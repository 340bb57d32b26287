"""Whatever road pictures come by, one reader has them: folders, arrays, data set objects, views, runs and their kin."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from mnif_core import GenerativeField, ImageTrainer
from mnif_core.data.image_files import load_images
from mnif_core.data.posed_views import read_posed_views
from mnif_core.errors import CheckpointError, ConfigError, DataError
from mnif_core.files.notes import collected_notes
from mnif_core.unseen.reconstruction import load_observations
from tests.core.data.made_pictures import COLOUR, clear, colour, pages, png, profile, saved
from tests.srn_fixture import write_srn

WHITE, BLACK, GREY = (255,) * 3, (0,) * 3, (128,) * 3


def write(folder: Path, **contents: bytes) -> Path:
    """Files `a_png=...` as `a.png`."""
    for name, content in contents.items():
        path = folder / name.replace("__", "/").replace("_", ".")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    return folder


def test_a_folder_says_a_line_a_file_and_how_many(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    turned = pages("GIF"), saved(colour(), "PNG", icc_profile=b"none", exif=b"Exif\0\0none")
    write(tmp_path, a_png=saved(colour(), "PNG"), b_gif=turned[0], deep__c_png=turned[1])
    images = load_images(tmp_path, 3)
    said = capsys.readouterr()
    notes = said.err.splitlines()
    assert images.names == ["a.png", "b.gif", "deep/c.png"] and (images.images == torch.tensor(COLOUR)).all()
    assert [line.partition(": ")[0] for line in notes] == [str(tmp_path / "b.gif"), str(tmp_path / "deep/c.png")]
    assert notes[1].count(str(tmp_path)) == 1 and "profile left out" in notes[1] and "EXIF is damaged" in notes[1]
    assert "2 of 3 images are not read as they are" in said.out


def test_what_archives_leave_is_passed_over(tmp_path: Path) -> None:
    write(tmp_path, a_PNG=saved(colour(), "PNG"), Thumbs_db=b"-")
    write(tmp_path / "__MACOSX", b_png=b"-")
    write(tmp_path / ".hidden", c_png=b"-")
    (tmp_path / "._a.png").write_bytes(b"-")
    assert load_images(tmp_path, 3).names == ["a.PNG"]


@pytest.mark.parametrize(
    ("suffix", "message"),
    [
        (".heic", r"HEIC; save it as \.jpg or \.png.*--skip-bad"),
        (".cr2", r"no images here, but 2 \.cr2; put .*\.png"),
    ],
)
def test_a_folder_of_other_kinds_says_what_was_found(suffix: str, message: str, tmp_path: Path) -> None:
    for name in "ab":
        (tmp_path / f"{name}{suffix}").write_bytes(b"\0\0\0\x18ftypheic" + bytes(99))
    with pytest.raises(DataError, match=message):
        load_images(tmp_path, 3)


SHAPE = (2, 3, 4, 3)
ARRAYS: dict[str, tuple[Any, Any]] = {
    "uint8": (np.full(SHAPE, 128, np.uint8), GREY),
    "grey": (np.full(SHAPE[:3], 128, np.uint8), GREY),
    "bool": (np.ones(SHAPE, bool), WHITE),
    "uint16": (np.full(SHAPE, 32896, np.uint16), GREY),
    "uint16, big end first": (np.full(SHAPE, 32896, ">u2"), GREY),
    "uint16 of bytes": (np.full(SHAPE, 128, np.uint16), "uint16 up to 128, nearly black of 65535; save uint8"),
    "half floats": (np.full(SHAPE, 0.5, np.float16), GREY),
    "double floats": (np.full(SHAPE, 0.5), GREY),
    "floats to 255": (np.full(SHAPE, 128.0), r"floats outside \[0, 1\]; scale them"),
    "floats around 0": (np.full(SHAPE, -0.5), r"floats outside \[0, 1\]"),
    "channels first": (np.full((2, 3, 5, 4), 128, np.uint8), GREY),
    "one channel, first": (np.full((2, 1, 5, 4), 128, np.uint8), GREY),
    "RGBA": (np.full((2, 5, 4, 4), 128, np.uint8), "lay RGBA over a background, then save"),
    "whole numbers": (np.full(SHAPE, 128), "type int64 is neither uint8 nor float"),
    "complex": (np.full(SHAPE, 0.5 + 0j), "type complex128 is neither"),
    "one image": (np.zeros((3, 4), np.uint8), r"shape \(3, 4\) is not \[n, height"),
    "none": (np.zeros((0, 3, 4, 3), np.float32), "a.npy: holds no images"),
    "no pixels": (np.zeros((2, 0, 4, 3), np.uint8), r"shape \(2, 0, 4, 3\) is not"),
}
ITEMS: dict[str, tuple[Any, Any]] = {
    "image": (colour(), COLOUR),
    "image and label": ((colour("P", "white"), 7), WHITE),
    "clear image": (clear(), BLACK),
    "16 bits": (Image.fromarray(np.full((3, 4), 32896, np.uint16)), GREY),
    "floats to 255": (Image.new("F", (4, 3), 128.0), "item 0: floats from 128 to 128; scale them"),
    "32 bits": (Image.new("I", (4, 3), 128), "item 0: whole numbers of 32 bits"),
    "tensor": (torch.full((3, 3, 4), 128, dtype=torch.uint8), GREY),
    "grey tensor": (torch.full((1, 3, 4), 0.5), GREY),
    "tensor without channels": (torch.full((3, 4), 0.5), GREY),
    "short floats": (torch.full((3, 3, 4), 0.5, dtype=torch.bfloat16), GREY),
    "clear tensor": (torch.zeros(4, 3, 4), BLACK),
    "array": (np.full((3, 4, 3), 128, np.uint8), GREY),
    "normalised tensor": (torch.full((3, 3, 4), -1.0), r"item 0: floats outside \[0, 1\]"),
    "two channels": (torch.zeros(2, 3, 4), r"item 0 of the data set has shape .*must be 1, 3 or 4"),
    "words": ("a cat", "item 0 of the data set is a str"),
    "nothing": ((), "item 0 of the data set is a tuple"),
}


def check(load: Any, expected: Any) -> None:
    with collected_notes():
        if isinstance(expected, str):
            with pytest.raises(DataError, match=expected) as raised:
                load()
            assert "\n" not in str(raised.value)
        else:
            assert (load().images == torch.tensor(expected)).all()


@pytest.mark.parametrize("name", ARRAYS)
def test_arrays_of_any_kind(name: str, tmp_path: Path) -> None:
    array, expected = ARRAYS[name]
    np.save(tmp_path / "a.npy", array)
    check(lambda: load_images(tmp_path / "a.npy", 3), expected)


def test_any_damaged_array_file_is_one_line(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    for suffix, save in ((".npy", np.save), (".NPZ", np.savez_compressed)):
        with (tmp_path / f"whole{suffix}").open("wb") as file:
            save(file, np.full(SHAPE, 128, np.uint8))
        whole, path = (tmp_path / f"whole{suffix}").read_bytes(), tmp_path / f"a{suffix}"
        assert len(load_images(tmp_path / f"whole{suffix}", 3).names) == 2
        for _ in range(200):
            content = bytearray(whole)
            for place in rng.integers(0, len(whole), 3):
                content[place] = rng.integers(256)
            path.write_bytes(content)
            try:
                with collected_notes():
                    load_images(path, 3)
            except DataError as error:
                assert str(error).startswith(f"{path}: ") and "\n" not in str(error)


@pytest.mark.parametrize("name", ITEMS)
def test_items_of_any_kind(name: str) -> None:
    item, expected = ITEMS[name]
    check(lambda: load_images([item], 3, background="black"), expected)


def test_a_damaged_item_is_named(tmp_path: Path) -> None:
    write(tmp_path, a_png=saved(Image.effect_noise((64, 64), 90), "PNG")[:2000])
    with pytest.raises(DataError, match="item 0: truncated or damaged picture"):
        load_images([Image.open(tmp_path / "a.png")], 3)


@pytest.mark.parametrize(("background", "expected"), [("white", WHITE), ("black", BLACK)])
def test_a_run_keeps_its_background(background: str, expected: tuple[int, ...], tmp_path: Path) -> None:
    for i in range(8):
        write(tmp_path / "data", **{f"{i}_png": saved(clear(), "PNG")})
    settings: dict[str, Any] = {"fit_length": 1, "prior_length": 1, "resolution": 3, "device": "cpu"}
    run = ImageTrainer(tmp_path / "data", output_dir=tmp_path / "run", background=background, **settings)
    assert (run.train.images == torch.tensor(expected)).all()  # type: ignore[attr-defined]
    run.fit()
    field = GenerativeField.load(tmp_path / "run" / "field")
    unseen: Any = load_observations(field, tmp_path / "data", skip_bad=False)
    assert (unseen.images == torch.tensor(expected)).all() and unseen.subset([0]).signal.background == background
    with pytest.raises(CheckpointError, match=r"background"):
        ImageTrainer(tmp_path / "data", output_dir=tmp_path / "run", background="red", resume=True, **settings)


def test_a_background_that_is_no_colour_is_refused_before_reading(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="background mauvish: no colour"):
        ImageTrainer(tmp_path, output_dir=tmp_path / "run", background="mauvish", device="cpu")


VIEWS: dict[str, tuple[bytes, tuple[int, ...]]] = {
    "clear": (saved(clear().resize((16, 16)), "PNG"), WHITE),
    "16 bits": (png(np.full((16, 16), 32896, np.uint16)), GREY),
    "linear": (saved(Image.new("RGB", (16, 16), GREY), "PNG", icc_profile=profile(b"RGB ", 1)), (188,) * 3),
    "palette": (saved(colour("P", "white").resize((16, 16)), "PNG"), WHITE),
}


@pytest.mark.parametrize("name", VIEWS)
def test_views_are_read_by_the_same_reader(name: str, tmp_path: Path) -> None:
    content, expected = VIEWS[name]
    scene = write_srn(tmp_path, scenes=1, views=4) / "cars_train" / "scene_0"
    (scene / "rgb" / "000002.png").write_bytes(content)
    np.testing.assert_allclose(read_posed_views(scene).pictures[2], np.broadcast_to(expected, (16, 16, 3)), atol=1)


def test_views_stand_upright_and_keep_one_size(tmp_path: Path) -> None:
    scene = write_srn(tmp_path, scenes=1, views=4, size=16, width=12) / "cars_train" / "scene_0"
    before = read_posed_views(scene).pictures
    exif = Image.Exif()
    exif[0x0112] = 6
    lying = Image.open(scene / "rgb" / "000000.png").transpose(Image.Transpose.ROTATE_90)
    lying.save(scene / "rgb" / "000000.png", exif=exif.tobytes())
    assert lying.size == (16, 12) and (read_posed_views(scene).pictures == before).all()
    lying.save(scene / "rgb" / "000000.png")
    with pytest.raises(DataError, match=r"000000\.png: 16 x 12 pixels among views of 12 x 16"):
        read_posed_views(scene)
