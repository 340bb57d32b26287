"""What rays see of meshes with textures, materials and vertex colours, and from where."""

from pathlib import Path

import numpy as np
import pytest
import torch
import trimesh
from numpy.typing import NDArray
from PIL import Image
from trimesh.visual import ColorVisuals, TextureVisuals
from trimesh.visual.material import PBRMaterial

from mnif_core.data.instances import read_instance
from mnif_core.data.srn_writer import sample_poses, write_instance
from mnif_core.errors import DataError
from mnif_core.meshes.raycast import render_views
from mnif_core.meshes.textured_mesh import read_textured_mesh
from mnif_core.rendering.cameras import look_at_origin_opencv, pixel_directions

FACES = np.array([[255, 0, 0], [0, 255, 255], [0, 255, 0], [255, 0, 255], [0, 0, 255], [255, 255, 0]])  # +x -x +y ...


def painted_cube() -> trimesh.Trimesh:
    """A cube of side 3, off the origin, each side of one colour."""
    cube = trimesh.creation.box((3, 3, 3))
    axis = np.abs(cube.face_normals).argmax(1)
    below = cube.face_normals[np.arange(12), axis] < 0
    cube.visual = ColorVisuals(cube, face_colors=FACES[2 * axis + below])
    return cube.apply_translation((5, 6, 7))


def hue(picture: NDArray[np.uint8]) -> NDArray[np.float64]:
    """Colours with the shading divided out."""
    return picture / np.maximum(picture.max(-1, keepdims=True), 1)


def expected_sides(directions: NDArray[np.float64], origin: NDArray[np.float64]) -> NDArray[np.int64]:
    """Which side of a cube of unit diagonal each ray meets, -1 for none."""
    half = 0.5 / np.sqrt(3)
    near, far = np.sort(np.stack([(-half - origin) / directions, (half - origin) / directions]), axis=0)
    axis, enters = near.argmax(1), near.max(1)
    side = 2 * axis + (directions[np.arange(len(axis)), axis] > 0)
    return np.where(enters < far.min(1), side, -1)


def test_a_cube_is_seen_where_the_cameras_say(tmp_path: Path) -> None:
    painted_cube().export(tmp_path / "cube.ply")
    mesh = read_textured_mesh(tmp_path / "cube.ply", "z")
    write_instance(tmp_path / "cube", mesh, sample_poses(np.random.default_rng(0), 8, -80.0), 48)
    instance = read_instance(tmp_path / "cube")
    rows = torch.arange(48)
    pixels = torch.stack(torch.meshgrid(rows, rows, indexing="ij"), -1).view(-1, 2)
    intrinsics = torch.from_numpy(instance.intrinsics[0])
    assert instance.intrinsics[0, 0] == pytest.approx(131.25 * 48 / 128)
    met = set()
    for file, camera in zip(instance.image_filenames, instance.camera_to_worlds, strict=True):
        assert np.linalg.norm(camera[:, 3]) == pytest.approx(1.3)
        directions = pixel_directions(pixels, intrinsics, torch.from_numpy(camera)).numpy()
        sides = expected_sides(directions, camera[:, 3])
        picture = np.asarray(Image.open(file)).reshape(-1, 3)
        colours = np.where(sides[:, None] < 0, 255, FACES[sides])
        grid = sides.reshape(48, 48)
        inner = np.zeros((48, 48), bool)  # pixels whose neighbours meet the same side: edges are smoothed
        inner[1:-1, 1:-1] = True
        for shift in ((0, 1), (1, 0), (0, -1), (-1, 0), (1, 1), (-1, -1), (1, -1), (-1, 1)):
            inner &= np.roll(grid, shift, (0, 1)) == grid
        plain = inner.ravel()
        assert plain.sum() > 1000
        np.testing.assert_allclose(hue(picture[plain]), hue(colours[plain]), atol=0.02)
        met |= set(sides.tolist())
    assert met == {-1, 0, 1, 2, 3, 4, 5}


def test_y_up_is_turned_to_z_up(tmp_path: Path) -> None:
    painted_cube().export(tmp_path / "cube.ply")
    from_above = look_at_origin_opencv(0.0, np.pi / 2 - 1e-3)[None]
    for up, colour in (("z", FACES[4]), ("y", FACES[2])):
        picture = render_views(read_textured_mesh(tmp_path / "cube.ply", up), from_above, 16)[0]  # type: ignore[arg-type]
        np.testing.assert_allclose(hue(picture[8, 8]), colour / 255, atol=0.02)


def front(path: Path, size: int = 32) -> NDArray[np.float64]:
    """Hue of a plate in the x-z plane, seen from -y: x to the right, z up."""
    return hue(render_views(read_textured_mesh(path, "z"), look_at_origin_opencv(-np.pi / 2, 0.0)[None], size)[0])


def plate() -> trimesh.Trimesh:
    corners = np.array([[-1, 0, -1], [1, 0, -1], [1, 0, 1], [-1, 0, 1]], dtype=float)
    return trimesh.Trimesh(corners, [[0, 1, 2], [0, 2, 3]], process=False)


PICTURE = np.array([[[255, 0, 0], [0, 255, 0]], [[0, 0, 255], [255, 255, 0]]], np.uint8).repeat(8, 0).repeat(8, 1)
QUARTERS = [(10, 10, (1, 0, 0)), (10, 21, (0, 1, 0)), (21, 10, (0, 0, 1)), (21, 21, (1, 1, 0))]


def write_obj(folder: Path, material: str) -> Path:
    """The plate with a picture or a colour, as Wavefront files."""
    Image.fromarray(PICTURE).save(folder / "picture.png")
    (folder / "plate.mtl").write_text(f"newmtl one\n{material}\n")
    corners = "\n".join(f"v {x} {y} {z}" for x, y, z in plate().vertices)
    (folder / "plate.obj").write_text(
        f"mtllib plate.mtl\n{corners}\nvt 0 0\nvt 1 0\nvt 1 1\nvt 0 1\nusemtl one\nf 1/1 2/2 3/3\nf 1/1 3/3 4/4\n"
    )
    return folder / "plate.obj"


def test_textures_of_wavefront_and_gltf(tmp_path: Path) -> None:
    files = [write_obj(tmp_path, "Kd 0 0 0\nmap_Kd picture.png")]
    uv = np.array([[0, 0], [1, 0], [1, 1], [0, 1]], dtype=float)
    mesh = plate()
    mesh.visual = TextureVisuals(uv, PBRMaterial(baseColorTexture=Image.fromarray(PICTURE)))
    mesh.export(tmp_path / "plate.glb")
    files.append(tmp_path / "plate.glb")
    for file in files:
        picture = front(file)
        for row, column, colour in QUARTERS:
            np.testing.assert_allclose(picture[row, column], colour, atol=0.02, err_msg=f"{file.name} {row} {column}")


def test_materials_and_vertex_colours(tmp_path: Path) -> None:
    np.testing.assert_allclose(front(write_obj(tmp_path, "Kd 0.2 0.4 0.8"))[16, 16], (0.25, 0.5, 1), atol=0.02)
    (tmp_path / "picture.png").unlink()
    coloured = plate()
    coloured.visual = ColorVisuals(coloured, vertex_colors=[[255, 0, 0], [0, 0, 255], [0, 0, 255], [255, 0, 0]])
    coloured.export(tmp_path / "plate.ply")
    row = front(tmp_path / "plate.ply")[16]
    assert row[10, 0] > row[10, 2] and row[21, 2] > row[21, 0]
    plate().export(tmp_path / "plain.stl")
    np.testing.assert_allclose(front(tmp_path / "plain.stl")[16, 16], (1, 1, 1), atol=0.02)


def test_what_is_transparent_is_seen_through(tmp_path: Path) -> None:
    cut = np.dstack([PICTURE, np.full((16, 16), 255, np.uint8)])
    cut[:8, :8, 3] = 0
    mesh = plate()
    uv = np.array([[0, 0], [1, 0], [1, 1], [0, 1]], dtype=float)
    mesh.visual = TextureVisuals(uv, PBRMaterial(baseColorTexture=Image.fromarray(cut), alphaMode="MASK"))
    behind = plate().apply_translation((0, 0.1, 0))
    behind.visual = ColorVisuals(behind, face_colors=[255, 0, 255])
    trimesh.Scene([mesh, behind]).export(tmp_path / "two.glb")
    picture = front(tmp_path / "two.glb")
    np.testing.assert_allclose(picture[10, 10], (1, 0, 1), atol=0.02)
    np.testing.assert_allclose(picture[10, 21], (0, 1, 0), atol=0.02)


@pytest.mark.parametrize(
    ("name", "text", "reason"),
    [
        ("torn.ply", "ply\nformat ascii 1.0\nelement vertex 3\n", "not a readable mesh"),
        ("empty.obj", "v 0 0 0\n", "no"),
        ("point.obj", "v 1 1 1\nv 1 1 1\nv 1 1 1\nf 1 2 3\n", "no"),
        ("far.obj", "v 0 0 0\nv nan 0 0\nv 0 1 0\nf 1 2 3\n", "no"),
    ],
)
def test_bad_meshes_are_one_line(name: str, text: str, reason: str, tmp_path: Path) -> None:
    (tmp_path / name).write_text(text)
    with pytest.raises(DataError, match=reason) as caught:
        read_textured_mesh(tmp_path / name, "y")
    assert "\n" not in str(caught.value) and name in str(caught.value)
