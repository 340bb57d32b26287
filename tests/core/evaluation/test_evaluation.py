"""Evaluation of a run: its own figures, nothing from training data unless it says so, results kept while they hold."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from mnif_core import GenerativeField, ImageTrainer, VoxelTrainer
from mnif_core.cli import main
from mnif_core.data.image_files import load_images
from mnif_core.errors import ConfigError, DataError
from mnif_core.evaluation.efficiency import peak_memory
from mnif_core.evaluation.evaluation import (
    CLOSEST_PICTURES,
    NOISE,
    REAL,
    RECONSTRUCTIONS,
    SAMPLES,
    draw,
    evaluate,
    some,
)
from mnif_core.evaluation.evaluation_config import EvaluationConfig
from mnif_core.evaluation.image_evaluation import (
    REAL_CLASSES,
    RECONSTRUCTED_CLASSES,
    SAMPLE_CLASSES,
    ImageSubject,
)
from mnif_core.evaluation.metrics.extractors import Extractor, module_extractor
from mnif_core.evaluation.results import Figures
from mnif_core.evaluation.splits import splits
from mnif_core.evaluation.subjects import read_subject
from mnif_core.evaluation.voxel_evaluation import (
    REAL_PIECES,
    RECONSTRUCTED_PIECES,
    SAMPLE_PIECES,
    VoxelSubject,
    clouds,
)
from mnif_core.signals.images import ImageObservations, ImageSignal
from mnif_core.signals.shading import values_of
from mnif_core.signals.voxels import VoxelObservations, VoxelSignal
from tests.core.test_cli import save_field
from tests.live_tensors import LiveTensors

SETTINGS: dict[str, Any] = {"fit_length": 60, "prior_length": 40, "device": "cpu"}
FRECHET = "Frechet distance (efficientnet-lite0)"
KERNEL = "kernel distance (efficientnet-lite0)"


def balls() -> np.ndarray:
    points = VoxelSignal(16).grid().numpy()
    rng = np.random.default_rng(0)
    return np.stack(
        [
            (np.linalg.norm(points - rng.uniform(-0.2, 0.2, 3), axis=1) < rng.uniform(0.3, 0.7)).reshape(16, 16, 16)
            for _ in range(60)
        ]
    )


@pytest.fixture(scope="module")
def images(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    folder = tmp_path_factory.mktemp("images")
    np.save(folder / "set.npy", load_images(None, 16).images[:60].numpy())
    ImageTrainer(folder / "set.npy", output_dir=folder / "run", resolution=16, **SETTINGS).fit()
    return folder / "run", folder / "set.npy"


@pytest.fixture(scope="module")
def voxels(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    folder = tmp_path_factory.mktemp("voxels")
    np.save(folder / "set.npy", balls())
    settings = SETTINGS | {"fit_length": 800, "prior_length": 300}
    VoxelTrainer(folder / "set.npy", output_dir=folder / "run", **settings).fit()
    return folder / "run", folder / "set.npy"


def evaluated(run: Path, data: Path, *options: str) -> dict[str, Any]:
    assert main(["evaluate", str(run), "--data", str(data), *options]) == 0
    return json.loads((run / "evaluation.json").read_text())["figures"]


def tiny_extractor() -> Extractor:
    return module_extractor("mean colour", torch.nn.Sequential(torch.nn.AdaptiveAvgPool2d(2), torch.nn.Flatten()))


def test_images(images: tuple[Path, Path], capsys: pytest.CaptureFixture[str]) -> None:
    run, data = images
    figures = evaluated(run, data)
    summary = json.loads((run / "summary.json").read_text())
    test = figures["reconstruction, test"]
    assert test["instances"] == summary["unseen_instances"] == 6
    assert round(test["PSNR"], 4) == summary["unseen_psnr"], "the trainer's own number"
    assert test["MSE"] == pytest.approx(10 ** (-test["PSNR"] / 10), rel=0.5)
    assert figures["generation"]["against"] == "54 train images" and figures["generation"]["samples"] == 64
    assert "FID" not in json.dumps(figures) and "KID" not in json.dumps(figures)
    compared = [figures[name] for name in (REAL, RECONSTRUCTIONS, SAMPLES, NOISE)]
    assert [group["each"] for group in compared] == 4 * [27]
    assert all(0 < group[f"{KERNEL}, standard error"] < 1 for group in [*compared, figures["generation"]])
    assert test[f"r{KERNEL}, standard error"] > 0
    assert "class" not in json.dumps(figures), "one set without labels"
    for distance in (FRECHET, KERNEL):
        order = [figures[name][distance] for name in (REAL, SAMPLES, NOISE)]
        assert order == sorted(order)
    shown = capsys.readouterr().out
    assert "features: efficientnet-lite0, bilinear resize to 160, not quantised" in shown
    assert all((run / name).stat().st_size > 1000 for name in CLOSEST_PICTURES)


def test_a_part_is_made_anew_only_where_what_it_follows_from_has_changed(
    images: tuple[Path, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    run, data = images
    evaluated(run, data)
    capsys.readouterr()
    evaluated(run, data)
    assert capsys.readouterr().out.count(": unchanged") == 4
    evaluated(run, data, "--samples", "20")
    shown = capsys.readouterr().out
    assert shown.count(": unchanged") == 2 and "reconstruction, test: unchanged" in shown
    (run / CLOSEST_PICTURES[0]).unlink()
    evaluated(run, data, "--samples", "20")
    assert "memorisation: unchanged" not in capsys.readouterr().out
    array = np.load(data)
    array[-1] = 255 - array[-1]
    changed = data.with_name("changed") / "set.npy"  # of the same name, so that instances are called the same
    changed.parent.mkdir(exist_ok=True)
    np.save(changed, array)
    capsys.readouterr()
    evaluated(run, changed)
    assert "unchanged" not in capsys.readouterr().out


def test_test_data_that_lie_apart(
    images: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run, data = images
    np.save(tmp_path / "test.npy", load_images(None, 16).images[60:70].numpy())
    figures = evaluated(run, data, "--test-data", str(tmp_path / "test.npy"), "--output", str(tmp_path))
    figures = json.loads((tmp_path / "evaluation.json").read_text())["figures"]
    assert figures["reconstruction, test"]["instances"] == 10
    assert figures["reconstruction, held out"]["instances"] == 6
    capsys.readouterr()
    assert main(["evaluate", str(run), "--data", str(data), "--test-data", str(data)]) == 1
    assert "pass other --test-data" in capsys.readouterr().err


def test_solids(voxels: tuple[Path, Path]) -> None:
    run, data = voxels
    figures = evaluated(run, data)
    summary = json.loads((run / "summary.json").read_text())
    test = figures["reconstruction, test"]
    assert round(test["IoU near surfaces"], 4) == summary["unseen_iou"], "the trainer's own number"
    assert test["IoU of grids"] == summary["unseen_grid_iou"]
    assert figures["generation"]["against"] == "6 of 6 test shapes" and figures["generation"]["samples"] == 6
    assert figures[REAL]["against"] == "27 train shapes"
    pieces = [figures[name] for name in (REAL_PIECES, RECONSTRUCTED_PIECES, SAMPLE_PIECES)]
    assert [group["each"] for group in pieces] == [6, 6, 6]
    assert pieces[0] == {"each": 6, "whole": 1.0, "empty": 0.0} and test["whole, real"] == 1.0
    assert pieces[1]["whole"] == test["whole"] > 0.5 and all(group["whole"] + group["empty"] <= 1 for group in pieces)
    # six test balls cannot tell good samples from other real balls, but both from noise
    for figure in ("MMD", "1-NNA"):
        assert max(figures[REAL][figure], figures[SAMPLES][figure]) < figures[NOISE][figure]
    assert figures["memorisation"]["training instances"] == 54
    assert all((run / name).exists() for name in CLOSEST_PICTURES)


def untrained(tmp_path: Path, side: int = 8) -> tuple[GenerativeField, ImageSubject]:
    field = GenerativeField.load(save_field("image", tmp_path / "run") / "field")
    field.signal = ImageSignal(side, side)
    pictures = torch.randint(0, 255, (8, side, side, 3), dtype=torch.uint8)
    parts = splits(field.names, ImageObservations(pictures, [f"item_{i}" for i in range(8)]))
    return field, ImageSubject(field, parts, tiny_extractor())


def test_any_network_may_extract_features(tmp_path: Path) -> None:
    _, subject = untrained(tmp_path)
    figures = evaluate(subject, subject.extractor, EvaluationConfig(samples=9), tmp_path).figures
    assert figures["generation"]["Frechet distance (mean colour)"] > 0
    parts = json.loads((tmp_path / "evaluation.json").read_text())["parts"]
    assert parts["generation"]["settings"]["preprocessing"] == "no resize, not quantised"


def test_samples_are_those_of_the_field_however_many(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    field, _ = untrained(tmp_path)
    monkeypatch.setattr("mnif_core.evaluation.evaluation.DRAWN", 4)
    drawn = draw(field, 10, EvaluationConfig(seed=3))
    torch.testing.assert_close(drawn[:4], field.sample_latents(4, seed=3))
    assert len(drawn) == 10 and len(drawn.unique(dim=0)) == 10


def test_memory_does_not_grow_with_the_samples(tmp_path: Path) -> None:
    field, subject = untrained(tmp_path, 32)
    latents = field.latents.repeat(4000, 1)
    with peak_memory(torch.device("cpu")) as peak:
        features = subject.sample_features(latents)
    assert features.shape == (20000, 12)
    if "bytes" not in peak:
        pytest.skip("this system does not tell a process's peak memory (no /proc/self/clear_refs)")
    assert peak["bytes"] < 20000 * 32 * 32 * 3 * 4 / 4, "a quarter of what the pictures take together"


def test_a_whole_evaluation_holds_neither_samples_nor_matrices_of_all_pairs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mnif_core.evaluation.metrics.fidelity.SIDE", 1024)
    monkeypatch.setattr("mnif_core.evaluation.metrics.kernel_distance.ENTRIES", 1 << 19)
    _, subject = untrained(tmp_path, 32)
    evaluate(subject, subject.extractor, EvaluationConfig(samples=64), tmp_path / "few")  # what is kept once
    count = 8_000
    with LiveTensors() as alive:
        found = evaluate(subject, subject.extractor, EvaluationConfig(samples=count), tmp_path / "many")
    assert found.figures["generation"]["samples"] == count
    assert alive.peak < count * 32 * 32 * 3 * 4 / 3, "a third of what the pictures take together"
    assert alive.peak < count * count * 4 / 8, "an eighth of what the distances take together"


def coloured(folder: Path, words: list[str] | None, name: str = "set") -> Path:
    """Red pictures, then blue ones, `words` of them."""
    count = 14
    pictures = np.random.default_rng(len(name)).integers(0, 60, (count, 8, 8, 3), dtype=np.uint8)
    pictures[: count // 2, ..., 0] += 180
    pictures[count // 2 :, ..., 2] += 180
    arrays: dict[str, Any] = {"images": pictures} | ({} if words is None else {"label": np.array(words)})
    np.savez(folder / f"{name}.npz", **arrays)
    return folder / f"{name}.npz"


def judged(folder: Path, data: Path, test: Path | None = None, **drawn: Any) -> Figures:
    """Of a field of reds and blues, which has seen five of the pictures."""
    field = GenerativeField.load(save_field("image", folder / "run") / "field")
    field.names = [f"set_{number:06d}" for number in (0, 2, 4, 9, 11)]
    config = EvaluationConfig(**drawn)
    subject = read_subject(field, data, test, config, tiny_extractor(), False)
    return evaluate(subject, tiny_extractor(), config, folder).figures


def test_labelled_images_are_judged_by_their_classes_equally_many_of_each(tmp_path: Path) -> None:
    figures = judged(tmp_path, coloured(tmp_path, 7 * ["red"] + 7 * ["blue"]), samples=4)
    assert figures["reconstruction, test"]["class accuracy, real"] == 1.0
    assert figures["reconstruction, test"]["class accuracy"] > 0.7, "even an untrained field gets the colour right"
    assert "class accuracy" not in figures["reconstruction, train"], "the classifier has seen these"
    groups = [figures[name] for name in (REAL_CLASSES, RECONSTRUCTED_CLASSES, SAMPLE_CLASSES)]
    assert all(group["each"] == 4 and group["classes"] == 2 and 0.5 <= group["certainty"] <= 1 for group in groups)
    assert groups[0]["inception score"] > 1.5, "of both colours, though they are sorted"


def test_other_labels_make_other_figures(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    judged(tmp_path, coloured(tmp_path, 7 * ["red"] + 7 * ["blue"]), samples=4)
    judged(tmp_path, coloured(tmp_path, 7 * ["blue"] + 7 * ["red"]), samples=4)
    assert "unchanged" not in capsys.readouterr().out


@pytest.mark.parametrize("words", [None, 14 * ["red"]])
def test_images_without_classes_are_evaluated_as_ever(words: list[str] | None, tmp_path: Path) -> None:
    figures = judged(tmp_path, coloured(tmp_path, words), samples=4)
    assert "class" not in json.dumps(figures) and "generation" in figures


def test_test_images_need_no_labels_and_other_ones_are_one_line(tmp_path: Path) -> None:
    data = coloured(tmp_path, 7 * ["red"] + 7 * ["blue"])
    figures = judged(tmp_path, data, coloured(tmp_path, None, "others"), samples=4)
    assert figures["reconstruction, held out"]["class accuracy, real"] == 1.0
    assert "class accuracy" not in figures["reconstruction, test"] and figures[REAL_CLASSES]["each"] == 4
    swapped = coloured(tmp_path, 7 * ["blue"] + 7 * ["red"], "swapped")
    assert judged(tmp_path, data, swapped, samples=4)["reconstruction, test"]["class accuracy, real"] == 0.0
    with pytest.raises(ConfigError, match="class 'green' is none of the training data's"):
        judged(tmp_path, data, coloured(tmp_path, 7 * ["green"] + 7 * ["blue"], "strange"), samples=4)
    with pytest.raises(DataError, match="set.npz: 3 entries in 'label' for 14 instances"):
        judged(tmp_path, coloured(tmp_path, ["red", "red", "blue"]), samples=4)


def test_solids_known_at_points_only(tmp_path: Path) -> None:
    field = GenerativeField.load(save_field("voxel", tmp_path / "run") / "field")
    cells = torch.randint(0, 12, (5, 30, 3), dtype=torch.uint8)
    values = torch.from_numpy(values_of(cells[..., 0].numpy() > 5))
    parts = {"train": VoxelObservations(cells, values, 12, field.names, VoxelSignal(12))}
    found = VoxelSubject(field, parts, tiny_extractor()).reconstruction("train")
    assert found["IoU of grids"] is None and 0 <= found["whole"] <= 1 and "whole, real" not in found


def test_few_of_many_are_of_all_kinds() -> None:
    assert some(torch.arange(9)[:, None], 3).flatten().tolist() == [0, 4, 8]
    assert some(torch.arange(3)[:, None], 3).flatten().tolist() == [0, 1, 2]


def test_no_more_surfaces_are_kept_than_are_compared() -> None:
    grids = balls()[:6].astype(np.float32)
    grids[[1, 3]] = 0.0
    whole, some_of_them = clouds(iter(grids), 6, "balls"), clouds(iter(grids), 6, "balls", most=2)
    assert whole.points.shape == (4, 2048, 3) and whole.filled == some_of_them.filled == 4
    assert torch.equal(some_of_them.points, whole.points[:2])
