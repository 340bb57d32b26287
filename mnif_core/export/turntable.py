"""Films of an instance that turns once around: `.mp4`, `.gif`."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from rich.progress import track
from torch import Tensor

from mnif_core.errors import ConfigError
from mnif_core.export.mesh_files import Up
from mnif_core.export.solid import SOLIDS
from mnif_core.export.surface import instance_surface
from mnif_core.files.atomic import whole_file
from mnif_core.generative_field import GenerativeField
from mnif_core.meshes.raycast import ColouredMesh, render_views
from mnif_core.networks.instance_networks import InstanceNetworks
from mnif_core.rendering.cameras import look_at_origin_opencv
from mnif_core.signals.scenes import SceneSignal
from mnif_core.signals.solid_pictures import SHAPE_COLOUR, SHAPE_SCALE

if TYPE_CHECKING:
    import trimesh

FILM_SUFFIXES = (".mp4", ".gif")


@dataclass(frozen=True)
class Turntable:
    """How an instance turns.

    Raises:
        ConfigError: a number out of range.
    """

    frames: int = 72
    """Pictures of one turn."""
    frames_per_second: int = 24
    """How fast they follow each other."""
    size: int = 256
    """Height and width in pixels; even."""
    elevation: float = 25.0
    """Of the camera, in degrees above the horizon."""

    def __post_init__(self) -> None:
        if self.frames < 2 or self.frames_per_second < 1 or self.size < 16 or self.size % 2:
            raise ConfigError(
                f"cannot film {self.frames} frames of {self.size} pixels at {self.frames_per_second} a second; choose "
                "at least 2 frames, an even size of 16 or more, and at least 1 a second"
            )
        if not -90.0 < self.elevation < 90.0:
            raise ConfigError(f"elevation is {self.elevation:g} degrees; choose it between -90 and 90")


def write_turntable(
    field: GenerativeField,
    latent: Tensor,
    path: Path,
    turntable: Turntable | None = None,
    resolution: int | None = None,
    up: Up = "z",
) -> None:
    """Film the instance `latent` `[h]` turning once around: scenes by the renderer, solids by ray casting.

    Args:
        field: of scenes or solids.
        latent: `[h]`.
        path: ends in one of `FILM_SUFFIXES`; `.mp4` is H.264, which browsers play.
        turntable: how it turns. None: the defaults.
        resolution: cells along each side of a solid. None: 128.
        up: axis of solids that points up.

    Raises:
        ConfigError: a field of images, or nothing of a solid is there.
        OutputError: the place cannot be written to.
    """
    turntable = turntable or Turntable()
    signal, network = field.signal, field.instance(latent)
    if signal.kind in FILMS:
        frames = FILMS[signal.kind](signal, network, turntable)
    elif signal.kind in SOLIDS:
        frames = _solid(instance_surface(signal, network, resolution), turntable, up)
    else:
        article = "an" if signal.noun[0] in "aeiou" else "a"
        raise ConfigError(
            f"{article} {signal.noun} does not turn; mnif sample writes pictures, mnif interpolate ways between them"
        )
    write = _write_gif if path.suffix.lower() == ".gif" else _write_mp4
    with whole_file(path) as scratch:
        write(track(frames, "Filming", total=turntable.frames), scratch, turntable)


def _scene(signal: SceneSignal, network: InstanceNetworks, turntable: Turntable) -> Iterator[NDArray[np.uint8]]:
    size = turntable.size
    filled = [signal.occupancy(network)]
    for camera in signal.orbit(turntable.frames, turntable.elevation):
        color = signal.render_view(network, camera, height=size, width=size, occupancies=filled).color[0]
        yield (color * 255).round().byte().cpu().numpy()


FILMS: dict[str, Callable[[Any, InstanceNetworks, Turntable], Iterator[NDArray[np.uint8]]]] = {"scene": _scene}
"""Kind of signal -> its own way to be filmed; those of `SOLIDS` that have none are filmed as meshes."""


def _solid(mesh: "trimesh.Trimesh", turntable: Turntable, up: Up) -> Iterator[NDArray[np.uint8]]:
    turn = np.array([[1, 0, 0], [0, 0, -1], [0, 1, 0]]) if up == "y" else np.eye(3)
    colours = np.broadcast_to(SHAPE_COLOUR, (len(mesh.faces), 3))
    drawn = ColouredMesh(mesh.vertices @ turn.T * SHAPE_SCALE, mesh.vertex_normals @ turn.T, mesh.faces, colours)
    for frame in range(turntable.frames):
        pose = look_at_origin_opencv(2 * np.pi * frame / turntable.frames, np.radians(turntable.elevation))
        yield render_views(drawn, pose[None], turntable.size)[0]


def _write_mp4(frames: Iterable[NDArray[np.uint8]], path: Path, turntable: Turntable) -> None:
    import imageio_ffmpeg

    size = (turntable.size, turntable.size)
    writer = imageio_ffmpeg.write_frames(
        str(path), size, fps=turntable.frames_per_second, quality=8, macro_block_size=2
    )
    writer.send(None)
    try:
        for frame in frames:
            writer.send(np.ascontiguousarray(frame))
    finally:
        writer.close()


def _write_gif(frames: Iterable[NDArray[np.uint8]], path: Path, turntable: Turntable) -> None:
    first, *rest = (Image.fromarray(frame) for frame in frames)
    duration = 1000 / turntable.frames_per_second
    first.save(path, save_all=True, append_images=rest, duration=duration, loop=0)
