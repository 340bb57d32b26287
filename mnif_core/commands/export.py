"""What other tools take: meshes, clouds, films, networks, latents, a folder to share."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Literal

from tyro.conf import OmitArgPrefixes, Positional, arg

from mnif_core.commands.field import load_field
from mnif_core.export.turntable import Turntable
from mnif_core.saved_run import run_folder
from mnif_core.training.config import Device


@dataclass
class Export:
    """Write one instance for other tools, or the whole field as a folder to share. The output's name says as what.

    .glb, .ply, .obj: watertight mesh with colours. .glb, .obj with --texture: colours in a picture. .ply with --points:
    a cloud of points. .mp4, .gif: a film of it turning. .onnx: its network. .npz: the training latents, or its own. A
    name without suffix: a folder with a model card, which `GenerativeField.load` reads.
    """

    run: Annotated[Path, Positional, arg(metavar="RUN")]
    """A run's folder, the field folder in it, or a demo field: demo:cars, demo:clothes, demo:solids."""
    output: Annotated[Path, Positional, arg(metavar="OUTPUT")]
    """File or folder to write; a file takes the place of an older one."""
    instance: str | None = None
    """sample:7 (seed), sample:7:chair (of a label), train:3 or between:3,9,0.5 (two of training and the mix); those of
    training also by name, or by a part that only one name has. None: sample:0."""
    resolution: int | None = None
    """Cells along each side of the cube that is searched for the surface. None: 128."""
    up: Literal["y", "z"] = "z"
    """Axis of the data that points up: z in scenes and in the demo solids."""
    faces: int | None = None
    """Reduce a mesh to so many triangles. None: all that are found."""
    texture: int | None = None
    """Paint a texture of so many texels a side onto a mesh of a scene, in place of a colour at each vertex."""
    points: int | None = None
    """Write a cloud of so many points."""
    half: bool = False
    """A folder of a quarter of the size, to show and not to train on: numbers of 16 bits, EMA weights alone."""
    turntable: Annotated[Turntable, OmitArgPrefixes] = field(default_factory=Turntable)
    device: Device = "auto"
    """Where to compute."""

    def run_command(self) -> None:
        """Do it."""
        from mnif_core.export.instance_files import export_instance, require_writable
        from mnif_core.export.latent_file import write_latents
        from mnif_core.export.model_folder import write_model_folder
        from mnif_core.viewing.selection import Selection, latent_of

        if self.output.suffix:
            require_writable(self.output, self.points, self.faces, self.texture)
        saved = load_field(self.run, self.device)
        if not self.output.suffix:
            write_model_folder(saved, self.output, run_folder(self.run), self.half)
        elif self.output.suffix.lower() == ".npz" and self.instance is None:
            write_latents(saved.names, saved.latents, self.output)
        else:
            text = self.instance or "sample:0"
            source, _, name = text.partition(":")
            if source == "train" and name in saved.names:
                text = f"train:{saved.names.index(name)}"
            latent = latent_of(saved, Selection.parse(text, saved.names))[0]
            export_instance(
                saved,
                latent,
                self.output,
                self.resolution,
                self.up,
                self.points,
                self.turntable,
                text,
                self.faces,
                self.texture,
            )
        print(self.output, flush=True)
