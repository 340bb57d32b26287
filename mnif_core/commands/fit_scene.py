"""An object that training has not seen, from a few posed views: found, judged, and added to the run."""

from dataclasses import dataclass
from pathlib import Path

import tyro
from rich.console import Console
from rich.table import Table

from mnif_core.commands.field import FieldCommand
from mnif_core.saved_run import fitted_folder


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
        from mnif_core.sheets import arrange, save_png
        from mnif_core.unseen.saved_scenes import save_scene
        from mnif_core.unseen.scene_fitting import SceneFitConfig, signal_of_scenes
        from mnif_core.unseen.scene_study import (
            StudyConfig,
            mean_scores,
            scene_names,
            stored_scene,
            study_objects,
            study_pictures,
        )

        field, folder = self.load(), fitted_folder(self.run)
        reading = CameraReading.of(self.axes, self.normalise, signal_of_scenes(field).camera_distance)
        objects = [read_posed_views(path, reading).scaled(self.scale) for path in self.images]
        names = scene_names(folder, objects, self.name, self.replace)
        fitting = SceneFitConfig(weight_steps=self.weight_steps, seed=self.seed)
        results = study_objects(field, objects, StudyConfig(self.views, self.held_out, fitting))
        Console().print(self._table(len(results), mean_scores(results)))
        rows = study_pictures(results)
        sheet = arrange([picture for row in rows for picture in row], len(rows[0]))
        path = save_png(sheet, self.output or self.folder / "fitted.png")
        print(f"views, fits and nearest training scenes on {path}", flush=True)
        for name, each in zip(names, results, strict=True):
            scene = stored_scene(name, each[-1].scene, own_weights=bool(self.weight_steps))
            path = save_scene(folder, scene, field.latents, self.replace)
            print(f"added {name} from {each[-1].views} views: {path}", flush=True)

    def _table(self, objects: int, scores: list[tuple[int, float, float]]) -> Table:
        what = f"{self.held_out} held-out views" if self.held_out else "the fitted views"
        table = Table(title=f"{objects} unseen objects, mean PSNR over {what}, dB")
        for column in ("views", "fitted", "nearest training scene", "gain"):
            table.add_column(column, justify="right")
        for views, fitted, nearest in scores:
            table.add_row(str(views), f"{fitted:.2f}", f"{nearest:.2f}", f"{fitted - nearest:+.2f}")
        return table
