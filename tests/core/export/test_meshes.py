"""Meshes of known fields: shape, colours, axes, and what is left out of them."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
import trimesh

from mnif_core.errors import ConfigError, OutputError
from mnif_core.export.instance_files import export_instance
from mnif_core.export.solid import Solid, solid_of
from mnif_core.export.surface import surface
from mnif_core.generative_field import GenerativeField
from mnif_core.rendering.cameras import pixel_directions
from mnif_core.signals.images import ImageSignal
from mnif_core.signals.scenes import SceneSignal
from tests.core.export.known_fields import CENTRE, WAVE, blob, inside


@pytest.fixture(scope="module")
def scene() -> GenerativeField:
    return blob("scene")


def load(path: Path) -> trimesh.Trimesh:
    return trimesh.load_mesh(path, skip_materials=True)  # with one, trimesh keeps a .glb's colours aside


@pytest.mark.parametrize("suffix", [".glb", ".ply", ".obj"])
@pytest.mark.parametrize("kind", ["scene", "voxel"])
def test_mesh_is_watertight_and_where_the_field_says(kind: str, suffix: str, tmp_path: Path) -> None:
    path = export_instance(blob(kind), torch.ones(1), tmp_path / f"blob{suffix}", resolution=64)
    mesh = load(path)
    assert mesh.is_watertight and mesh.is_winding_consistent and mesh.body_count == 1
    vertices = np.asarray(mesh.vertices)
    if suffix == ".glb":  # glTF has y up
        vertices = np.stack([vertices[:, 0], -vertices[:, 2], vertices[:, 1]], axis=1)
    middle = (vertices.min(0) + vertices.max(0)) / 2
    np.testing.assert_allclose(middle, CENTRE, atol=0.01)
    grid = torch.rand(200_000, 3, generator=torch.Generator().manual_seed(0)) - 0.5
    assert mesh.volume == pytest.approx(inside(grid).float().mean().item(), rel=0.15)
    assert [p.name for p in tmp_path.iterdir()] == [path.name]


def colours(mesh: trimesh.Trimesh) -> np.ndarray:
    """RGB of each vertex, in bytes `[u, 3]`."""
    visual = mesh.visual
    assert isinstance(visual, trimesh.visual.ColorVisuals)
    return np.asarray(visual.vertex_colors)[:, :3]


@pytest.mark.parametrize("suffix", [".ply", ".obj"])
def test_colours_are_the_fields_own(scene: GenerativeField, suffix: str, tmp_path: Path) -> None:
    mesh = load(export_instance(scene, torch.ones(1), tmp_path / f"blob{suffix}", resolution=64))
    expected = 0.5 + 0.4 * np.sin(WAVE * np.asarray(mesh.vertices))
    assert np.abs(colours(mesh) / 255 - expected).mean() < 0.05


def test_gltf_colours_are_linear(scene: GenerativeField, tmp_path: Path) -> None:
    glb = load(export_instance(scene, torch.ones(1), tmp_path / "blob.glb", resolution=32))
    vertices = np.asarray(glb.vertices)
    srgb = 0.5 + 0.4 * np.sin(WAVE * np.stack([vertices[:, 0], -vertices[:, 2], vertices[:, 1]], axis=1))
    expected = ((srgb + 0.055) / 1.055) ** 2.4
    assert np.abs(colours(glb) / 255 - expected).mean() < 0.05


@pytest.mark.parametrize("kind", ["scene", "voxel"])
def test_gltf_surfaces_are_matte_and_those_of_scenes_need_no_light(kind: str, tmp_path: Path) -> None:
    path = export_instance(blob(kind), torch.ones(1), tmp_path / "blob.glb", resolution=16)
    content = path.read_bytes()
    tree = json.loads(content[20 : 20 + int.from_bytes(content[12:16], "little")])
    (material,) = tree["materials"]
    assert material["pbrMetallicRoughness"] == {"metallicFactor": 0.0, "roughnessFactor": 1.0}
    assert [primitive["material"] for mesh in tree["meshes"] for primitive in mesh["primitives"]] == [0]
    unlit = kind == "scene"
    assert ("KHR_materials_unlit" in material.get("extensions", {})) == unlit
    assert tree.get("extensionsUsed", []) == (["KHR_materials_unlit"] if unlit else [])


def test_data_with_y_up_stays_as_it_is(scene: GenerativeField, tmp_path: Path) -> None:
    mesh = load(export_instance(scene, torch.ones(1), tmp_path / "blob.glb", resolution=32, up="y"))
    np.testing.assert_allclose(mesh.bounds.mean(0), CENTRE, atol=0.02)


def test_mask_of_the_mesh_is_the_fields_own(scene: GenerativeField, tmp_path: Path) -> None:
    mesh = load(export_instance(scene, torch.ones(1), tmp_path / "blob.ply", resolution=64))
    rows = torch.arange(32)
    pixels = torch.stack(torch.meshgrid(rows, rows, indexing="ij"), -1).view(-1, 2)
    overlaps = []
    signal = SceneSignal.of(scene.signal)
    for camera in signal.orbit(8, elevation=10.0):
        alpha = signal.render_view(scene.instance(torch.ones(1)), camera).accumulation[0].flatten().numpy()
        directions = pixel_directions(pixels, signal.intrinsics, camera).numpy()
        origins = np.broadcast_to(camera[:, 3].numpy(), directions.shape)
        hit = mesh.ray.intersects_any(origins, directions)
        overlaps.append((hit & (alpha > 0.5)).sum() / (hit | (alpha > 0.5)).sum())
    assert min(overlaps) > 0.9


def test_a_solid_that_touches_its_cube_is_closed() -> None:
    assert surface(Solid(np.ones((8, 8, 8), np.float32), 0.5, 0.5)).volume == pytest.approx(1.0, rel=0.1)


def test_floating_pieces_and_cavities_are_left_out() -> None:
    occupancy = np.zeros((24, 24, 24), np.float32)
    occupancy[4:20, 4:20, 4:20] = 0.9
    occupancy[10:12, 10:12, 10:12] = 0.1  # a cavity
    occupancy[22, 22, 22] = 1.0  # floats
    raw, cleaned = Solid(occupancy, 0.5, 0.5), Solid(occupancy, 0.5, 0.5).cleaned()
    assert surface(raw).body_count == 3
    mesh = surface(cleaned)
    assert mesh.body_count == 1 and mesh.is_watertight
    assert mesh.volume == pytest.approx((16 / 24) ** 3, rel=0.1)


def test_nothing_solid_and_wrong_modality_are_one_line(tmp_path: Path) -> None:
    for kind in ("scene", "voxel"):
        with pytest.raises(ConfigError, match="nothing of this instance is solid"):
            export_instance(blob(kind, threshold=4.0), torch.ones(1), tmp_path / "none.glb", resolution=16)
    scene = blob("scene")
    with pytest.raises(ConfigError, match="choose 2 or more"):
        export_instance(scene, torch.ones(1), tmp_path / "none.glb", resolution=1)
    with pytest.raises(ConfigError, match="cannot write '.stp'; end it in .glb"):
        export_instance(scene, torch.ones(1), tmp_path / "none.stp")
    with pytest.raises(ConfigError, match="images has nothing solid"):
        solid_of(ImageSignal(8, 8), scene.instance(torch.ones(1)))
    assert list(tmp_path.iterdir()) == []


def test_unwritable_place_is_one_line(scene: GenerativeField, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match="cannot be written") as caught:
        export_instance(scene, torch.ones(1), tmp_path / "file" / "blob.glb", resolution=8)
    assert "\n" not in str(caught.value)
    (tmp_path / "folder.glb").mkdir()
    with pytest.raises(OutputError, match="folder.glb"):
        export_instance(scene, torch.ones(1), tmp_path / "folder.glb", resolution=8)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["file", "folder.glb"]
