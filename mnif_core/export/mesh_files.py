"""Coloured meshes on disk: `.glb`, `.ply`, `.obj`."""

from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from mnif_core.files.atomic import whole_file
from mnif_core.meshes.srgb import to_linear

if TYPE_CHECKING:
    import trimesh

MESH_SUFFIXES = (".glb", ".ply", ".obj")
Up = Literal["y", "z"]
Z_TO_Y = np.array([[1, 0, 0, 0], [0, 0, 1, 0], [0, -1, 0, 0], [0, 0, 0, 1]], dtype=np.float64)
UNLIT = "KHR_materials_unlit"


def write_mesh(mesh: "trimesh.Trimesh", path: Path, up: Up = "z", lit: bool = False) -> None:
    """Write a mesh with vertex colours in the format of the path's suffix.

    `.ply` and `.obj` keep the data's axes. glTF has y up, so the node of a `.glb` turns data with z up, and viewers
    show it upright (those with z up, Blender among them, arrive at the data's axes again). Colours of glTF are linear,
    those of the others are as pictures have them (sRGB).

    Args:
        mesh: with a colour at every vertex.
        path: ends in one of `MESH_SUFFIXES`.
        up: axis of the data that points up.
        lit: whether a viewer's light is to fall on it; a scene's colours hold the light of its pictures already.

    Raises:
        OutputError: the place cannot be written to.
    """
    from trimesh.visual import ColorVisuals

    with whole_file(path) as scratch:
        if path.suffix.lower() != ".glb":
            mesh.export(scratch)
            return
        linear = mesh.copy()
        if isinstance(mesh.visual, ColorVisuals):
            linear.visual = ColorVisuals(linear, vertex_colors=_linear(mesh.visual.vertex_colors))
        scratch.write_bytes(matte_glb(linear, up, lit))


def matte_glb(mesh: "trimesh.Trimesh", up: Up, lit: bool) -> bytes:
    """Content of a `.glb` of one mesh, whose surface is matte and `lit` or not; see `write_mesh`.

    Without a material glTF's surfaces are bare metal, which is black where a viewer has nothing for it to reflect.
    """
    import trimesh
    from trimesh.exchange.gltf import export_glb

    def matte(tree: dict[str, Any]) -> None:
        (material,) = tree.setdefault("materials", [{}])
        material.setdefault("pbrMetallicRoughness", {}).update(metallicFactor=0.0, roughnessFactor=1.0)
        if not lit:
            tree["extensionsUsed"], material["extensions"] = [UNLIT], {UNLIT: {}}
        for part in tree["meshes"]:
            for primitive in part["primitives"]:
                primitive["material"] = 0

    scene = trimesh.Scene()
    scene.add_geometry(mesh, transform=Z_TO_Y if up == "z" else None)
    return export_glb(scene, include_normals=True, tree_postprocessor=matte)


def _linear(colors: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Linear RGBA `[n, 4]` of encoded; alpha is linear already."""
    linear = colors.copy()
    linear[:, :3] = (to_linear(colors[:, :3] / 255.0) * 255).round().astype(np.uint8)
    return linear
