"""Textures of known fields, through files: the right colours at the right places, in trimesh and in our own reader."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import trimesh
from numpy.typing import NDArray

from mnif_core.cli import main
from mnif_core.errors import ConfigError, OutputError
from mnif_core.export.atlas import texels, unwrap, with_margins
from mnif_core.export.instance_files import export_instance
from mnif_core.export.reduction import reduced
from mnif_core.meshes.parts import Texture
from mnif_core.meshes.textured_mesh import read_textured_mesh
from tests.core.export.known_fields import WAVE, blob, random_field

TO_DATA = np.array([[1.0, 0.0, 0.0], [0.0, 0.0, 1.0], [0.0, -1.0, 0.0]])  # rows (x, y, z) of glTF, which has y up
FACES, SIZE = 400, 128


@pytest.fixture(scope="module", params=["blob.glb", "blob of two words.obj"])
def path(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("textured")
    return export_instance(
        blob("scene"), torch.ones(1), folder / request.param, resolution=48, faces=FACES, texture=SIZE
    )


def known(points: NDArray[np.floating]) -> NDArray[np.floating]:
    """Colours of the field at points `[..., 3]` of the data's frame."""
    return 0.5 + 0.4 * np.sin(WAVE * points)


def on_faces(corners: NDArray[np.floating]) -> NDArray[np.floating]:
    """Values `[t, 3, k]` of corners, at one place within each triangle `[t, k]`."""
    return corners.transpose(0, 2, 1) @ np.array([0.5, 0.3, 0.2])


def test_trimesh_shows_the_fields_colours(path: Path) -> None:
    mesh: Any = trimesh.load_mesh(path)
    material = mesh.visual.material
    picture = material.image if path.suffix == ".obj" else material.baseColorTexture
    assert picture.size == (SIZE, SIZE)
    places = on_faces(mesh.visual.uv[mesh.faces]).astype(np.float32)
    linear = Texture(np.asarray(picture.convert("RGBA"))).look_up(places)[:, :3]
    points = on_faces(mesh.vertices[mesh.faces])
    points = points @ TO_DATA if path.suffix == ".glb" else points
    seen = np.where(linear <= 0.0031308, linear * 12.92, 1.055 * linear ** (1 / 2.4) - 0.055)
    # a ray sees a little of what is behind the surface
    assert np.abs(seen - known(points)).mean() < 0.03
    assert np.abs(seen - known(points)).max() < 0.12


def test_our_own_reader_draws_the_fields_colours_as_they_are(path: Path) -> None:
    glb = path.suffix == ".glb"
    read = read_textured_mesh(path, "y" if glb else "z")
    assert len(read.textures) == 1 and (read.texture == 0).all()
    assert read.lit.all() != glb  # glTF says that light does not shade it, which .mtl says to those who know
    mesh = trimesh.load_mesh(path)
    low, high = mesh.bounds @ TO_DATA if glb else mesh.bounds
    vertices = read.vertices * mesh.scale + (low + high) / 2
    triangle, share = np.arange(len(read.triangles)), np.array([[0.3, 0.2]], np.float32)
    paint = replace(read, lit=np.zeros_like(read.lit)).painter()
    seen = paint(triangle, share.repeat(len(triangle), 0), np.zeros((len(triangle), 3), np.float32))
    assert np.abs(seen - known(on_faces(vertices[read.triangles]))).mean() < 0.03


def test_the_surface_is_closed_and_has_the_faces_asked_for(path: Path) -> None:
    mesh: Any = trimesh.load_mesh(path, process=False)
    assert len(mesh.faces) == FACES
    mesh.merge_vertices(merge_tex=True, merge_norm=True)
    assert mesh.is_watertight and mesh.volume > 0


def test_cuts_do_not_show_in_light(path: Path) -> None:
    read = read_textured_mesh(path, "y" if path.suffix == ".glb" else "z")
    places, index = np.unique(read.vertices.round(6), axis=0, return_inverse=True)
    assert len(places) < len(read.vertices)
    whole = trimesh.Trimesh(places, index[read.triangles], process=False)
    assert whole.is_watertight
    assert (whole.vertex_normals[whole.faces] * read.normals).sum(-1).min() > 0.99


def test_files_stand_beside_each_other(path: Path) -> None:
    names = {other.name for other in path.parent.iterdir()}
    if path.suffix == ".glb":
        assert names == {"blob.glb"}
        return
    assert names == {path.name, "blob_of_two_words.mtl", "blob_of_two_words_texture.png"}
    library = (path.parent / "blob_of_two_words.mtl").read_text()
    assert "map_Kd blob_of_two_words_texture.png" in library and "illum 0" in library and "Kd 1.0" in library


def test_the_same_instance_gives_the_same_bytes(path: Path, tmp_path: Path) -> None:
    again = export_instance(
        blob("scene"), torch.ones(1), tmp_path / path.name, resolution=48, faces=FACES, texture=SIZE
    )
    for made in again.parent.iterdir():
        assert made.read_bytes() == (path.parent / made.name).read_bytes()


def test_texels_show_the_points_that_lie_there() -> None:
    mesh = trimesh.creation.icosphere(2)
    unwrapped = unwrap(mesh, 200)
    assert unwrapped.places.min() >= 0 and unwrapped.places.max() <= 1
    np.testing.assert_array_equal(unwrapped.origin[unwrapped.triangles], mesh.faces)
    halves = [texels(unwrapped, 200, rows) for rows in (range(90), range(90, 200))]
    index, triangle, share = (np.concatenate(parts) for parts in zip(*halves, strict=True))
    places = (unwrapped.places[unwrapped.triangles[triangle]] * share[..., None]).sum(1)
    centres = np.column_stack([index[:, 1] + 0.5, 200 - index[:, 0] - 0.5])
    np.testing.assert_allclose(places * 200, centres, atol=1e-2)
    first, second, third = unwrapped.places[unwrapped.triangles].transpose(1, 0, 2)
    one, other = (second - first).T, (third - first).T
    areas = np.abs(one[0] * other[1] - one[1] * other[0]) / 2 * 200**2
    assert len(index) == pytest.approx(areas.sum(), rel=0.03)  # no two triangles over one texel
    assert len(np.unique(index, axis=0)) == len(index)


def test_charts_keep_their_distance() -> None:
    mesh = trimesh.creation.icosphere(2)
    unwrapped = unwrap(mesh, 512)
    found = texels(unwrapped, 512, range(512))
    charts = trimesh.graph.connected_component_labels(
        trimesh.Trimesh(np.zeros((len(unwrapped.places), 3)), unwrapped.triangles, process=False).edges,
        node_count=len(unwrapped.places),
    )
    chart = np.full((512, 512), -1)
    chart[tuple(found.place.T)] = charts[unwrapped.triangles[found.triangle, 0]]
    for step in (1, 2):
        for near, far in ((chart[:, :-step], chart[:, step:]), (chart[:-step], chart[step:])):
            assert not ((near >= 0) & (far >= 0) & (near != far)).any()


def test_margins_are_as_the_nearest_of_the_surface() -> None:
    picture, shown = np.zeros((5, 9, 3), np.uint8), np.zeros((5, 9), bool)
    picture[2, 1], picture[2, 7] = (200, 0, 0), (0, 0, 90)
    shown[2, [1, 7]] = True
    filled = with_margins(picture, shown)
    assert (filled[:, :4] == (200, 0, 0)).all() and (filled[:, 5:] == (0, 0, 90)).all()


@pytest.mark.parametrize("faces", [1280, 300, 60])
def test_fewer_faces_stay_closed_and_near(faces: int) -> None:
    ball = trimesh.creation.icosphere(3)
    coarse = reduced(ball, faces)
    assert len(coarse.faces) == faces and coarse.is_watertight and coarse.is_winding_consistent
    assert coarse.volume == pytest.approx(ball.volume, rel=0.15)


def test_parts_without_thickness_do_not_remain() -> None:
    plate = trimesh.creation.box((1, 1, 1e-6)).subdivide().subdivide()
    ball = trimesh.creation.icosphere(3)
    ball.apply_translation([2, 0, 0])
    both: Any = trimesh.util.concatenate([plate, ball])
    coarse = reduced(both, 200)
    corners = np.sort(coarse.faces, axis=1)
    assert len(np.unique(corners, axis=0)) == len(corners) and coarse.is_watertight


def test_plain_meshes_are_reduced_too(tmp_path: Path) -> None:
    for name in ("a.ply", "a.glb", "a.obj"):
        mesh: Any = trimesh.load_mesh(
            export_instance(blob("voxel"), torch.ones(1), tmp_path / name, resolution=24, faces=100)
        )
        assert len(mesh.faces) == 100 and mesh.is_watertight


@pytest.mark.parametrize(
    ("kind", "name", "options", "message"),
    [
        ("scene", "a.glb", {"faces": 10**6}, "fewer than the 1,000,000 wanted; choose fewer, or a higher --resolution"),
        ("scene", "a.glb", {"faces": 1}, "1 faces are too few for this surface; choose more"),
        ("scene", "a.glb", {"faces": -3}, "too few"),
        ("scene", "a.onnx", {"faces": 100}, r"only meshes \(.glb, .ply, .obj\) are reduced; leave --faces out"),
        ("scene", "a.ply", {"faces": 100, "points": 9}, "leave --faces out"),
        ("scene", "a.ply", {"texture": 64}, r"textures go with .glb and .obj; end it so, or leave --texture out"),
        ("scene", "a.mp4", {"texture": 64}, "textures go with"),
        ("scene", "a.glb", {"texture": 8}, "texture of 8 texels a side is not painted; choose 16 to 8192"),
        ("scene", "a.glb", {"texture": 9000}, "choose 16 to 8192"),
        ("voxel", "a.glb", {"texture": 64}, "solids have no colours on a surface; leave --texture out"),
        ("image", "a.obj", {"texture": 64}, "images have no colours on a surface"),
    ],
)
def test_what_cannot_be_is_one_line(
    kind: str, name: str, options: dict[str, Any], message: str, tmp_path: Path
) -> None:
    field = random_field("image") if kind == "image" else blob(kind)
    with pytest.raises(ConfigError, match=message) as caught:
        export_instance(field, field.latents[0], tmp_path / name, resolution=16, **options)
    assert "\n" not in str(caught.value)
    assert list(tmp_path.iterdir()) == []


def test_a_folder_in_the_way_of_a_picture_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "a_texture.png").mkdir()
    with pytest.raises(OutputError, match=r"a_texture.png: is a folder"):
        export_instance(blob("scene"), torch.ones(1), tmp_path / "a.obj", resolution=16, texture=16)
    assert [other.name for other in tmp_path.iterdir()] == ["a_texture.png"]


def test_by_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    blob("scene").save(tmp_path / "field")
    arguments = ["export", str(tmp_path / "field"), str(tmp_path / "car.glb"), "--instance", "train:0"]
    arguments += ["--resolution", "24", "--texture", "32"]
    assert main([*arguments, "--faces", "100"]) == 0
    mesh: Any = trimesh.load_mesh(tmp_path / "car.glb")
    assert len(mesh.faces) == 100 and mesh.visual.material.baseColorTexture.size == (32, 32)
    capsys.readouterr()
    assert main([*arguments, "--faces", "9999999"]) == 1
    error = capsys.readouterr().err
    assert "fewer than the 9,999,999 wanted" in error and error.count("\n") == 1
