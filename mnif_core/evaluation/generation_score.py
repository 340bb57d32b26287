"""How far samples of a field are from instances that it has not seen, as one number: lower is better.

As many samples as there are unseen instances, several times over, since one draw of so few says little.
"""

from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import Tensor

from mnif_core.evaluation.metrics.extractors import offline_extractor
from mnif_core.evaluation.metrics.kernel_distance import kernel_distance
from mnif_core.evaluation.metrics.shapes import shape_scores
from mnif_core.evaluation.picture_evaluation import true_pictures
from mnif_core.evaluation.voxel_evaluation import clouds
from mnif_core.generative_field import GenerativeField
from mnif_core.sheets import tiles
from mnif_core.signals.observations import Observations

DRAWS = 4  # sets of samples
NOTHING = 2.0  # stands for a Chamfer distance where all samples are empty: solids lie in a cube of side 1
CHUNK = 16  # instances decoded at once: bounds memory
Figures = dict[str, float]


def generation_score(field: GenerativeField, unseen: Observations) -> tuple[float, Figures]:
    """The score of a field's samples, and by name the figures that it follows from.

    Pictures: squared MMD with KID's kernel on features of a network whose weights come with its package. Solids: mean
    Chamfer distance of an unseen shape to the nearest sample (MMD), which misses no kind of shape; beside it coverage.

    Args:
        field: with a prior.
        unseen: instances that training has not seen, three or more, known whole.

    Raises:
        DataError: the data know points only.
    """
    return SCORES.get(field.signal.kind, _of_pictures)(field, unseen)


def _draws(field: GenerativeField, count: int) -> Iterator[Tensor]:
    return (field.sample_latents(count, seed=seed) for seed in range(DRAWS))


def _of_pictures(field: GenerativeField, unseen: Observations) -> tuple[float, Figures]:
    extractor, count = offline_extractor(field.device), len(unseen.names)
    real = extractor.features(true_pictures(unseen), count, f"unseen {field.signal.noun}s")
    found = []
    for latents in _draws(field, count):
        pictures = (tiles(field, chunk) for chunk in latents.split(CHUNK))
        found.append(kernel_distance(real, extractor.features(pictures, count, "samples")).value)
    score = sum(found) / DRAWS
    return score, {f"KID ({extractor.name})": score}


def _of_solids(field: GenerativeField, unseen: Any) -> tuple[float, Figures]:
    count = len(unseen.names)
    whole = (unseen.grids(torch.tensor([index])) for index in range(count))
    real = clouds((grid[0].float().numpy() for grid in whole if grid is not None), count, "unseen shapes").points
    distances, covered, empty = [], [], 0
    for latents in _draws(field, count):
        grids = (grid for chunk in latents.split(CHUNK) for grid in field.decode(chunk).cpu().numpy())
        made, filled = clouds(grids, count, "samples")
        empty += count - filled
        figures = shape_scores(real, made) if len(made) else None
        distances.append(NOTHING if figures is None else figures.minimum_matching_distance)
        covered.append(0.0 if figures is None else figures.coverage)
    score = sum(distances) / DRAWS
    return score, {"MMD": score, "coverage": sum(covered) / DRAWS, "empty": empty / (DRAWS * count)}


SCORES: dict[str, Callable[[GenerativeField, Any], tuple[float, Figures]]] = {"voxel": _of_solids}
"""Kind of signal -> its score; by pictures of all others."""
