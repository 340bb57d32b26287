"""Unseen instances beside what is made of them: scores that mean what they say, for every modality."""

from pathlib import Path

import numpy as np
import pytest
import torch

from mnif_core.data.image_files import load_images
from mnif_core.data.voxel_files import load_voxels
from mnif_core.errors import ConfigError, DataError
from mnif_core.generative_field import GenerativeField
from mnif_core.signals.voxels import VoxelObservations
from mnif_core.unseen.reconstruction import grid_iou, load_observations, pairs, reconstruct, scores
from tests.small_field import small_field
from tests.srn_fixture import write_srn


@pytest.fixture
def field() -> GenerativeField:
    return small_field("image")


@pytest.fixture
def own_pictures(field: GenerativeField, tmp_path: Path) -> Path:
    """What the field's latents decode to, so that these latents are the best there are."""
    pictures = field.signal.decode(field.instance(field.latents)).clamp(0, 1)
    np.save(tmp_path / "own.npy", (pictures * 255).round().byte().numpy())
    return tmp_path / "own.npy"


@pytest.fixture
def own_solids(tmp_path: Path) -> tuple[GenerativeField, VoxelObservations]:
    field = small_field("voxel")
    np.save(tmp_path / "solids.npy", (field.decode(field.latents) > 0.5).numpy())
    return field, load_voxels(tmp_path / "solids.npy", 12)


def test_the_score_of_an_instance_is_its_psnr(field: GenerativeField, own_pictures: Path) -> None:
    observations = load_images(own_pictures, 8)
    latents = field.latents.roll(1, 0)
    found = scores(field, observations, latents)
    made = field.signal.decode(field.instance(latents)).clamp(0, 1).numpy()
    errors = ((made - np.load(own_pictures) / 255.0) ** 2).mean((1, 2, 3))
    np.testing.assert_allclose(found.numpy(), -10 * np.log10(errors), atol=0.05)


def test_true_latents_score_best(field: GenerativeField, own_pictures: Path) -> None:
    observations = load_images(own_pictures, 8)
    known = scores(field, observations, field.latents)
    assert float(known.min()) > 45  # but for rounding to bytes
    assert bool((scores(field, observations) < known).all())


def test_true_latents_overlap_wholly(own_solids: tuple[GenerativeField, VoxelObservations]) -> None:
    field, observations = own_solids
    assert grid_iou(field, observations, field.latents) == pytest.approx(1.0)
    other = grid_iou(field, observations, field.latents.roll(1, 0))
    assert other is not None and other < 0.95


def test_shapes_known_at_points_only_have_no_grids(own_solids: tuple[GenerativeField, VoxelObservations]) -> None:
    field, observations = own_solids
    observations.bits = None
    assert grid_iou(field, observations, field.latents) is None
    pictures = pairs(field, observations)
    assert len(pictures) == 10
    assert all(torch.equal(real, torch.ones_like(real)) for real in pictures[::2])


def test_each_instance_is_followed_by_its_reconstruction(field: GenerativeField, own_pictures: Path) -> None:
    found = reconstruct(field, own_pictures, count=3, skip_bad=False)
    assert len(found.pictures) == 6 and len(found.scores) == 3
    observations = load_images(own_pictures, 8)
    latents = field.reconstruct(observations)
    made = field.signal.decode(field.instance(latents)).clamp(0, 1)
    for number, truth in enumerate(np.load(own_pictures)[:3] / 255.0):
        np.testing.assert_allclose(found.pictures[2 * number].numpy(), truth, atol=1e-6)
        torch.testing.assert_close(found.pictures[2 * number + 1], made[number], atol=1e-3, rtol=0)
    torch.testing.assert_close(torch.tensor(found.scores), scores(field, observations)[:3], atol=1e-2, rtol=0)
    assert found.score_name == "PSNR" and found.mean == f"{sum(found.scores) / 3:.3f} dB"


def test_solids_are_scored_by_their_overlap(
    own_solids: tuple[GenerativeField, VoxelObservations], tmp_path: Path
) -> None:
    found = reconstruct(own_solids[0], tmp_path / "solids.npy", count=64, skip_bad=False)
    assert len(found.scores) == 5 and found.score_name == "IoU" and all(0 <= score <= 1 for score in found.scores)
    assert found.mean == f"{sum(found.scores) / 5:.3f}"


def test_scenes_are_shown_from_a_view_that_was_not_fitted(tmp_path: Path) -> None:
    found = reconstruct(small_field("scene"), write_srn(tmp_path, scenes=2), count=1, skip_bad=False)
    assert len(found.scores) == 1 and found.score_name == "PSNR" and found.mean.endswith(" dB")
    truth, made = found.pictures
    assert truth.shape == made.shape == (8, 8, 3) and not torch.equal(truth, made)


def test_what_cannot_be_read_is_one_line(tmp_path: Path) -> None:
    scene, image = small_field("scene"), small_field("image")
    for action, error, message in (
        (lambda: reconstruct(scene, None, 4, False), ConfigError, "no unseen demo scenes; pass --data"),
        (lambda: load_observations(scene, None, False), ConfigError, "use ns-eval"),
        (lambda: reconstruct(image, tmp_path / "gone.npy", 4, False), DataError, "gone.npy"),
    ):
        with pytest.raises(error, match=message) as raised:
            action()
        assert "\n" not in str(raised.value)


def test_unreadable_pictures_are_left_out_where_asked(field: GenerativeField, tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    from PIL import Image

    for number in range(3):
        Image.fromarray(rng.integers(0, 255, (8, 8, 3), dtype=np.uint8)).save(tmp_path / f"{number}.png")
    (tmp_path / "3.png").write_bytes(b"no picture")
    with pytest.raises(DataError, match=r"3\.png"):
        reconstruct(field, tmp_path, 64, skip_bad=False)
    assert len(reconstruct(field, tmp_path, 64, skip_bad=True).scores) == 3
