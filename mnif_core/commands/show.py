"""Pictures and meshes of a saved field: samples, interpolations, reconstructions."""

from dataclasses import dataclass
from pathlib import Path

from mnif_core.commands.field import FieldCommand
from mnif_core.latents.neighbours import Sampler
from mnif_core.prior.guidance import GUIDANCE
from mnif_core.prior.labels import file_part


@dataclass
class Sample(FieldCommand):
    """Draw new instances: a sheet, and meshes of solids."""

    count: int = 16
    """How many."""
    seed: int = 0
    """Same seed, same device, same result."""
    sampler: Sampler = "dpm++"
    """Reverse diffusion, or `neighbours`: between a training latent and one near to it (Eq. 11)."""
    steps: int = 25
    """Reverse steps of diffusion."""
    truncation: float = 1.0
    """Share of each sample's distance to the mean of the training latents that is kept: 1 all, 0 the mean itself."""
    label: str | None = None
    """Of all samples, where the run was trained with labels. None: as they occur."""
    guidance: float = GUIDANCE
    """Towards the label: 1 draws as learned, more is more typical and less varied, 0 leaves the label out."""
    resolution: int | None = None
    """Side in pixels or cells. None: the data's."""

    def run_command(self) -> None:
        """Do it."""
        from mnif_core.commands.sheets import write_instances

        field = self.load()
        latents = field.sample_latents(
            self.count, self.seed, self.sampler, self.steps, self.truncation, self.label, self.guidance
        )
        output = self.output or self.folder / f"samples-seed-{self.seed}{file_part(self.label or '')}.png"
        write_instances(field, latents, output, columns=8, resolution=self.resolution)


@dataclass
class Interpolate(FieldCommand):
    """A grid of instances between four corners, bilinear in the latents (Fig. 3, 7 and 8)."""

    corners: tuple[str, str, str, str] = ("0", "1", "2", "3")
    """Training instances at the corners (top left, top right, bottom left, bottom right), by number or by a part of
    their names, such as a class's folder."""
    size: int = 8
    """Instances along each side."""
    views: int = 1
    """Of scenes: cameras, a grid for each (Fig. 8: 9)."""
    resolution: int | None = None
    """Side in pixels or cells. None: the data's."""

    def run_command(self) -> None:
        """Do it."""
        from mnif_core.commands.sheets import write_instances
        from mnif_core.evaluation.interpolation import corner_numbers, corners_of, grids_of_views
        from mnif_core.sheets import save_png

        field, size = self.load(), self.size
        output = self.output or self.folder / "interpolation.png"
        latents = field.bilinear(corner_numbers(field.names, self.corners), size)
        if self.views == 1:
            write_instances(field, latents, output, size, self.resolution, corners_of(size))
        else:
            sheet = save_png(grids_of_views(field, latents, size, self.views, self.resolution), output)
            print(f"{self.views} views of {len(latents)} scenes on {sheet}", flush=True)


@dataclass
class Reconstruct(FieldCommand):
    """Find latents of unseen images, solids or scenes, and show each beside its reconstruction."""

    data: Path | None = None
    """As for training (scenes: a folder in SRN layout). None: the demo set."""
    count: int = 64
    """How many instances at most, from the first."""
    skip_bad: bool = False
    """Leave unreadable files out and count them, instead of stopping at the first."""

    def run_command(self) -> None:
        """Do it."""
        from mnif_core.sheets import arrange, save_png
        from mnif_core.unseen.reconstruction import PAIRS_PER_ROW, reconstruct

        found = reconstruct(self.load(), self.data, self.count, self.skip_bad)
        sheet = save_png(arrange(found.pictures, 2 * PAIRS_PER_ROW), self.output or self.folder / "reconstruction.png")
        print(f"{found.score_name} of {len(found.scores)} instances {found.mean} | {sheet}", flush=True)
