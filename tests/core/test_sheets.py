"""Sheets of instances: one picture each, in order, of the size that is asked for; solids come with their meshes."""

from pathlib import Path

import numpy as np
import pytest
import torch
import trimesh
from PIL import Image

from mnif_core.commands.sheets import write_instances
from mnif_core.data.image_files import load_images
from mnif_core.data.voxel_files import load_voxels
from mnif_core.errors import OutputError
from mnif_core.sheets import TILE, arrange, beside, save_png, tiles
from mnif_core.signals.solid_pictures import mesh_picture
from tests.small_field import small_field

CELL = TILE + 2  # a picture and the line beside it
KINDS = ["image", "voxel", "scene"]


def flat(value: float, size: int = TILE) -> torch.Tensor:
    return torch.full((size, size, 3), value)


@pytest.mark.parametrize("kind", KINDS)
def test_every_instance_has_its_own_picture(kind: str) -> None:
    field = small_field(kind)
    pictures = tiles(field, field.latents)
    assert pictures.shape[0] == 5 and pictures.shape[-1] == 3
    assert float(pictures.min()) >= 0.0 and float(pictures.max()) <= 1.0
    apart = (tiles(field, field.latents[3:4]) - pictures).abs().mean((1, 2, 3))
    assert int(apart.argmin()) == 3 and float(apart[3]) < 1e-3 < float(apart[[0, 1, 2, 4]].min())


@pytest.mark.parametrize("kind", ["image", "scene"])
def test_pictures_have_the_resolution_asked_for(kind: str) -> None:
    field = small_field(kind)
    assert tiles(field, field.latents[:2]).shape == (2, 8, 8, 3)
    assert tiles(field, field.latents[:2], 20).shape == (2, 20, 20, 3)


def test_rows_are_filled_in_order_and_small_pictures_enlarged() -> None:
    sheet = arrange([flat(0.1, 32), flat(0.2, 32), flat(0.3, 32)], columns=2)
    assert sheet.shape == (2 * CELL, 2 * CELL, 3)
    for row, column, value in ((0, 0, 0.1), (0, 1, 0.2), (1, 0, 0.3), (1, 1, 1.0)):  # the last is blank
        place = sheet[row * CELL : row * CELL + TILE, column * CELL : column * CELL + TILE]
        torch.testing.assert_close(place, torch.full_like(place, value))


def test_marked_pictures_have_a_green_frame() -> None:
    sheet = arrange([flat(0.5), flat(0.5)], columns=2, marked=[1])
    torch.testing.assert_close(sheet[:TILE, :TILE], flat(0.5))
    edge, middle = sheet[0, CELL], sheet[TILE // 2, CELL + TILE // 2]
    assert edge[1] > edge[0] and edge[1] > edge[2]
    torch.testing.assert_close(middle, torch.full((3,), 0.5))


def test_pairs_stand_side_by_side() -> None:
    left, right = torch.stack([flat(0.0), flat(0.2)]), torch.stack([flat(0.1), flat(0.3)])
    values = [float(picture[0, 0, 0]) for picture in beside(left, right)]
    assert values == pytest.approx([0.0, 0.1, 0.2, 0.3])
    with pytest.raises(ValueError):
        beside(left, right[:1])


def test_a_saved_picture_is_read_back(tmp_path: Path) -> None:
    picture = torch.rand(5, 7, 3, generator=torch.Generator().manual_seed(0)) * 1.4 - 0.2
    with Image.open(save_png(picture, tmp_path / "deep/sheet.png")) as image:
        found = np.asarray(image)
    assert found.shape == (5, 7, 3)
    assert np.abs(found / 255.0 - picture.clamp(0, 1).numpy()).max() <= 0.5 / 255 + 1e-6


def test_a_place_that_cannot_be_written_to_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match="cannot be written"):
        save_png(flat(0.5), tmp_path / "file/sheet.png")


def test_solids_come_with_a_mesh_each(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    field, path = small_field("voxel"), tmp_path / "samples.png"
    write_instances(field, field.latents[:3], path, columns=2)
    assert f"3 meshes in {tmp_path / 'samples'}" in capsys.readouterr().out
    meshes = [trimesh.load_mesh(mesh) for mesh in sorted((tmp_path / "samples").iterdir())]
    assert len(meshes) == 3
    with Image.open(path) as sheet:
        shown = torch.from_numpy(np.asarray(sheet).copy()).float() / 255
    torch.testing.assert_close(shown[:TILE, CELL : CELL + TILE], mesh_picture(meshes[1]), atol=2 / 255, rtol=0)


@pytest.mark.parametrize("kind", ["image", "scene"])
def test_others_are_a_sheet_alone(kind: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    field = small_field(kind)
    write_instances(field, field.latents, tmp_path / "samples.png", columns=4, resolution=16)
    assert capsys.readouterr().out == f"5 pictures on {tmp_path / 'samples.png'}\n"
    with Image.open(tmp_path / "samples.png") as sheet:
        assert sheet.size == (4 * CELL, 2 * CELL)
    assert [path.name for path in tmp_path.iterdir()] == ["samples.png"]


def test_nothing_is_a_white_picture_and_something_is_not() -> None:
    assert torch.equal(mesh_picture(trimesh.Trimesh()), torch.ones(TILE, TILE, 3))
    box = mesh_picture(trimesh.creation.box((1.0, 1.0, 1.0)))
    assert torch.equal(box[0, 0], torch.ones(3)) and float(box[TILE // 2, TILE // 2].max()) < 0.95


def test_the_data_s_own_pictures_are_those_that_were_brought(tmp_path: Path) -> None:
    pixels = np.random.default_rng(0).integers(0, 255, (3, 8, 8, 3), dtype=np.uint8)
    np.save(tmp_path / "pictures.npy", pixels)
    shown = load_images(tmp_path / "pictures.npy", 8).pictures(torch.tensor([2, 0]))
    assert shown is not None
    np.testing.assert_allclose(shown.numpy(), pixels[[2, 0]] / 255.0, atol=1e-6)


def test_the_data_s_own_solids_are_drawn_where_whole_grids_are_known(tmp_path: Path) -> None:
    grids = np.zeros((2, 12, 12, 12), dtype=bool)
    grids[1, 3:9, 3:9, 3:9] = True
    np.save(tmp_path / "solids.npy", grids)
    observations = load_voxels(tmp_path / "solids.npy", 12)
    shown = observations.pictures(torch.tensor([1]))
    assert shown is not None and shown.shape == (1, TILE, TILE, 3)
    assert 0.02 < float((shown[0] < 0.99).any(-1).float().mean()) < 0.5
    observations.bits = None
    assert observations.pictures(torch.tensor([1])) is None
