"""Figures of a field of solids: Table 2 of the paper."""

from collections.abc import Iterable, Iterator
from functools import cache
from itertools import chain
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
import trimesh
from numpy.typing import NDArray
from rich.progress import track
from torch import Tensor

from mnif_core.evaluation.evaluation import CHUNK, FEW, NOISE, REAL, SAMPLES, memorisation
from mnif_core.evaluation.evaluation_config import EvaluationConfig
from mnif_core.evaluation.label_figures import Labelled, label_figures
from mnif_core.evaluation.metrics.classes import train_classifier
from mnif_core.evaluation.metrics.connectivity import connectivity, largest_share
from mnif_core.evaluation.metrics.extractors import Extractor
from mnif_core.evaluation.metrics.shapes import POINTS, shape_scores
from mnif_core.evaluation.picture_evaluation import latents_of, observed, pictures_of
from mnif_core.evaluation.results import Figures
from mnif_core.generative_field import GenerativeField
from mnif_core.sheets import tiles
from mnif_core.signals.voxels import VoxelObservations, grid_mesh
from mnif_core.spread import spread_indices
from mnif_core.unseen.reconstruction import GRIDS, overlap, scores

DECODED = 4  # grids decoded at once: bounds memory
REAL_PIECES = "pieces, real"
RECONSTRUCTED_PIECES = "pieces, their reconstructions"
SAMPLE_PIECES = "pieces, samples"
YARDSTICK = 32  # shapes of each kind: Chamfer distances take milliseconds a pair


class Grids(NamedTuple):
    """What whole grids of a split tell.

    Attributes:
        made: share of the largest piece of each reconstruction.
        real: of each of the data's own; empty where the data know points only.
        overlaps: of the two, a part `[s]` after the other.
    """

    made: list[float]
    real: list[float]
    overlaps: list[Tensor]

    @property
    def iou(self) -> float | None:
        """Mean over the split; none where the data know points only."""
        return float(torch.cat(self.overlaps).mean()) if self.overlaps else None


class VoxelSubject:
    """A field of solids with its data.

    Samples are compared with equally many test shapes, as in the paper; with training shapes where there are no others.

    Args:
        field: of solids.
        parts: as `splits` gives them.
        extractor: of features of the solids' pictures, for memorisation and labels.
    """

    def __init__(self, field: GenerativeField, parts: dict[str, VoxelObservations], extractor: Extractor) -> None:
        self.field, self.extractor = field, extractor
        self.parts = parts
        self.splits = list(parts)
        self.against = "test" if "test" in parts else "train"
        self.samples = max(FEW, len(parts[self.against].names))
        self.latents = cache(self._compute_latents)
        self.grids = cache(self._compute_grids)

    def data(self) -> Iterator[Tensor | str]:
        """See `Subject.data`."""
        grids = (part.bits for part in self.parts.values())
        labels = (str(part.labels) for part in self.parts.values() if part.labels is not None)
        return chain(observed(self.parts), (bits for bits in grids if bits is not None), labels)

    def reconstruction(self, split: str) -> dict[str, Any]:
        """See `Subject.reconstruction`."""
        observations, field = self.parts[split], self.field
        latents, grids = self.latents(split), self.grids(split)
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
            "IoU of grids": grids.iou,
            **connectivity(grids.made),
            **({f"{name}, real": share for name, share in connectivity(grids.real).items()} if grids.real else {}),
        }

    def generation(self, latents: Tensor) -> Figures:
        """See `Subject.generation`. The yardstick's real shapes are two parts of the training shapes."""
        references = self._true_clouds(self.parts[self.against])
        if references is None:
            return {"generation": {"against": "nothing: the data know no whole grids"}}
        pieces: list[float] = []
        most = max(len(references), YARDSTICK)  # more are not compared
        made, filled = clouds(self._grids(latents, pieces), len(latents), "samples", most)
        count = min(len(references), len(made))
        figures: dict[str, Any] = {
            "against": f"{count} of {len(references)} {self.against} shapes",
            "samples": count,
            "empty samples": f"{len(latents) - filled} of {len(latents)}",
        }
        figures |= shape_figures(references[:count], made[:count]) if count else {}
        groups = {"generation": figures, **self._pieces(pieces)}
        train = self.parts["train"]
        count = min(YARDSTICK, len(train.names) // 2, len(made))
        if count == 0:
            return groups
        real = self._true_clouds(train.subset(range(2 * count)))
        assert real is not None
        noise = torch.rand(count, POINTS, 3, generator=torch.Generator().manual_seed(0)) - 0.5
        sets = {REAL: real[1::2], SAMPLES: made[:count], NOISE: noise}
        against = {"against": f"{count} train shapes", "each": count}
        return groups | {name: against | shape_figures(real[0::2], shapes) for name, shapes in sets.items()}

    def labelled(self, config: EvaluationConfig) -> Figures:
        """See `Subject.labelled`; judged by a classifier of real training shapes' pictures."""
        real = {split: self._labelled(split) for split in ("train", "test") if split in self.parts}
        train, unseen = real.get("train"), real.get("test")
        if train is None or unseen is None or len(set(train.labels)) < 2:
            return {}
        classifier = train_classifier(train.features, train.labels)
        return label_figures(self.field, classifier, train, unseen, self._features_of, config)

    def _labelled(self, split: str) -> Labelled | None:
        """Of the data's own pictures; none where they have no labels or are known at points only."""
        part = self.parts[split]
        if part.labels is None or part.bits is None:
            return None
        chunks = torch.arange(len(part.names)).split(DECODED)
        pictures = (pictures_of(part, index) for index in chunks)
        return Labelled(self.extractor.features(pictures, len(part.names), f"{split} shapes"), part.labels)

    def _features_of(self, latents: Tensor, what: str) -> Tensor:
        pictures = (tiles(self.field, chunk) for chunk in latents.split(DECODED))
        return self.extractor.features(pictures, len(latents), what)

    def memorisation(self, latents: Tensor, folder: Path) -> dict[str, Any]:
        """See `Subject.memorisation`."""
        train = torch.arange(len(self.field.latents))
        ours = self._features_of(latents, "samples")
        pictures = (self._training_pictures(chunk) for chunk in train.split(DECODED))
        theirs = self.extractor.features(pictures, len(train), "training shapes")
        return memorisation(self.field, latents, (ours, theirs), self._training_pictures, folder)

    def _pieces(self, samples: list[float]) -> Figures:
        """Whether real shapes, their reconstructions and samples hang together, of equally many each."""
        grids = self.grids(self.against)
        sets = {REAL_PIECES: grids.real, RECONSTRUCTED_PIECES: grids.made, SAMPLE_PIECES: samples}
        count = min(map(len, sets.values()))
        chosen = {
            name: [shares[index] for index in spread_indices(len(shares), count).tolist()]
            for name, shares in sets.items()
        }
        return {name: {"each": count, **connectivity(shares)} for name, shares in chosen.items()}

    def _compute_latents(self, split: str) -> Tensor:
        return latents_of(self.field, split, self.parts[split])

    def _compute_grids(self, split: str) -> Grids:
        observations, latents = self.parts[split], self.latents(split)
        found = Grids([], [], [])
        chunks = torch.arange(len(latents)).split(GRIDS)
        for index in track(chunks, f"Grids, {split}", total=len(chunks), transient=True):
            ours, theirs = self.field.decode(latents[index]).cpu() > 0.5, observations.grids(index)
            found.made.extend(largest_share(grid.numpy()) for grid in ours)
            if theirs is not None:
                found.real.extend(largest_share(grid.numpy()) for grid in theirs)
                found.overlaps.append(overlap(ours, theirs))
        return found

    def _grids(self, latents: Tensor, pieces: list[float]) -> Iterator[NDArray[np.float32]]:
        """Occupancy of one sample after the other; `pieces` gets the share of its largest one."""
        for chunk in latents.split(DECODED):
            for grid in self.field.decode(chunk).cpu().numpy():
                pieces.append(largest_share(grid > 0.5))
                yield grid

    def _true_clouds(self, observations: VoxelObservations) -> Tensor | None:
        if observations.bits is None:
            return None
        whole = (observations.grids(torch.tensor([index])) for index in range(len(observations.names)))
        grids = (grid[0].float().numpy() for grid in whole if grid is not None)
        return clouds(grids, len(observations.names), "real shapes").points

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


class Clouds(NamedTuple):
    """Surfaces of solids.

    Attributes:
        points: 2,048 on the surface of each solid that is not empty and is kept `[r, p, 3]`.
        filled: solids that are not empty.
    """

    points: Tensor
    filled: int


def clouds(grids: Iterable[NDArray[np.float32]], count: int, what: str, most: int | None = None) -> Clouds:
    """The surfaces of `count` solids, of which the first `most` that are not empty are kept. None: all of them."""
    found: list[Tensor] = []
    filled = 0
    for index, grid in enumerate(track(grids, f"Surfaces of {what}", total=count, transient=True)):
        mesh = grid_mesh(grid)
        if not len(mesh.faces):
            continue
        filled += 1
        if most is None or len(found) < most:
            points = trimesh.sample.sample_surface(mesh, POINTS, seed=index)[0]
            found.append(torch.from_numpy(np.asarray(points, dtype=np.float32)))
    return Clouds(torch.stack(found) if found else torch.zeros(0, POINTS, 3), filled)
