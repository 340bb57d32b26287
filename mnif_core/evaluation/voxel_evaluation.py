"""Figures of a field of solids: Table 2 of the paper."""

from collections.abc import Iterable, Iterator
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
import torch
import trimesh
from numpy.typing import NDArray
from rich.progress import track
from torch import Tensor

from mnif_core.evaluation.evaluation import CHUNK, FEW, NOISE, REAL, SAMPLES, memorisation
from mnif_core.evaluation.metrics.extractors import Extractor
from mnif_core.evaluation.metrics.shapes import POINTS, shape_scores
from mnif_core.evaluation.picture_evaluation import latents_of, observed
from mnif_core.evaluation.results import Figures
from mnif_core.generative_field import GenerativeField
from mnif_core.sheets import tiles
from mnif_core.signals.voxels import VoxelObservations, grid_mesh
from mnif_core.unseen.reconstruction import grid_iou, scores

DECODED = 4  # grids decoded at once: bounds memory
YARDSTICK = 32  # shapes of each kind: Chamfer distances take milliseconds a pair


class VoxelSubject:
    """A field of solids with its data.

    Samples are compared with equally many test shapes, as in the paper; with training shapes where there are no others.

    Args:
        field: of solids.
        parts: as `splits` gives them.
        extractor: of features of the solids' pictures, for memorisation.
    """

    def __init__(self, field: GenerativeField, parts: dict[str, VoxelObservations], extractor: Extractor) -> None:
        self.field, self.extractor = field, extractor
        self.parts = parts
        self.splits = list(parts)
        self.against = "test" if "test" in parts else "train"
        self.samples = max(FEW, len(parts[self.against].names))

    def data(self) -> Iterator[Tensor | str]:
        """See `Subject.data`."""
        grids = (part.bits for part in self.parts.values())
        return chain(observed(self.parts), (bits for bits in grids if bits is not None))

    def reconstruction(self, split: str) -> dict[str, Any]:
        """See `Subject.reconstruction`."""
        observations, field = self.parts[split], self.field
        latents = latents_of(field, split, observations)
        errors = []
        chunks = torch.arange(len(latents)).split(CHUNK)
        for index in track(chunks, f"Points, {split}", total=len(chunks), transient=True):
            coordinates, targets = (part.to(field.device) for part in observations.observe(index))
            with torch.no_grad():
                values = field.instance(latents[index])(coordinates)
            errors.append(((values - targets) * 0.5).square().mean((1, 2)))
        squared = torch.cat(errors)
        return {
            "instances": len(squared),
            "MSE": float(squared.mean()),
            "PSNR": float((-10 * squared.clamp(min=1e-8).log10()).mean()),
            "IoU near surfaces": float(scores(field, observations, latents).mean()),
            "IoU of grids": grid_iou(field, observations, latents),
        }

    def generation(self, latents: Tensor) -> Figures:
        """See `Subject.generation`. The yardstick's real shapes are two parts of the training shapes."""
        references = self._true_clouds(self.parts[self.against])
        if references is None:
            return {"generation": {"against": "nothing: the data know no whole grids"}}
        made = clouds(self._grids(latents), len(latents), "samples")
        count = min(len(references), len(made))
        figures: dict[str, Any] = {
            "against": f"{count} of {len(references)} {self.against} shapes",
            "samples": count,
            "empty samples": f"{len(latents) - len(made)} of {len(latents)}",
        }
        figures |= shape_figures(references[:count], made[:count]) if count else {}
        train = self.parts["train"]
        count = min(YARDSTICK, len(train.names) // 2, len(made))
        if count == 0:
            return {"generation": figures}
        real = self._true_clouds(train.subset(range(2 * count)))
        assert real is not None
        noise = torch.rand(count, POINTS, 3, generator=torch.Generator().manual_seed(0)) - 0.5
        sets = {REAL: real[1::2], SAMPLES: made[:count], NOISE: noise}
        against = {"against": f"{count} train shapes", "each": count}
        return {
            "generation": figures,
            **{name: against | shape_figures(real[0::2], shapes) for name, shapes in sets.items()},
        }

    def memorisation(self, latents: Tensor, folder: Path) -> dict[str, Any]:
        """See `Subject.memorisation`."""
        train = torch.arange(len(self.field.latents))
        pictures = (tiles(self.field, chunk) for chunk in latents.split(DECODED))
        ours = self.extractor.features(pictures, len(latents), "samples")
        pictures = (self._training_pictures(chunk) for chunk in train.split(DECODED))
        theirs = self.extractor.features(pictures, len(train), "training shapes")
        return memorisation(self.field, latents, (ours, theirs), self._training_pictures, folder)

    def _grids(self, latents: Tensor) -> Iterator[NDArray[np.float32]]:
        for chunk in latents.split(DECODED):
            yield from self.field.decode(chunk).cpu().numpy()

    def _true_clouds(self, observations: VoxelObservations) -> Tensor | None:
        if observations.bits is None:
            return None
        whole = (observations.grids(torch.tensor([index])) for index in range(len(observations.names)))
        grids = (grid[0].float().numpy() for grid in whole if grid is not None)
        return clouds(grids, len(observations.names), "real shapes")

    def _training_pictures(self, index: Tensor) -> Tensor:
        """The data's own, or where they know points only the field's."""
        real = self.parts["train"].pictures(index)
        return tiles(self.field, self.field.latents[index.to(self.field.device)]) if real is None else real


def shape_figures(references: Tensor, shapes: Tensor) -> dict[str, float]:
    """COV, MMD and 1-NNA of clouds `[r, p, 3]`, named as in the literature."""
    found = shape_scores(references, shapes)
    return {
        "COV": found.coverage,
        "MMD": found.minimum_matching_distance,
        "1-NNA": found.nearest_neighbour_accuracy,
    }


def clouds(grids: Iterable[NDArray[np.float32]], count: int, what: str) -> Tensor:
    """2,048 points on the surface of every one of `count` solids that is not empty `[r, p, 3]`."""
    found = []
    for index, grid in enumerate(track(grids, f"Surfaces of {what}", total=count, transient=True)):
        mesh = grid_mesh(grid)
        if len(mesh.faces):
            points = trimesh.sample.sample_surface(mesh, POINTS, seed=index)[0]
            found.append(torch.from_numpy(np.asarray(points, dtype=np.float32)))
    return torch.stack(found) if found else torch.zeros(0, POINTS, 3)
