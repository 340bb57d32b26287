"""Pictures without cameras by the command: fitted, drawn, kept with the cameras found, refused in one line."""

import math
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from mnif_core.cli import main
from mnif_core.data.cut_out import cut_out
from mnif_core.data.posed_views import read_posed_views
from mnif_core.generative_field import GenerativeField
from mnif_core.networks.kernels.cpu import sine_choice
from mnif_core.networks.kernels.cpu.sines import TORCH
from mnif_core.rendering.cameras import look_at_origin_opengl
from mnif_core.rendering.poses import rotation_distance
from mnif_core.signals.scenes import SceneSignal
from mnif_core.unseen.pose_bank import PoseBank, PoseGrid
from mnif_core.unseen.saved_scenes import read_scene
from mnif_core.unseen.unposed import CameraSearch, cut_outs, find_cameras, guess_sheet
from tests.core.test_cli import save_field
from tests.painted_boxes import SIDE, painted_boxes

AZIMUTHS = (0.4, 2.2)
SEARCH = CameraSearch(hypotheses=4, steps=(30, 50))


@pytest.fixture(autouse=True)
def _one_sine(monkeypatch: pytest.MonkeyPatch) -> None:
    """A search this short ends elsewhere by rounding: whichever sine a machine has, one serves here."""
    monkeypatch.setattr(sine_choice, "chosen_sines", lambda: TORCH)


@pytest.fixture(scope="module")
def field() -> GenerativeField:
    return painted_boxes()


@pytest.fixture
def photos(field: GenerativeField, tmp_path: Path) -> Path:
    """Two pictures of one training scene, off the middle of larger ones."""
    folder = tmp_path / "photos"
    folder.mkdir()
    for azimuth in AZIMUTHS:
        camera = look_at_origin_opengl(torch.tensor([azimuth]), math.radians(24.0), 1.3)[0]
        made = (field.render(field.latents[3], camera)[0] * 255).round().byte().numpy()
        picture = np.full((48, 60, 3), 255, dtype=np.uint8)
        picture[10 : 10 + SIDE, 24 : 24 + SIDE] = made
        Image.fromarray(picture).save(folder / f"{azimuth}.png")
    return folder


def test_one_object_has_one_latent_and_a_camera_for_each_picture(field: GenerativeField, photos: Path) -> None:
    bank = PoseBank(field, PoseGrid(scenes=6, elevations=(10.0, 24.0, 38.0)))
    files = sorted(photos.iterdir())
    found = find_cameras(field, bank, cut_outs(field, files), "box", SEARCH)
    assert found.views.pictures.shape == (2, SIDE, SIDE, 3) and found.latent.shape == (6,)
    turned = torch.from_numpy(found.views.camera_to_worlds[:, :, :3])
    true = look_at_origin_opengl(torch.tensor(AZIMUTHS), math.radians(24.0), 1.3)[:, :, :3]
    between = rotation_distance(true[0], true[1])
    # whichever end is taken for the front, both pictures take the same
    assert abs(float(rotation_distance(turned[0], turned[1]) - between)) < math.radians(12.0)
    signal = SceneSignal.of(field.signal)
    for view in range(2):
        pose, lens = (torch.from_numpy(part[view]) for part in (found.views.camera_to_worlds, found.views.intrinsics))
        made = signal.render_view(field.instance(found.latent), pose, lens, SIDE, SIDE).color[0]
        assert float((made - torch.from_numpy(found.views.pictures[view]) / 255).square().mean()) < 0.02
    assert guess_sheet(field, [found]).shape == (2 * (130 + round(0.35 * 130)), 5 * 130, 3)


def fit_scene(run: Path, *options: object) -> int:
    return main(["fit-scene", str(run), *map(str, options)])


def test_command_fits_a_picture_and_keeps_its_camera(
    field: GenerativeField, photos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    field.save(tmp_path / "run/field")
    options = ("--name", "box", "--weight-steps", 10, "--draws", 2)
    assert fit_scene(tmp_path / "run", "--images", photos / "0.4.png", *options) == 0
    said = capsys.readouterr().out
    for name in ("fitted.png", "fitted-cameras.png", "fitted-draws.png"):
        assert (tmp_path / "run" / name).exists() and name in said
    assert read_scene(tmp_path / "run/field", "box", field.latents).weights
    kept = read_posed_views(tmp_path / "run/field/fitted/box")
    np.testing.assert_array_equal(kept.pictures[0], cut_out(photos / "0.4.png", SIDE).picture)
    again = ("--images", tmp_path / "run/field/fitted/box", "--held-out", 0, "--name", "again", "--weight-steps", 0)
    assert fit_scene(tmp_path / "run", *again) == 0


def picture(path: Path, *boxes: tuple[int, int]) -> Path:
    pixels = np.full((60, 60, 3), 255, dtype=np.uint8)
    for left, top in boxes:
        pixels[top : top + 12, left : left + 20] = (180, 30, 20)
    Image.fromarray(pixels).save(path)
    return path


@pytest.mark.parametrize(
    ("images", "options", "message"),
    [
        (["empty.png"], (), "no object before a background"),
        (["two.png"], (), "2 objects apart; pass a picture of one"),
        (["photos"], ("--views", 3), "2 pictures cannot give 3; pass other --views"),
        (["photos"], ("--views", 1, 2), "several numbers of --views for pictures without cameras"),
        (["photos", "nothing"], (), "nothing: not pictures without cameras, as others are"),
        (["photos"], ("--draws", -1), "-1 draws; pass 1 or more"),
        (["nothing"], (), "no such folder"),
    ],
)
def test_bad_input_is_one_line(
    field: GenerativeField,
    photos: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    images: list[str],
    options: tuple[object, ...],
    message: str,
) -> None:
    picture(tmp_path / "empty.png")
    picture(tmp_path / "two.png", (2, 2), (35, 40))
    field.save(tmp_path / "run/field")
    assert fit_scene(tmp_path / "run", "--images", *(tmp_path / name for name in images), *options) == 1
    error = capsys.readouterr().err
    assert message in error and error.count("\n") == 1
    assert not (tmp_path / "run/field/fitted").exists()


def test_runs_without_a_prior_or_scenes_are_refused_in_one_line(
    photos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    painted_boxes(prior=False).save(tmp_path / "bare/field")
    for run, message in (
        (tmp_path / "bare", "this field has no prior to draw from; train stage 2 first, or fit without draws"),
        (save_field("image", tmp_path / "images"), "has no views; pass data of its own modality"),
    ):
        assert fit_scene(run, "--images", photos / "0.4.png", "--draws", 2) == 1
        error = capsys.readouterr().err
        assert message in error and error.count("\n") == 1
