"""One check of the cameras of a scene before anything is learned from them, and the axes that would fit instead.

Shape letters: v views.
"""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from mnif_core.data.camera_agreement import (
    FEWEST,
    MOST,
    agreed_centre,
    agreed_up,
    axis_of,
    camera_distance,
    seen_radius,
    sees,
)
from mnif_core.data.camera_axes import CHOICES, Axes
from mnif_core.errors import DataError
from mnif_core.files.notes import note
from mnif_core.rendering.cameras import CameraReading

Array = NDArray[np.float64]

PROPOSED = 0.9  # share of the views that axes must make sense of before they are proposed
OFF_CENTRE = 0.3  # of the radius that the cameras see: from there on it is said where the object is
ROLLED = {"opencv": "pytorch3d", "pytorch3d": "opencv"}  # turned by half around the line of sight


@dataclass(frozen=True)
class WrittenCameras:
    """Cameras of one scene as its files have them.

    Attributes:
        where: what to call the scene in messages.
        matrices: rigid `[v, 4, 4]`.
        axes: of the format.
        intrinsics: `[v, 4]`, fx, fy, cx, cy in pixels.
        size: (width, height) of the pictures.
    """

    where: str
    matrices: Array
    axes: Axes
    intrinsics: Array
    size: tuple[int, int]

    def read(self, reading: CameraReading) -> Array:
        """Camera-to-world `[v, 3, 4]` in OpenGL axes.

        Notes views that do not see the origin, an object that is not there, and an up axis that is not z.

        Raises:
            ConfigError: no such axes.
            DataError: most cameras do not see the origin, hang upside down, or have no centre to be normalised by.
        """
        axes = Axes.named(reading.axes) if reading.axes else self.axes
        cameras = axes.to_opengl(self.matrices)
        centre = agreed_centre(cameras, self.intrinsics, self.size)
        if reading.distance is not None:
            if centre is None:
                raise DataError(
                    f"{self.where}: the cameras, read as {axes}, look at no common point; "
                    f"{self._remedy(self._fitting())}"
                )
            factor = reading.distance / camera_distance(cameras, centre)
            cameras[:, :, 3] = (cameras[:, :, 3] - centre) * factor
            centre = np.zeros(3)
        seen = sees(cameras, self.intrinsics, self.size, np.zeros(3))
        if seen.mean() < MOST:
            other = self._fitting()
            axes_differ = other is not None and self._see_origin(other)
            remedy = self._remedy(other) if axes_differ or centre is None else self._moved(cameras, centre)
            raise DataError(
                f"{self.where}: the origin, where the object should be, is not seen by {(~seen).sum()} of {len(seen)} "
                f"cameras, read as {axes}; {remedy}"
            )
        if not seen.all():
            views = ", ".join(map(str, np.flatnonzero(~seen)[:5]))
            note(f"{self.where}: {(~seen).sum()} of {len(seen)} cameras do not see the origin (views {views})")
        elif centre is not None and np.linalg.norm(centre) > OFF_CENTRE * self._radius(cameras, centre):
            note(f"{self.where}: the object is not at the origin; {self._moved(cameras, centre)}")
        self._check_up(axes, cameras, insisted=bool(reading.axes))
        return cameras

    def _check_up(self, axes: Axes, cameras: Array, insisted: bool) -> None:
        """Raise or note if up is not z; whoever has named the axes only sees a note."""
        direction = agreed_up(cameras)
        up = axis_of(direction)
        fault = None
        if direction is None:
            other = self._fitting() if len(cameras) >= FEWEST and not insisted else None
            if other is not None and replace(other, up=axes.up) != axes:
                fault = f"the cameras, read as {axes}, have no common up; {self._remedy(other)}"
        elif up is not None and up.startswith("-"):
            turned = replace(axes, up=up)
            # cameras mostly look down on an object: that tells which of two turns is meant
            options = [_option(turned)]
            if axes.camera in ROLLED:
                rolled = replace(axes, camera=ROLLED[axes.camera], up=up.removeprefix("-"))
                above = float((cameras[:, :, 3] @ direction).mean()) > 0
                options = [_option(turned), _option(rolled)] if above else [_option(rolled), _option(turned)]
            fault = f"the cameras, read as {axes}, hang upside down (up is {up}); pass {' or '.join(options)}"
        if fault is not None and not insisted:
            raise DataError(f"{self.where}: {fault}, or {_option(axes)} if all is meant so")
        if up != "z" and direction is not None:
            tilted = f"({direction[0]:.2g}, {direction[1]:.2g}, {direction[2]:.2g})"
            remedy = f"; pass {_option(replace(axes, up=up))} to turn it" if up is not None else ""
            note(f"{self.where}: up is {up or tilted}, and shown as if it were z{remedy}")

    def _fitting(self) -> Axes | None:
        """The axes by which nearly all cameras see the origin, or at least agree on a centre, best with a common up."""
        found: list[tuple[tuple[bool, bool, bool, bool], Axes]] = []
        for axes in CHOICES:
            cameras, origin = axes.to_opengl(self.matrices), self._see_origin(axes)
            if not origin and agreed_centre(cameras, self.intrinsics, self.size, PROPOSED) is None:
                continue
            up = axis_of(agreed_up(cameras))
            known, positive = up is not None, up is not None and not up.startswith("-")
            found.append(((known, origin, positive, up == "z"), replace(axes, up=up or "z")))
        return max(found, key=lambda each: each[0])[1] if found else None

    def _remedy(self, other: Axes | None) -> str:
        """What to do where the cameras cannot be meant as they are read, but may be in `other` axes."""
        if other is None:
            return "write camera-to-world poses of cameras that look at one object, at the origin"
        return f"their axes are {other}: pass {_option(other, normalise=not self._see_origin(other))}"

    def _see_origin(self, axes: Axes) -> bool:
        """Whether nearly all cameras, read in `axes`, see the origin."""
        cameras = axes.to_opengl(self.matrices)
        return bool(sees(cameras, self.intrinsics, self.size, np.zeros(3)).mean() >= PROPOSED)

    def _radius(self, cameras: Array, centre: Array) -> float:
        return seen_radius(cameras, self.intrinsics, self.size, centre)

    def _moved(self, cameras: Array, centre: Array) -> str:
        """Where the object is, and how to have it at the origin."""
        x, y, z = centre
        return (
            f"the cameras look at ({x:.3g}, {y:.3g}, {z:.3g}) from {camera_distance(cameras, centre):.3g} away and see "
            f"a radius of {self._radius(cameras, centre):.3g}: pass --normalise (ns-train: srn --normalise True)"
        )


def _option(axes: Axes, normalise: bool = False) -> str:
    more, theirs = (" --normalise", " --normalise True") if normalise else ("", "")
    return f"--axes {axes}{more} (ns-train: srn --axes {axes}{theirs})"
