"""The `mnif` command: train on images and solids, and make something of any saved field."""

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import torch
import tyro
from tyro.conf import Positional, subcommand

from mnif_core.errors import MnifError
from mnif_core.generative_field import GenerativeField
from mnif_core.prior import SamplerName

Device = Literal["auto", "cpu", "cuda"]


@dataclass
class Training:
    """What both kinds of training take."""

    data: Path | None = None
    """What to learn from; none for the bundled demo set."""
    output_dir: Path | None = None
    """Where everything is written; none for outputs/<preset>."""
    seed: int = 0
    """Decides all that is random."""
    fit_length: int | None = None
    """Length of stage 1 in the preset's unit (epochs, or steps where tiny); none for the preset's."""
    prior_length: int | None = None
    """Length of stage 2."""
    resolution: int | None = None
    """Side of images in pixels, of grids in cells; none for the preset's."""
    orthogonality: float = 0.0
    """Weight of a penalty on bases that are alike; 0 is the paper's."""
    skip_bad: bool = False
    """Leave unreadable files out and count them, instead of stopping at the first."""
    device: Device = "auto"
    """Where to train."""
    precision: Literal["32-true", "bf16-mixed"] = "32-true"
    """bf16-mixed is faster on GPUs, and blunts the sines."""
    checkpoint_every: int = 200
    """Steps between checkpoints."""
    resume: bool = False
    """Go on from the checkpoint in the output folder."""


@dataclass
class Image(Training):
    """Learn images: a folder, an .npz or .npy file, or the bundled photographs."""

    preset: str = "image-tiny"
    """image-tiny, image-s, image-l, image-table-4, image-table-5, image-table-6."""

    def run_command(self) -> None:
        """Do it."""
        from mnif_core.training.images import ImageTrainer

        ImageTrainer(**vars(self)).fit()


@dataclass
class Voxel(Training):
    """Learn solids: meshes, grids, IM-NET's hdf5, the authors' .pth, or the demo cars."""

    preset: str = "voxel-tiny"
    """voxel-tiny, voxel-s, voxel-l."""

    def run_command(self) -> None:
        """Do it."""
        from mnif_core.training.voxels import VoxelTrainer

        VoxelTrainer(**vars(self)).fit()


def chosen_device(device: Device) -> torch.device:
    """The GPU where there is one, unless another device is asked for."""
    return torch.device(("cuda" if torch.cuda.is_available() else "cpu") if device == "auto" else device)


def load_field(run: Path, device: Device) -> GenerativeField:
    """The field of a run's folder, or of the field folder itself."""
    return GenerativeField.load(run / "field" if (run / "field").is_dir() else run, chosen_device(device))


@dataclass
class FieldCommand:
    """What every command on a saved field takes."""

    run: Positional[Path]
    """A run's folder, or the field folder in it."""
    output: Path | None = None
    """PNG to write; none for a name in the run's folder."""
    device: Device = "auto"
    """Where to compute."""

    def load(self) -> GenerativeField:
        """The saved field."""
        return load_field(self.run, self.device)


@dataclass
class Sample(FieldCommand):
    """Draw new instances: a sheet, and meshes of solids."""

    count: int = 16
    """How many."""
    seed: int = 0
    """Same seed, same device, same result."""
    sampler: SamplerName = "dpm++"
    """Reverse diffusion."""
    steps: int = 25
    """Reverse steps."""
    resolution: int | None = None
    """Side in pixels or cells; none for the data's."""

    def run_command(self) -> None:
        """Do it."""
        from mnif_core.sheets import write_instances

        field = self.load()
        latents = field.sample_latents(self.count, self.seed, self.sampler, self.steps)
        output = self.output or self.run / f"samples-seed-{self.seed}.png"
        write_instances(field, latents, output, columns=8, resolution=self.resolution)


@dataclass
class Interpolate(FieldCommand):
    """A grid of instances between four corners, bilinear in the latents (Fig. 3)."""

    corners: tuple[int, int, int, int] = (0, 1, 2, 3)
    """Training instances at the corners: top left, top right, bottom left, bottom right."""
    size: int = 8
    """Instances along each side."""
    resolution: int | None = None
    """Side in pixels or cells; none for the data's."""

    def run_command(self) -> None:
        """Do it."""
        from mnif_core.sheets import write_instances

        field = self.load()
        output = self.output or self.run / "interpolation.png"
        latents = field.bilinear(self.corners, self.size)
        write_instances(field, latents, output, columns=self.size, resolution=self.resolution)


@dataclass
class Reconstruct(FieldCommand):
    """Find latents of unseen images, solids or scenes, and show each beside its reconstruction."""

    data: Path | None = None
    """As for training (scenes: a folder in SRN layout); none for the demo set."""
    count: int = 64
    """How many instances at most, from the first."""
    skip_bad: bool = False
    """Leave unreadable files out and count them, instead of stopping at the first."""

    def run_command(self) -> None:
        """Do it."""
        from mnif_core.reconstruction import reconstruct

        field = self.load()
        reconstruct(field, self.data, self.count, self.skip_bad, self.output or self.run / "reconstruction.png")


@dataclass
class Evaluate:
    """The paper's row of figures: reconstruction of training and test data, generation, memorisation."""

    run: Positional[Path]
    """A run's folder, or the field folder in it."""
    data: Path | None = None
    """The data that the run was trained on, test instances among them; none for the demo set."""
    samples: int = 256
    """How many to draw (the paper: as many as its training or test set)."""
    seed: int = 0
    """Of the samples."""
    inception: Path | None = None
    """Weights of the Inception network that FID is defined with; none for a network whose weights are installed, and
    whose scores are not FID."""
    output: Path | None = None
    """Folder to write to; none for the run's."""
    skip_bad: bool = False
    """Leave unreadable files out, as in training."""
    device: Device = "auto"
    """Where to compute."""

    def run_command(self) -> None:
        """Do it."""
        from mnif_core.analysis.commands import evaluate

        field = load_field(self.run, self.device)
        folder = self.output or self.run
        evaluate(field, self.data, self.samples, self.seed, self.inception, self.skip_bad, folder)


@dataclass
class Bases(FieldCommand):
    """How alike the basis networks are, layer by layer (Fig. 4)."""

    def run_command(self) -> None:
        """Do it."""
        from mnif_core.analysis.commands import bases

        bases(self.load(), self.output or self.run / "bases.png")


@dataclass
class Efficiency:
    """Parameters, multiply-adds, latency and memory of all presets and of any runs, beside the paper's columns."""

    runs: Positional[tuple[Path, ...]] = ()
    """Runs to measure too."""
    output: Path | None = None
    """JSON to write; none for the table alone."""
    device: Device = "auto"
    """Where to measure."""

    def run_command(self) -> None:
        """Do it."""
        from mnif_core.analysis.commands import efficiency

        fields = {str(run): load_field(run, self.device) for run in self.runs}
        efficiency(fields, chosen_device(self.device), self.output)


@dataclass
class ImportOfficial:
    """Turn the authors' checkpoints into a saved field."""

    folder: Positional[Path]
    """Holds stage1/{metainits,contexts} and stage2/{ckpt,config.yaml}, or is a stage-1 folder itself."""
    output: Path
    """Folder to write the field to."""
    epoch: int | None = None
    """Of stage 1; none for the last."""
    w0: float | None = None
    """Frequency scale; none for the one in config.yaml."""

    def run_command(self) -> None:
        """Do it."""
        from mnif_core.official import import_official

        field = import_official(self.folder, self.epoch, self.w0)
        prior = "with its prior" if field.prior is not None else "without a prior"
        print(f"{field.signal.kind} field of {len(field.latents)} latents, {prior} | {field.save(self.output)}")


Command = (
    Annotated[Image, subcommand("image")]
    | Annotated[Voxel, subcommand("voxel")]
    | Annotated[Sample, subcommand("sample")]
    | Annotated[Reconstruct, subcommand("reconstruct")]
    | Annotated[Interpolate, subcommand("interpolate")]
    | Annotated[Evaluate, subcommand("evaluate")]
    | Annotated[Bases, subcommand("bases")]
    | Annotated[Efficiency, subcommand("efficiency")]
    | Annotated[ImportOfficial, subcommand("import-official")]
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; what a user can mend is one line on standard error.

    Returns:
        0, 1 after an error, 130 when interrupted.
    """
    command = tyro.cli(Command, args=arguments, prog="mnif", description=__doc__)  # type: ignore[call-overload]
    try:
        command.run_command()
    except MnifError as error:
        print(f"mnif: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("mnif: interrupted; train on with --resume", file=sys.stderr)
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
