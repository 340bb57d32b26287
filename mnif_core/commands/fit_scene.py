"""An object that training has not seen, from a few views with cameras or without: found, judged, added to the run."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import tyro
from rich.console import Console
from rich.table import Table

from mnif_core.commands.field import FieldCommand
from mnif_core.errors import ConfigError
from mnif_core.rendering.cameras import Axis
from mnif_core.saved_run import fitted_folder

if TYPE_CHECKING:
    from mnif_core.data.posed_views import PosedViews
    from mnif_core.generative_field import GenerativeField


@dataclass
class FitScene(FieldCommand):
    """Fit unseen objects to a field of scenes, from one or more views of each, and add them to the run."""

    images: tuple[Path, ...] = tyro.MISSING
    """Views of each object: a folder in SRN layout, or with nerfstudio's transforms.json or Blender's
    transforms_train.json, or such a file. The object is at the origin, z up, as far from its cameras as the run's;
    see --axes, --normalise and --scale. Or pictures without cameras: a file, or a folder of an object's pictures, each
    transparent or plain around the object; their cameras are found."""
    views: tuple[int, ...] = ()
    """How many views to fit, evenly spread; several numbers give a table, of views with cameras. None: all that are
    not held out."""
    held_out: int = 3
    """Views of each object, evenly spread, that only judge; none of pictures without cameras."""
    weight_steps: int = 300
    """Steps on the object's own network once its latent is found; 0 keeps to the latent, which is a scene like any
    other but shows an unusual object less well."""
    draws: int = 0
    """Samples of the prior that the views guide, for a run with a prior; the latent starts from the best, and all are
    shown: one view leaves the back open. 0: it starts from the mean of the training latents."""
    symmetric: Axis | None = None
    """Axis of the run's world across which the objects are their own mirror images (SRN's cars and chairs: x). Each
    view then shows both sides."""
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
    """Of the pixels drawn, and of the prior's samples."""

    def run_command(self) -> None:
        """Do it."""
        from mnif_core.data.posed_views import read_posed_views
        from mnif_core.rendering.cameras import CameraReading
        from mnif_core.sheets import arrange, save_png
        from mnif_core.unseen.guided_draws import prior_to_guide
        from mnif_core.unseen.saved_scenes import save_cameras, save_scene
        from mnif_core.unseen.scene_fitting import SceneFitConfig, signal_of_scenes
        from mnif_core.unseen.scene_study import (
            StudyConfig,
            draw_pictures,
            mean_scores,
            scene_names,
            stored_scene,
            study_objects,
            study_pictures,
        )

        field, folder = self.load(), fitted_folder(self.run)
        fitting = SceneFitConfig(
            weight_steps=self.weight_steps, draws=self.draws, symmetric=self.symmetric, seed=self.seed
        )
        output, pictures = self.output or self.folder / "fitted.png", self._unposed()
        if self.draws:
            prior_to_guide(field, self.draws)
        if pictures:
            names = scene_names(folder, [path.stem for path in self.images], self.name, self.replace)
            objects = self._found(field, pictures, output.with_stem(f"{output.stem}-cameras"))
            study = StudyConfig((), 0, fitting)
        else:
            reading = CameraReading.of(self.axes, self.normalise, signal_of_scenes(field).camera_distance)
            objects = [read_posed_views(path, reading).scaled(self.scale) for path in self.images]
            names = scene_names(folder, [views.name for views in objects], self.name, self.replace)
            study = StudyConfig(self.views, self.held_out, fitting)
        results = study_objects(field, objects, study)
        Console().print(self._table(len(results), mean_scores(results), study.held_out))
        rows = study_pictures(results)
        path = save_png(arrange([picture for row in rows for picture in row], len(rows[0])), output)
        print(f"views, fits and nearest training scenes on {path}", flush=True)
        drawn = draw_pictures(field, results)
        if drawn:
            sheet = arrange([picture for row in drawn for picture in row], len(drawn[0]))
            path = save_png(sheet, output.with_stem(f"{output.stem}-draws"))
            print(f"guided samples, from both sides, on {path}", flush=True)
        for name, views, each in zip(names, objects, results, strict=True):
            scene = stored_scene(name, each[-1].scene, own_weights=bool(self.weight_steps))
            path = save_scene(folder, scene, field.latents, self.replace)
            print(f"added {name} from {each[-1].views} views: {path}", flush=True)
            if pictures:
                print(f"its cameras: {save_cameras(folder, name, views)}", flush=True)

    def _unposed(self) -> "list[list[Path]]":
        """Pictures without cameras of every object; none where all objects have cameras."""
        from mnif_core.data.cut_out import unposed_pictures

        found = [unposed_pictures(path) for path in self.images]
        if any(found) and not all(found):
            other = self.images[found.index([])]
            raise ConfigError(f"{other}: not pictures without cameras, as others are; fit them one after the other")
        if any(found) and len(self.views) > 1:
            raise ConfigError("several numbers of --views for pictures without cameras; pass one")
        return found if any(found) else []

    def _found(self, field: "GenerativeField", pictures: "list[list[Path]]", output: Path) -> "list[PosedViews]":
        """Every object with the cameras found for its pictures, and a sheet of what they may have been."""
        from mnif_core.sheets import save_png
        from mnif_core.unseen.pose_bank import PoseBank
        from mnif_core.unseen.unposed import cut_outs, find_cameras, guess_sheet

        objects = [cut_outs(field, files, *self.views) for files in pictures]
        bank = PoseBank(field, seed=self.seed)
        found = [find_cameras(field, bank, cut, path.stem) for cut, path in zip(objects, self.images, strict=True)]
        path = save_png(guess_sheet(field, found), output)
        print(f"pictures and what their cameras may have been on {path}", flush=True)
        return [one.views for one in found]

    def _table(self, objects: int, scores: list[tuple[int, float, float]], held_out: int) -> Table:
        what = f"{held_out} held-out views" if held_out else "the fitted views"
        table = Table(title=f"{objects} unseen objects, mean PSNR over {what}, dB")
        for column in ("views", "fitted", "nearest training scene", "gain"):
            table.add_column(column, justify="right")
        for views, fitted, nearest in scores:
            table.add_row(str(views), f"{fitted:.2f}", f"{nearest:.2f}", f"{fitted - nearest:+.2f}")
        return table
