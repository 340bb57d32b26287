"""What is said of samples that are asked for by label: shares, diversity, real pictures beside."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from mnif_core.evaluation.evaluation import evaluate
from mnif_core.evaluation.evaluation_config import EvaluationConfig
from mnif_core.evaluation.label_figures import AS_ASKED, Labelled, label_figures
from mnif_core.evaluation.metrics.classes import train_classifier
from mnif_core.evaluation.subjects import read_subject
from mnif_core.generative_field import GenerativeField
from mnif_core.prior.gaussian_mixture import GaussianMixturePrior
from mnif_core.prior.latent_prior import LatentPrior, PriorConfig
from mnif_core.signals.images import ImageSignal
from mnif_core.signals.voxels import VoxelSignal
from tests.core.evaluation.test_evaluation import coloured, tiny_extractor
from tests.small_field import small_field

REAL, GUIDED, UNGUIDED = "labels, real test images", "labels, samples at guidance 2", "labels, samples unguided"
CENTRES = {"dress": -3.0, "hat": 0.0, "shoe": 3.0}


def kinds(each: int, seed: int, spread: float = 0.5) -> Labelled:
    """Features of one dimension that tells the labels apart, and one that tells nothing."""
    rows = torch.randn(3 * each, 2, generator=torch.Generator().manual_seed(seed)) * spread
    labels = [label for label in CENTRES for _ in range(each)]
    rows[:, 0] += torch.tensor([CENTRES[label] for label in labels])
    return Labelled(rows, labels)


class Drawer:
    """Stands for a field that draws hats where shoes are asked for, and all else right, all but alike."""

    classes = list(CENTRES)

    signal = ImageSignal()

    def __init__(self, stepped: bool) -> None:
        self.prior: Any = LatentPrior(PriorConfig(2, 16, 1, classes=3)) if stepped else None
        if not stepped:
            self.prior = GaussianMixturePrior.fit(torch.randn(9, 2), labels=torch.arange(9) % 3, classes=3)
        self.asked: list[tuple[str, float]] = []

    def sample_latents(self, count: int, seed: int, *_: Any, label: str, guidance: float) -> Tensor:
        self.asked.append((label, guidance))
        rows = 0.05 * torch.randn(count, 2, generator=torch.Generator().manual_seed(seed))
        rows[:, 0] += CENTRES["hat" if label == "shoe" else label]
        return rows


def figures(field: Any, unseen: Labelled | None = None, **settings: Any) -> dict[str, dict[str, Any]]:
    train = kinds(80, 0)
    classifier = train_classifier(train.features, train.labels)
    config = EvaluationConfig(**settings)
    return label_figures(field, classifier, train, unseen or kinds(40, 1), lambda latents, _: latents, config)


def test_shares_and_diversity_are_of_each_label_and_of_all() -> None:
    field = Drawer(stepped=True)
    found = figures(field)
    assert list(found) == [REAL, GUIDED, UNGUIDED]
    assert found[REAL][AS_ASKED] > 0.98 and found[REAL]["each"] == 120
    for name in (GUIDED, UNGUIDED):
        shares = {label: found[name][f"{AS_ASKED}, {label}"] for label in CENTRES}
        assert shares == {"dress": 1.0, "hat": 1.0, "shoe": 0.0}
        assert found[name][AS_ASKED] == pytest.approx(2 / 3)
        assert found[name]["diversity inside a label"] == pytest.approx(0.1, rel=0.15)
    assert set(field.asked) == {(label, guidance) for label in CENTRES for guidance in (2.0, 1.0)}


def test_of_all_labels_they_are_weighed_as_the_real_ones() -> None:
    many = kinds(40, 1)
    kept = [row for row, label in enumerate(many.labels) if label != "dress" or row % 4 == 0]
    unseen = Labelled(many.features[kept], [many.labels[row] for row in kept])
    assert figures(Drawer(True), unseen)[GUIDED][AS_ASKED] == pytest.approx(50 / 90)


@pytest.mark.parametrize(
    ("stepped", "settings"), [(True, {"sampler": "neighbours"}), (True, {"guidance": 1.0}), (False, {"guidance": 1.0})]
)
def test_what_is_not_guided_is_judged_once(stepped: bool, settings: dict[str, Any]) -> None:
    found = figures(Drawer(stepped), **settings)
    assert list(found) == [REAL, UNGUIDED]


def test_solids_are_judged_by_their_pictures(tmp_path: Path) -> None:
    field = small_field("voxel", 12)
    field.names, field.labels = [f"set_{number:06d}" for number in range(0, 24, 2)], ["big"] * 6 + ["small"] * 6
    field.prior = GaussianMixturePrior.fit(field.latents, labels=torch.arange(12) // 6, classes=2)
    field.save(tmp_path / "run/field")
    distance = VoxelSignal(12).grid().norm(dim=1).view(12, 12, 12).numpy()
    radii = np.concatenate([np.linspace(0.8, 0.9, 12), np.linspace(0.3, 0.4, 12)])
    words = np.array(12 * ["big"] + 12 * ["small"])
    np.savez(tmp_path / "set.npz", voxels=np.stack([distance < radius for radius in radii]), label=words)
    config = EvaluationConfig(samples=4)
    loaded = GenerativeField.load(tmp_path / "run/field")
    found = read_subject(loaded, tmp_path / "set.npz", None, config, tiny_extractor(), False).labelled(config)
    assert found["labels, real test solids"][AS_ASKED] == 1.0 and UNGUIDED in found
    json.dumps(found, allow_nan=False)


def evaluated(folder: Path, words: list[str] | None, labels: list[str]) -> dict[str, Any]:
    """Of a field of reds and blues that was trained with `labels`, and of pictures with `words`."""
    field = small_field("image")
    field.names = [f"set_{number:06d}" for number in (0, 2, 4, 9, 11)]
    field.labels = labels
    numbers = torch.tensor([0, 0, 0, 1, 1]) if labels else None
    field.prior = GaussianMixturePrior.fit(field.latents, labels=numbers, classes=2 if labels else 0)
    folder.mkdir(exist_ok=True)
    field.save(folder / "run/field")
    config = EvaluationConfig(samples=4)
    loaded = GenerativeField.load(folder / "run/field")
    subject = read_subject(loaded, coloured(folder, words), None, config, tiny_extractor(), False)
    found = evaluate(subject, tiny_extractor(), config, folder / "run").figures
    json.dumps(found, allow_nan=False)
    return found


def test_an_evaluation_has_them_where_data_and_field_know_labels(tmp_path: Path) -> None:
    words = 7 * ["blue"] + 7 * ["red"]
    labels = ["blue", "blue", "blue", "red", "red"]
    found = evaluated(tmp_path, words, labels)
    assert found[REAL][AS_ASKED] == 1.0 and found[UNGUIDED]["each"] == 64
    assert all(0 <= found[UNGUIDED][f"{AS_ASKED}, {word}"] <= 1 for word in ("red", "blue"))
    assert not any(name.startswith("labels") for name in evaluated(tmp_path / "none", words, []))
    assert not any(name.startswith("labels") for name in evaluated(tmp_path / "bare", None, labels))
