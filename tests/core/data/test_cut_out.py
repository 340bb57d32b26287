"""Objects cut out of pictures: by transparency or before one colour, wherever they are in the picture."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from mnif_core.data.cut_out import cut_out, unposed_pictures
from mnif_core.errors import DataError
from mnif_core.files.notes import collected_notes

SIDE = 32


def rgba(left: int = 30, top: int = 20, width: int = 40, height: int = 24) -> np.ndarray:
    """A picture of 120 x 90 pixels: a box of two colours before nothing."""
    picture = np.zeros((90, 120, 4), dtype=np.uint8)
    picture[top : top + height, left : left + width] = (200, 40, 20, 255)
    picture[top : top + height // 2, left : left + width // 2] = (10, 60, 180, 255)
    return picture


def save(path: Path, picture: np.ndarray, background: tuple[int, int, int] | None = None) -> Path:
    image = Image.fromarray(picture)
    if background is not None:
        image = Image.alpha_composite(Image.new("RGBA", image.size, background), image).convert("RGB")
    image.save(path)
    return path


def test_transparent_and_plain_backgrounds_leave_the_same(tmp_path: Path) -> None:
    clear = cut_out(save(tmp_path / "clear.png", rgba()), SIDE)
    for number, colour in enumerate([(255, 255, 255), (0, 0, 0), (90, 130, 90)]):
        plain = cut_out(save(tmp_path / f"plain_{number}.png", rgba(), colour), SIDE)
        np.testing.assert_array_equal(plain.picture, clear.picture)
        np.testing.assert_array_equal(plain.share, clear.share)
    assert clear.name == "clear" and clear.size == (120, 90)
    assert (clear.picture[0] == 255).all() and (clear.share[0] == 0).all()
    black = cut_out(tmp_path / "clear.png", SIDE, (0.0, 0.0, 0.0))
    assert (black.picture[0] == 0).all()


def test_the_object_is_in_the_middle_and_is_told_where_it_was(tmp_path: Path) -> None:
    found = cut_out(save(tmp_path / "a.png", rgba()), SIDE)
    assert found.scale == pytest.approx(SIDE * 0.8 / 40)
    middle = (found.corner[0] + SIDE / 2 / found.scale, found.corner[1] + SIDE / 2 / found.scale)
    assert middle == pytest.approx((50.0, 32.0))
    rows, columns = (np.flatnonzero((found.share > 0.5).any(axis)) for axis in (1, 0))
    for filled in (rows, columns):
        assert (filled[0] + filled[-1] + 1) / 2 == pytest.approx(SIDE / 2, abs=0.5)
    with collected_notes() as notes:
        moved = cut_out(save(tmp_path / "b.png", rgba(left=80, top=66)), SIDE)
    np.testing.assert_array_equal(moved.picture, found.picture)
    assert len(notes) == 1 and "reaches the picture's edge" in notes[0]


def test_dirt_is_left_out_and_near_parts_stay(tmp_path: Path) -> None:
    picture = rgba()
    picture[80:82, 5:8] = (0, 0, 0, 255)  # dirt
    picture[45:52, 30:70] = (0, 0, 0, 255)  # behind a gap of a pixel
    found = cut_out(save(tmp_path / "a.png", picture), SIDE)
    assert found.corner[1] + SIDE / 2 / found.scale == pytest.approx((20 + 52) / 2)


def two_objects() -> np.ndarray:
    picture = rgba(left=5)
    picture[50:80, 90:115] = (0, 90, 0, 255)
    return picture


@pytest.mark.parametrize(
    ("picture", "background", "message"),
    [
        (np.zeros((40, 40, 4), dtype=np.uint8), None, "no object before a background"),
        (np.full((40, 40, 4), 255, dtype=np.uint8), None, "no object before a background"),
        (two_objects(), None, "2 objects apart; pass a picture of one"),
        (two_objects(), (255, 255, 255), "2 objects apart"),
    ],
)
def test_bad_pictures_are_one_line(
    tmp_path: Path, picture: np.ndarray, background: tuple[int, int, int] | None, message: str
) -> None:
    path = save(tmp_path / "bad.png", picture, background)
    with pytest.raises(DataError, match=message) as raised:
        cut_out(path, SIDE)
    assert str(raised.value).startswith(f"{path}: ")


def test_a_background_of_many_colours_is_refused(tmp_path: Path) -> None:
    noise = np.random.default_rng(0).integers(0, 255, (40, 40, 3), dtype=np.uint8)
    Image.fromarray(noise).save(tmp_path / "noise.png")
    with pytest.raises(DataError, match="neither transparent nor of one colour; cut the object out"):
        cut_out(tmp_path / "noise.png", SIDE)


def test_pictures_with_cameras_are_not_unposed(tmp_path: Path) -> None:
    one, other = save(tmp_path / "b.png", rgba()), save(tmp_path / "a.png", rgba())
    assert unposed_pictures(tmp_path) == [other, one]
    assert unposed_pictures(one) == [one]
    assert unposed_pictures(tmp_path / "nothing") == []
    (tmp_path / "transforms.json").write_text("{}")
    assert unposed_pictures(tmp_path) == [] == unposed_pictures(tmp_path / "transforms.json")
