"""In which axes camera matrices are written, by name, and how they become camera-to-world in OpenGL axes.

Shape letters: v views.
"""

import re
from dataclasses import dataclass
from itertools import product

import numpy as np
from numpy.typing import NDArray

from mnif_core.errors import ConfigError

Array = NDArray[np.float64]

CAMERAS = {
    "opencv": ("x", "-y", "-z"),
    "opengl": ("x", "y", "z"),
    "pytorch3d": ("-x", "y", "-z"),
    "llff": ("y", "-x", "z"),
    "ros": ("-y", "z", "-x"),
}
"""A camera's right, up and backward as each convention calls them."""
ALIASES = {"blender": "opengl", "nerfstudio": "opengl", "colmap": "opencv"}
WORLDS = {
    "z": ("x", "y", "z"),
    "-z": ("x", "-y", "-z"),
    "y": ("x", "-z", "y"),
    "-y": ("x", "z", "-y"),
    "x": ("-z", "y", "x"),
    "-x": ("z", "y", "-x"),
}
"""What becomes x, y and z when the world is turned so that the axis named is up."""
NAME = re.compile(r"([a-z0-9]+)(-w2c)?(?:-([xyz])-(up|down))?")
HELP = (
    "choose opencv, opengl (Blender's and nerfstudio's), pytorch3d, llff or ros; behind it -w2c for world-to-camera "
    "matrices, and -x-up, -y-up, -x-down, -y-down or -z-down for a world whose up is not z"
)


@dataclass(frozen=True)
class Axes:
    """How camera matrices are written.

    Attributes:
        camera: one of `CAMERAS`.
        world_to_camera: the matrices map world to camera, and not camera to world.
        up: the world's up axis, one of `WORLDS`.
    """

    camera: str = "opencv"
    world_to_camera: bool = False
    up: str = "z"

    @classmethod
    def named(cls, name: str) -> "Axes":
        """The axes of a name such as `opengl`, `opencv-w2c` or `pytorch3d-w2c-y-up`.

        Raises:
            ConfigError: no such axes.
        """
        parts = NAME.fullmatch(name.strip().lower())
        camera = ALIASES.get(parts[1], parts[1]) if parts else ""
        if parts is None or camera not in CAMERAS:
            raise ConfigError(f"axes {name}: unknown; {HELP}")
        up = (parts[3] or "z") if parts[4] != "down" else f"-{parts[3]}"
        return cls(camera, parts[2] is not None, up)

    def __str__(self) -> str:
        """The name that `named` reads."""
        up = "" if self.up == "z" else f"-{self.up[-1]}-{'down' if self.up.startswith('-') else 'up'}"
        return f"{self.camera}{'-w2c' if self.world_to_camera else ''}{up}"

    def to_opengl(self, matrices: Array) -> Array:
        """Rigid `[v, 4, 4]` in these axes -> camera-to-world `[v, 3, 4]`: x right, y up, looking along -z; z up."""
        rotation, translation = matrices[:, :3, :3], matrices[:, :3, 3:]
        if self.world_to_camera:
            rotation = rotation.transpose(0, 2, 1)
            translation = -rotation @ translation
        world = signed_axes(WORLDS[self.up])
        return np.concatenate([world @ rotation @ signed_axes(CAMERAS[self.camera]).T, world @ translation], axis=-1)


CHOICES = [Axes(camera, inverse) for camera, inverse in product(CAMERAS, (False, True))]
"""All axes of a world with z up, the commonest first."""


def signed_axes(names: tuple[str, ...]) -> Array:
    """Unit vectors `[len, 3]` of names such as `x` and `-y`."""
    return np.stack([(-1.0 if name.startswith("-") else 1.0) * np.eye(3)["xyz".index(name[-1])] for name in names])
