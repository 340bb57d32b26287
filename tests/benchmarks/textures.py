"""Meshes with a colour at each vertex and with a texture, against the field: `python -m tests.benchmarks.textures RUN`.

Both have the same surface. They are written, read back, ray-cast in their own colours without light, and compared with
the field's renderings from SRN's test cameras, which neither the surface nor its colours have been chosen by. `psnr` is
of whole pictures on white; `surface_psnr` leaves out the pixels that not both cover, which are of the silhouettes and
alike in both. Means over instances, of mean squared errors over views. Prints JSON.
"""

import json
import tempfile
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated

import numpy as np
import torch
import trimesh
import tyro
from numpy.typing import NDArray
from torch import Tensor
from tyro.conf import Positional

from mnif_core.commands.field import load_field
from mnif_core.export.mesh_files import write_mesh
from mnif_core.export.surface import instance_mesh
from mnif_core.export.texture import textured_mesh
from mnif_core.export.textured_files import write_textured
from mnif_core.generative_field import GenerativeField
from mnif_core.meshes.raycast import FOCAL_SHARE, SUPERSAMPLING, render_views
from mnif_core.meshes.textured_mesh import read_textured_mesh
from mnif_core.rendering.cameras import spiral_opengl
from mnif_core.signals.scenes import SceneSignal

Pictures = NDArray[np.float64]
COVERED = 0.99  # opacity of a pixel that is all surface
FLIP = np.diag([1.0, -1.0, -1.0, 1.0])  # OpenGL axes of a camera to OpenCV's


@dataclass
class Textures:
    """What to compare."""

    run: Annotated[Path, Positional]
    """A run's folder, or the field folder in it."""
    faces: int = 5000
    """Of both meshes."""
    texture: int = 1024
    """Texels along a side."""
    instances: int = 4
    """Samples, by seed; of a field without prior the first training instances."""
    views: int = 16
    """Of SRN's spiral, evenly spread."""
    size: int = 128
    """Pixels along a side of a view."""


def compare(settings: Textures) -> dict[str, dict[str, float]]:
    """`psnr` and `surface_psnr` of both kinds of mesh, in dB."""
    field = load_field(settings.run, "auto")
    cameras = spiral_opengl(settings.views, SceneSignal.of(field.signal).camera_distance)
    figures: dict[str, list[tuple[float, float]]] = {}
    for latent in latents(field, settings.instances):
        colours, opacity = rendered(field, latent, cameras, settings.size)
        with tempfile.TemporaryDirectory() as folder:
            written = {"vertex_colours": Path(folder) / "plain.obj", "texture": Path(folder) / "textured.obj"}
            plain = instance_mesh(field, latent, faces=settings.faces)
            write_mesh(plain, written["vertex_colours"])
            write_textured(textured_mesh(field, latent, settings.texture, faces=settings.faces), written["texture"])
            for kind, path in written.items():
                shown, covered = drawn(path, plain, cameras, settings.size)
                both = covered & (opacity > COVERED)
                figures.setdefault(kind, []).append((psnr(shown - colours), psnr((shown - colours)[both])))
    return {
        kind: dict(zip(("psnr", "surface_psnr"), np.mean(found, axis=0).round(2).tolist(), strict=True))
        for kind, found in figures.items()
    }


def latents(field: GenerativeField, count: int) -> Tensor:
    """`[count, h]`: new ones where there is a prior."""
    if field.prior is None:
        return field.latents[:count]
    return torch.cat([field.sample_latents(1, seed=seed) for seed in range(count)])


def rendered(field: GenerativeField, latent: Tensor, cameras: Tensor, size: int) -> tuple[Pictures, Pictures]:
    """The field's pictures `[views, size, size, 3]` on white and opacity `[views, size, size]`, on the mesh's rays."""
    signal = replace(SceneSignal.of(field.signal), background=(1.0, 1.0, 1.0))
    fine = size * SUPERSAMPLING
    intrinsics = torch.tensor([FOCAL_SHARE * fine, FOCAL_SHARE * fine, fine / 2, fine / 2])
    network = field.instance(latent)
    views = [signal.render_view(network, camera, intrinsics, height=fine, width=fine) for camera in cameras]
    blocks = (len(cameras), size, SUPERSAMPLING, size, SUPERSAMPLING)
    colours = torch.cat([view.color for view in views]).double().cpu().view(*blocks, 3).mean((2, 4))
    opacity = torch.cat([view.accumulation for view in views]).double().cpu().view(blocks).mean((2, 4))
    return colours.numpy(), opacity.numpy()


def drawn(path: Path, mesh: trimesh.Trimesh, cameras: Tensor, size: int) -> tuple[Pictures, NDArray[np.bool_]]:
    """Pictures of a file on white, in its own colours, in the frame of `mesh`; and the pixels that it covers."""
    poses = (
        np.concatenate([cameras.double().numpy(), np.tile([[[0.0, 0.0, 0.0, 1.0]]], (len(cameras), 1, 1))], 1) @ FLIP
    )
    read = read_textured_mesh(path, "z")  # which brings it to the origin and to a diagonal of 1
    place = read.vertices * mesh.scale + mesh.bounds.mean(0)
    shown = replace(read, vertices=place, lit=np.zeros_like(read.lit))
    black = replace(shown, colours=shown.colours * np.array([0, 0, 0, 1], np.float32))
    covered = (render_views(black, poses, size) == 0).all(-1)
    return render_views(shown, poses, size) / 255.0, covered


def psnr(error: Pictures) -> float:
    """Of values in [0, 1]."""
    return float(-10 * np.log10((error**2).mean()))


if __name__ == "__main__":
    settings = tyro.cli(Textures)
    figures = compare(settings)
    gain = {name: round(figures["texture"][name] - dB, 2) for name, dB in figures["vertex_colours"].items()}
    print(json.dumps({"faces": settings.faces, "texture": settings.texture, **figures, "gain": gain}, indent=1))
