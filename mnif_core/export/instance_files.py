"""One instance as a file for other tools; the file's suffix says which."""

from pathlib import Path

from torch import Tensor

from mnif_core.errors import ConfigError
from mnif_core.export.latent_file import write_latents
from mnif_core.export.mesh_files import MESH_SUFFIXES, Up, write_mesh
from mnif_core.export.onnx_network import write_onnx
from mnif_core.export.point_cloud import write_point_cloud
from mnif_core.export.surface import COLOURS, instance_mesh
from mnif_core.export.texture import textured_mesh
from mnif_core.export.textured_files import TEXTURED_SUFFIXES, write_textured
from mnif_core.export.turntable import FILM_SUFFIXES, Turntable, write_turntable
from mnif_core.extras import require, require_format
from mnif_core.generative_field import GenerativeField

SUFFIXES = (*MESH_SUFFIXES, *FILM_SUFFIXES, ".onnx", ".npz")


def require_writable(
    path: Path, points: int | None = None, faces: int | None = None, texture: int | None = None
) -> None:
    """Refuse a name that `export_instance` cannot write to, before anything is computed.

    Args:
        path: its suffix says what would be written.
        points: of a point cloud. None: anything else.
        faces: of a reduced mesh. None: anything else.
        texture: texels along a side of a mesh's texture. None: anything else.

    Raises:
        ConfigError: an unknown suffix, or one that has no points, faces or texture.
        DependencyError: the package that writes it is not installed.
    """
    if path.suffix.lower() not in SUFFIXES:
        raise ConfigError(f"{path}: cannot write '{path.suffix}'; end it in {', '.join(SUFFIXES)}")
    if points is not None and path.suffix.lower() != ".ply":
        raise ConfigError(f"{path}: clouds of points are written as .ply; end it so, or leave the points out")
    if faces is not None and (points is not None or path.suffix.lower() not in MESH_SUFFIXES):
        raise ConfigError(f"{path}: only meshes ({', '.join(MESH_SUFFIXES)}) are reduced; leave --faces out")
    if texture is not None and (points is not None or path.suffix.lower() not in TEXTURED_SUFFIXES):
        raise ConfigError(
            f"{path}: textures go with {' and '.join(TEXTURED_SUFFIXES)}; end it so, or leave --texture out"
        )
    if faces is not None:
        require("fast_simplification", path)
    require_format(path)


def export_instance(
    field: GenerativeField,
    latent: Tensor,
    path: Path | str,
    resolution: int | None = None,
    up: Up = "z",
    points: int | None = None,
    turntable: Turntable | None = None,
    name: str = "instance",
    faces: int | None = None,
    texture: int | None = None,
) -> Path:
    """Write the instance `latent` `[h]` as the suffix of `path` says.

    `.glb`, `.ply`, `.obj`: watertight mesh with colours, of a scene or a solid; `.ply` with `points`: a cloud of them;
    `.glb`, `.obj` (with `.mtl` and `.png` beside it) with `texture`: colours of a scene in a picture.
    `.mp4`, `.gif`: a film of it turning, of a scene or a solid. `.onnx`: its network. `.npz`: its latent.

    Args:
        field: what `latent` is a latent of.
        latent: `[h]`.
        path: appears whole, in place of an older one.
        resolution: cells along each side of the cube that is searched for the surface. None: 128.
        up: axis of the data that points up.
        points: of a point cloud. None: a mesh.
        turntable: how it turns. None: the defaults.
        name: of the instance, beside its latent.
        faces: that a mesh is reduced to. None: all that are found.
        texture: texels along each side of a mesh's texture, 16 to 8,192. None: a colour at each vertex.

    Raises:
        ConfigError: an unknown suffix, a modality that has no such form, numbers out of range, or nothing of the
            instance is solid.
        DependencyError: the package that writes it is not installed.
        OutputError: the place cannot be written to.
    """
    path = Path(path)
    suffix = path.suffix.lower()
    require_writable(path, points, faces, texture)
    if points is not None:
        write_point_cloud(field, latent, path, points, resolution)
    elif texture is not None:
        write_textured(textured_mesh(field, latent, texture, resolution, faces), path, up)
    elif suffix in MESH_SUFFIXES:
        lit = field.signal.kind not in COLOURS
        write_mesh(instance_mesh(field, latent, resolution, faces), path, up, lit)
    elif suffix in FILM_SUFFIXES:
        write_turntable(field, latent, path, turntable, resolution, up)
    elif suffix == ".onnx":
        write_onnx(field.signal, field.instance(latent), path)
    else:
        write_latents([name], latent.view(1, -1), path)
    return path
