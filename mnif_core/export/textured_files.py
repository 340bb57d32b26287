"""Textured meshes on disk: `.glb`, and `.obj` with its material and its picture."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from mnif_core.export.mesh_files import Up, matte_glb
from mnif_core.files.atomic import whole_files

if TYPE_CHECKING:
    import trimesh
    from PIL.Image import Image
    from trimesh.visual.material import Material

TEXTURED_SUFFIXES = (".glb", ".obj")


def write_textured(mesh: "trimesh.Trimesh", path: Path, up: Up = "z") -> None:
    """Write a mesh with the picture that lies on it in the format of the path's suffix, axes as `write_mesh`.

    The field's colours hold the light that its pictures were taken in, so that the material asks for none (glTF's
    `KHR_materials_unlit`, Wavefront's `illum 0`); programs that do not know of it show a matte surface.

    Args:
        mesh: as `textured_mesh` gives it; the picture is in sRGB, as both formats read it.
        path: ends in one of `TEXTURED_SUFFIXES`; beside `car.obj` appear `car.mtl` and `car_texture.png`.
        up: axis of the data that points up.

    Raises:
        OutputError: the place cannot be written to.
    """
    with whole_files(path) as scratch:
        if path.suffix.lower() == ".glb":
            scratch.write_bytes(_glb(mesh, up))
        else:
            for name, content in _wavefront(mesh, path.stem).items():
                (scratch.parent / (name or scratch.name)).write_bytes(content)


def _glb(mesh: "trimesh.Trimesh", up: Up) -> bytes:
    from trimesh.visual.material import PBRMaterial

    return matte_glb(_wearing(mesh, PBRMaterial(baseColorTexture=_picture(mesh))), up, lit=False)


def _wavefront(mesh: "trimesh.Trimesh", stem: str) -> dict[str, bytes]:
    """Content of the files by name; the mesh's own is empty."""
    from trimesh.exchange.obj import export_obj
    from trimesh.visual.material import SimpleMaterial

    stem = "_".join(stem.split())  # names of the format end at a space
    white, black = [255, 255, 255], [0, 0, 0]
    worn = _wearing(mesh, SimpleMaterial(_picture(mesh), white, white, black, name=f"{stem}_texture"))
    library = f"{stem}.mtl"
    text, files = export_obj(worn, include_normals=True, return_texture=True, mtl_name=library)
    return files | {library: files[library] + b"\nillum 0\n", "": text.encode()}


def _picture(mesh: "trimesh.Trimesh") -> "Image":
    visual: Any = mesh.visual
    image: Image = visual.material.image
    return image


def _wearing(mesh: "trimesh.Trimesh", material: "Material") -> "trimesh.Trimesh":
    """The mesh, in its own normals, in another material."""
    worn = mesh.copy(include_cache=True)
    visual: Any = worn.visual
    visual.material = material
    return worn
