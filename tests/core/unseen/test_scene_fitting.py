"""Latents of unseen scenes: found again from views that a known latent has made."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from mnif_core.cli import main
from mnif_core.data.posed_views import read_posed_views
from mnif_core.errors import ConfigError, DataError
from mnif_core.generative_field import GenerativeField
from mnif_core.networks.mixture import MixtureConfig, MixtureSiren
from mnif_core.signals.scenes import SceneSignal
from mnif_core.unseen.saved_scenes import read_scene, saved_names
from mnif_core.unseen.scene_fitting import SceneFitConfig, find_scene, fit_scenes, nearest_training_scene
from mnif_core.unseen.target_views import TargetViews
from tests.core.test_cli import save_field

SIZE, VIEWS = 16, 8


@pytest.fixture(scope="module")
def field() -> GenerativeField:
    torch.manual_seed(0)
    mixture = MixtureSiren(MixtureConfig(3, 4, 1, 16, 4, 6, w0=4.0))
    with torch.no_grad():
        mixture.basis_weights[-1].mul_(3)  # colours that latents change
        mixture.basis_biases[-1][:, 3] += 8.0  # opaque enough to be seen
    signal = SceneSignal(samples_per_ray=8, height=SIZE, width=SIZE, focal=1.025 * SIZE)
    return GenerativeField(mixture, torch.randn(12, 6), signal)


@pytest.fixture
def data(field: GenerativeField, tmp_path: Path) -> Path:
    """Views of two latents that are none of the training latents, in SRN layout."""
    generator = torch.Generator().manual_seed(5)
    cameras = SceneSignal.of(field.signal).orbit(VIEWS)
    for scene, latent in enumerate(torch.randn(2, 6, generator=generator)):
        folder = tmp_path / "data" / f"scene_{scene}"
        (folder / "rgb").mkdir(parents=True)
        (folder / "pose").mkdir()
        (folder / "intrinsics.txt").write_text(
            f"{1.025 * SIZE} {SIZE / 2} {SIZE / 2} 0.\n0. 0. 0.\n1.\n{SIZE} {SIZE}\n"
        )
        for view, camera in enumerate(cameras):
            picture = (field.render(latent, camera)[0] * 255).round().byte().numpy()
            Image.fromarray(picture).save(folder / "rgb" / f"{view:06d}.png")
            pose = np.vstack([camera.numpy() * [1, -1, -1, 1], [0, 0, 0, 1]])
            (folder / "pose" / f"{view:06d}.txt").write_text(" ".join(f"{number:.9f}" for number in pose.flatten()))
    return tmp_path / "data"


def test_held_out_views_are_met(field: GenerativeField, data: Path) -> None:
    scenes = fit_scenes(field, data, count=5, held_out=2)
    assert [scene.name for scene in scenes] == ["scene_0", "scene_1"]
    for scene in scenes:
        assert scene.views.shape == scene.made.shape == (2, SIZE, SIZE, 3)
        cameras = SceneSignal.of(field.signal).orbit(VIEWS)
        mean = torch.stack([field.render(field.latents.mean(0), camera)[0] for camera in cameras])
        chosen = mean[[2, 6]]  # the views that are held out
        unfitted = -10 * (chosen - scene.views).square().mean((1, 2, 3)).log10().mean()
        assert scene.psnr > float(unfitted) + 3.0
    again = fit_scenes(field, data, count=1, held_out=2)
    assert torch.equal(again[0].latent, scenes[0].latent)


def targets(field: GenerativeField, data: Path) -> TargetViews:
    return TargetViews(read_posed_views(data / "scene_0"), SceneSignal.of(field.signal), "cpu")


def test_few_views_stay_near_the_training_latents(field: GenerativeField, data: Path) -> None:
    target, held = targets(field, data), torch.tensor([2, 6])
    deviations = []
    for pull in (0.0, 2.0, 200.0):
        found = find_scene(field, target, torch.tensor([0]), held, SceneFitConfig(steps=60, rays=128, pull=pull))
        deviations.append(float((found.latent - field.latents.mean(0)).norm()))
    assert deviations[0] > deviations[1] > deviations[2]
    assert deviations[2] < 0.05 * deviations[0]


def test_own_weights_come_nearer_to_the_views(field: GenerativeField, data: Path) -> None:
    target, every = targets(field, data), torch.arange(VIEWS)
    latent = SceneFitConfig(steps=20, rays=128)
    mixed = find_scene(field, target, every, every, latent)
    own = find_scene(
        field,
        target,
        every,
        every,
        SceneFitConfig(steps=20, rays=128, weight_steps=60, weight_pull=0.0, shown_pull=0.0),
    )
    assert torch.equal(mixed.latent, own.latent)
    assert own.psnr > mixed.psnr + 1.0
    held = find_scene(field, target, every, every, SceneFitConfig(steps=20, rays=128, weight_steps=60, weight_pull=1e4))
    assert abs(held.psnr - mixed.psnr) < 0.5


def test_own_weights_of_one_view_keep_what_the_latent_shows_elsewhere(field: GenerativeField, data: Path) -> None:
    target, seen, others = targets(field, data), torch.tensor([0]), torch.arange(1, VIEWS)
    fitting = SceneFitConfig(steps=20, rays=128, weight_steps=60, weight_rate=3e-3, weight_pull=0.0)
    changes, errors = [], []
    for pull in (0.0, 0.3, 1e3):
        found = find_scene(field, target, seen, others, replace(fitting, shown_pull=pull))
        mixed = target.rendered(field.instance(found.latent), others)
        changes.append(float((found.made - mixed).square().mean()))
        errors.append(float((target.rendered(found.networks, seen) - target.truth(seen)).square().mean()))
    assert changes[0] > changes[1] > changes[2]
    assert errors[0] < errors[2] and errors[1] < errors[2]


def test_the_nearest_training_scene_is_the_one_that_was_rendered(field: GenerativeField, data: Path) -> None:
    for scene in (3, 8):
        for view, camera in enumerate(SceneSignal.of(field.signal).orbit(VIEWS)):
            picture = (field.render(field.latents[scene], camera)[0] * 255).round().byte().numpy()
            Image.fromarray(picture).save(data / f"scene_0/rgb/{view:06d}.png")
        assert nearest_training_scene(field, targets(field, data), torch.tensor([1, 4]), rays=64) == scene


def test_finer_views_are_brought_to_the_run_s_size(field: GenerativeField, data: Path) -> None:
    small = targets(field, data)
    for path in (data / "scene_0/rgb").iterdir():
        with Image.open(path) as picture:
            picture.resize((2 * SIZE, 2 * SIZE), Image.Resampling.NEAREST).save(path)
    again = targets(field, data)
    assert torch.equal(again.pictures, small.pictures)
    torch.testing.assert_close(again.intrinsics, small.intrinsics)


def fit_scene(run: Path, *options: object) -> int:
    return main(["fit-scene", str(run), *map(str, options)])


def test_command_adds_scenes_to_the_run(
    field: GenerativeField, data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = tmp_path / "run"
    field.save(run / "field")
    both = ("--images", data / "scene_0", data / "scene_1", "--held-out", 2)
    assert fit_scene(run, *both, "--views", 4, 1) == 0
    said = capsys.readouterr().out
    assert "2 unseen objects" in said and "2 held-out views" in said
    with Image.open(run / "fitted.png") as sheet:
        assert sheet.size == (4 * 130, 2 * 130)  # view, from 1, from 4, nearest
    assert saved_names(run / "field") == ["scene_0", "scene_1"]
    stored = read_scene(run / "field", "scene_1", field.latents)
    again = find_scene(
        field,
        TargetViews(read_posed_views(data / "scene_1"), SceneSignal.of(field.signal), "cpu"),
        torch.tensor([0, 3, 4, 7]),
        torch.tensor([2, 6]),
        SceneFitConfig(),
    )
    torch.testing.assert_close(stored.latent, again.latent)
    assert fit_scene(run, *both) == 1
    assert "fitted before" in capsys.readouterr().err
    assert fit_scene(run, "--images", data / "scene_0", "--held-out", 2, "--name", "mixed", "--weight-steps", 0) == 0
    assert stored.weights and not read_scene(run / "field", "mixed", field.latents).weights


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--views", 7), "8 views, of which 2 are held out, cannot give 7"),
        (("--views", 0), "cannot give 0"),
        (("--scale", 3), "cameras stand 3.9 from the origin, the run's 1.3; pass --scale 0.333"),
        (("--name", "a b"), "cannot name a scene 'a b'"),
    ],
)
def test_command_says_what_is_wrong_in_one_line(
    field: GenerativeField,
    data: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    options: tuple[object, ...],
    message: str,
) -> None:
    run = tmp_path / "run"
    field.save(run / "field")
    assert fit_scene(run, "--images", data / "scene_0", "--held-out", 2, *options) == 1
    error = capsys.readouterr().err
    assert message in error and error.count("\n") == 1
    assert not (run / "fitted.png").exists() and not (run / "field/fitted").exists()


def rewrite_poses(scene: Path, turn: np.ndarray, shift: tuple[float, float, float] = (0, 0, 0)) -> None:
    """Multiply every pose by `turn` `[4, 4]` from the right, and move the world."""
    for path in (scene / "pose").iterdir():
        pose = np.loadtxt(path).reshape(4, 4) @ turn
        pose[:3, 3] += shift
        path.write_text(" ".join(f"{number:.9f}" for number in pose.flatten()))


def test_other_axes_and_places_are_read_by_options_and_by_the_run_s_own(
    field: GenerativeField, data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    field.save(tmp_path / "run/field")
    expected = fit_scenes(field, data, 1, 2)[0].latent
    rewrite_poses(data / "scene_0", np.diag([1.0, -1.0, -1.0, 1.0]), shift=(9, 0, 0))
    options = ("--images", data / "scene_0", "--held-out", 2, "--weight-steps", 0)
    assert fit_scene(tmp_path / "run", *options) == 1
    assert "their axes are opengl: pass --axes opengl --normalise" in capsys.readouterr().err
    assert fit_scene(tmp_path / "run", *options, "--axes", "opengl", "--normalise") == 0
    named = read_scene(tmp_path / "run/field", "scene_0", field.latents)
    torch.testing.assert_close(named.latent, expected, atol=1e-3, rtol=1e-3)
    signal = replace(field.signal, axes="opengl", normalise=True)
    trained_so = GenerativeField(field.modulation, field.latents, signal)
    torch.testing.assert_close(fit_scenes(trained_so, data, 1, 2)[0].latent, named.latent, atol=1e-3, rtol=1e-3)


def test_command_draws_pairs(
    field: GenerativeField, data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    field.save(tmp_path / "run/field")
    assert main(["reconstruct", str(tmp_path / "run"), "--data", str(data), "--count", "1"]) == 0
    assert "PSNR of 1 instances" in capsys.readouterr().out
    assert (tmp_path / "run/reconstruction.png").exists()


def test_bad_input_is_one_line(field: GenerativeField, data: Path, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no such folder"):
        fit_scenes(field, tmp_path / "nothing", 1, 1)
    (data / "scene_0/pose/000003.txt").write_text("nan " * 16)
    with pytest.raises(DataError, match=r"000003\.txt: not finite"):
        fit_scenes(field, data, 1, 1)
    images = GenerativeField.load(save_field("image", tmp_path / "images") / "field")
    with pytest.raises(ConfigError, match="has no views"):
        fit_scenes(images, data, 1, 1)


def test_of_symmetric_objects_a_view_counts_for_both_sides(field: GenerativeField, data: Path) -> None:
    target, one, judged = targets(field, data), torch.tensor([1]), torch.tensor([2, 6])
    quick = SceneFitConfig(steps=10, rays=64, weight_steps=5)
    mirrored = find_scene(field, target, one, judged, replace(quick, symmetric="x"))
    both = find_scene(field, target.with_mirrored(one, "x"), torch.arange(2), torch.arange(2), quick)
    assert torch.equal(mirrored.latent, both.latent)
    assert not torch.equal(mirrored.latent, find_scene(field, target, one, judged, quick).latent)
    assert torch.equal(mirrored.views, target.truth(judged)), "it is judged by what was taken"
