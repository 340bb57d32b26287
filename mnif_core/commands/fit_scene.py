"""An object that training has not seen, from a few posed views: found, judged, and added to the run."""

from dataclasses import dataclass
from pathlib import Path

import tyro

from mnif_core.commands.field import FieldCommand, field_folder


@dataclass
class FitScene(FieldCommand):
    """Fit unseen objects to a field of scenes, from one or more posed views of each, and add them to the run."""

    images: tuple[Path, ...] = tyro.MISSING
    """Views of each object: a folder in SRN layout, or with nerfstudio's transforms.json or Blender's
    transforms_train.json, or such a file. The object is at the origin, z up, as far from its cameras as the run's;
    see --axes, --normalise and --scale."""
    views: tuple[int, ...] = ()
    """How many views to fit, evenly spread; several numbers give a table. None: all that are not held out."""
    held_out: int = 3
    """Views of each object, evenly spread, that only judge."""
    weight_steps: int = 100
    """Steps on the object's own network once its latent is found; 0 keeps to the latent, which is a scene like any
    other but shows an unusual object less well."""
    scale: float = 1.0
    """Factor on the positions of the cameras."""
    axes: str = ""
    """Axes of the poses, where they are not those of their format (SRN's: opencv; transforms.json: opengl): opencv,
    opengl, pytorch3d, llff or ros; behind it -w2c for world-to-camera, and -y-up or the like for another up than z."""
    normalise: bool = False
    """Move the point that the cameras look at to the origin, and the cameras as far from it as the run's."""
    name: str | None = None
    """What to call the object, where there is one. None: the name of its folder."""
    replace: bool = False
    """Replace what was fitted before under the same name."""
    seed: int = 0
    """Of the pixels drawn."""

    def run_command(self) -> None:
        """Do it."""
        from mnif_core.data.posed_views import read_posed_views
        from mnif_core.rendering.cameras import CameraReading
        from mnif_core.unseen.scene_fitting import SceneFitConfig, signal_of_scenes
        from mnif_core.unseen.scene_study import fit_objects

        field = self.load()
        reading = CameraReading.of(self.axes, self.normalise, signal_of_scenes(field).camera_distance)
        objects = [read_posed_views(path, reading).scaled(self.scale) for path in self.images]
        fitting = SceneFitConfig(weight_steps=self.weight_steps, seed=self.seed)
        fit_objects(
            field,
            field_folder(self.run),
            objects,
            self.views,
            self.held_out,
            fitting,
            self.name,
            self.replace,
            self.output or self.run / "fitted.png",
        )
