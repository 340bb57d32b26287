"""All of nerfstudio's road on a short run: train, evaluate, render, export; resume; errors in one line."""

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from mnif_core.cli import main
from mnif_core.data.demo.car_scenes import make_demo_cars
from mnif_core.generative_field import GenerativeField
from tests.end_to_end.conftest import Finished, Tools, assert_ok, assert_one_line, short_run
from tests.end_to_end.open3d_library import needs_open3d, preload_libusb

needs_ffmpeg = pytest.mark.skipif(shutil.which("ffmpeg") is None, reason="ns-render needs ffmpeg on the PATH")


def test_train_leaves_artefact_sheet_and_summary(trained: tuple[Path, Finished]) -> None:
    run, finished = trained
    summary = json.loads((run / "summary.json").read_text())
    assert finished.last_line.startswith(f"held-out PSNR {summary['held_out_psnr_db']:.2f} dB")
    assert summary["stage_1_seconds"] > 0 and summary["stage_2_seconds"] > 0
    assert str(run / "contact_sheet.png") in finished.last_line
    assert np.asarray(Image.open(run / "contact_sheet.png")).std() > 10
    field = GenerativeField.load(run / "field")
    assert field.latents.shape == (12, 32)
    pictures = field.sample(2, seed=3, views=2)
    assert pictures.shape == (2, 2, 32, 32, 3)
    assert torch.equal(pictures, field.sample(2, seed=3, views=2))


def test_short_training_learns(trained: tuple[Path, Finished]) -> None:
    # an all-white picture of these cars scores about 12 dB
    assert json.loads((trained[0] / "summary.json").read_text())["held_out_psnr_db"] > 14


def test_evaluate_gives_the_runs_own_number(few_cars: Path, tiny_run: Path, tmp_path: Path) -> None:
    arguments = ["evaluate", str(tiny_run), "--data", str(few_cars), "--output", str(tmp_path)]
    assert main([*arguments, "--samples", "8", "--views", "36"]) == 0
    figures = json.loads((tmp_path / "evaluation.json").read_text())["figures"]
    held_out = figures["reconstruction, views held out of training scenes"]
    summary = json.loads((tiny_run / "summary.json").read_text())
    assert held_out["views"] == "36 of 36" and summary["held_out_views"] == 36
    assert held_out["PSNR"] == pytest.approx(summary["held_out_psnr_db"], abs=1e-3)
    assert figures["generation"]["against"] == "36 of 72 views of 12 train scenes"


def test_eval_writes_psnr_and_ssim(tools: Tools, tiny_run: Path, tmp_path: Path) -> None:
    out = tmp_path / "metrics.json"
    assert_ok(tools.run("ns-eval", "--load-config", tiny_run / "config.yml", "--output-path", out))
    results = json.loads(out.read_text())["results"]
    summary = json.loads((tiny_run / "summary.json").read_text())
    assert results["psnr"] == pytest.approx(summary["held_out_psnr_db"], abs=0.01)
    assert 0 < results["ssim"] < 1


def camera_path(path: Path) -> Path:
    """A path of two cameras at the data's distance, in the viewer's JSON form."""
    field_camera = [[1, 0, 0, 0], [0, 0, -1, -1.3], [0, 1, 0, 0], [0, 0, 0, 1]]
    frame = {"camera_to_world": np.array(field_camera).ravel().tolist(), "fov": 50, "aspect": 1}
    path.write_text(
        json.dumps(
            {
                "camera_type": "perspective",
                "render_height": 32,
                "render_width": 32,
                "camera_path": [frame, frame],
                "fps": 2,
                "seconds": 1,
                "is_cycle": False,
                "smoothness_value": 0,
            }
        )
    )
    return path


@needs_ffmpeg
@pytest.mark.parametrize("kind", ["camera-path", "interpolate", "spiral"])
def test_render_writes_a_video(tools: Tools, tiny_run: Path, tmp_path: Path, kind: str) -> None:
    options: list[object] = {
        "camera-path": ["--camera-path-filename", camera_path(tmp_path / "path.json")],
        "interpolate": ["--interpolation-steps", 2, "--pose-source", "train"],
        "spiral": ["--seconds", 1, "--frame-rate", 3, "--radius", 0.1],
    }[kind]
    video = tmp_path / "video.mp4"
    assert_ok(tools.run("ns-render", kind, "--load-config", tiny_run / "config.yml", "--output-path", video, *options))
    assert video.stat().st_size > 500


@needs_ffmpeg
def test_render_shows_the_chosen_scene(tools: Tools, tiny_run: Path, tmp_path: Path) -> None:
    """Frames of a sample differ between seeds, are equal for equal seeds, and equal what the artefact renders."""
    frames = []
    for index, chosen in enumerate(["sample:1", "sample:2", "sample:1"]):
        out = tmp_path / str(index)
        command = ["ns-render", "camera-path", "--load-config", tiny_run / "config.yml", "--output-path", out]
        command += ["--camera-path-filename", camera_path(tmp_path / "path.json"), "--output-format", "images"]
        assert_ok(tools.run(*command, "--image-format", "png", environment={"MNIF_SHOW": chosen}))
        frames.append(np.asarray(Image.open(sorted(out.glob("*.png"))[0])).astype(int))
    assert np.array_equal(frames[0], frames[2])
    assert np.abs(frames[0] - frames[1]).max() > 8


@needs_ffmpeg
def test_render_dataset(tools: Tools, tiny_run: Path, tmp_path: Path) -> None:
    command = ["ns-render", "dataset", "--load-config", tiny_run / "config.yml", "--output-path", tmp_path / "out"]
    assert_ok(tools.run(*command, "--split", "train+test", "--rendered-output-names", "rgb", "gt-rgb"))
    assert len(list((tmp_path / "out" / "train" / "rgb").iterdir())) == 6
    assert len(list((tmp_path / "out" / "test" / "rgb").iterdir())) == 3


def points_of(path: Path) -> np.ndarray:
    preload_libusb()
    import open3d

    return np.asarray(open3d.io.read_point_cloud(str(path)).points)  # type: ignore[arg-type]


@needs_open3d
def test_export_pointcloud_holds_one_scene(tools: Tools, tiny_run: Path, tmp_path: Path) -> None:
    command = ["ns-export", "pointcloud", "--load-config", tiny_run / "config.yml", "--normal-method", "open3d"]
    command += ["--num-points", 1500, "--num-rays-per-batch", 2048, "--remove-outliers", False]
    command += ["--save-world-frame", True]
    finished = tools.run(*command, "--output-dir", tmp_path / "cloud", environment={"MNIF_SHOW": "train:car_0003"})
    assert_ok(finished)
    assert "MNIF_SHOW: training scene 3, car_0003" in finished.output
    points = points_of(tmp_path / "cloud" / "point_cloud.ply")
    assert len(points) >= 1500
    # a car of unit diagonal around the origin (a short training leaves a few strays), no background at the far plane
    assert np.quantile(np.linalg.norm(points, axis=1), 0.95) < 0.6


@needs_open3d
def test_export_tsdf(tools: Tools, tiny_run: Path, tmp_path: Path) -> None:
    command = ["ns-export", "tsdf", "--load-config", tiny_run / "config.yml", "--output-dir", tmp_path / "tsdf"]
    command += ["--resolution", 32, "--downscale-factor", 1, "--target-num-faces", "None"]
    assert_ok(tools.run(*command, "--texture-method", "tsdf", environment={"MNIF_SHOW": "sample:4"}))
    assert (tmp_path / "tsdf" / "tsdf_mesh.ply").stat().st_size > 1000


def test_missing_data_is_one_line(tools: Tools, tmp_path: Path) -> None:
    missing = tmp_path / "nowhere"
    assert_one_line(tools.run(*short_run(missing, tmp_path)), "DataError", missing)


def test_latent_count_mismatch_is_one_line(tools: Tools, tiny_run: Path, tmp_path: Path) -> None:
    other = make_demo_cars(tmp_path / "other", cars=5, views=9, size=32)
    models = tiny_run / "nerfstudio_models"
    finished = tools.run(*short_run(other, tmp_path, "--load-dir", models))
    assert_one_line(finished, "CheckpointError", models, "12 latents", "5 scenes", "--data")


def test_truncated_and_foreign_checkpoints_are_one_line(
    tools: Tools, tiny_run: Path, few_cars: Path, tmp_path: Path
) -> None:
    whole = next((tiny_run / "nerfstudio_models").glob("*.ckpt"))
    cut = tmp_path / "step-000000001.ckpt"
    cut.write_bytes(whole.read_bytes()[:5000])
    foreign = tmp_path / "step-000000002.ckpt"
    parts: dict[str, dict[str, Any]] = {"pipeline": {"_model.weight": torch.zeros(1)}, "optimizers": {}, "scalers": {}}
    torch.save({"step": 2, **parts}, foreign)
    partly = tmp_path / "step-000000003.ckpt"
    torch.save({"step": 3, "pipeline": parts["pipeline"]}, partly)
    words = {cut: "not a whole checkpoint", foreign: "not of an mnif run", partly: "not a checkpoint of nerfstudio's"}
    for path, word in words.items():
        finished = tools.run(*short_run(few_cars, tmp_path, "--load-checkpoint", path))
        assert_one_line(finished, "CheckpointError", path, word)
    empty = tmp_path / "empty"
    empty.mkdir()
    assert_one_line(tools.run(*short_run(few_cars, tmp_path, "--load-dir", empty)), "CheckpointError", empty)


def test_dataparser_serves_nerfacto(tools: Tools, few_cars: Path, tmp_path: Path) -> None:
    instance = sorted((few_cars / "cars_train").iterdir())[0]
    command = ["ns-train", "nerfacto", "--output-dir", tmp_path, "--machine.device-type", "cpu"]
    command += ["--max-num-iterations", 2, "--vis", "tensorboard", "--pipeline.model.implementation", "torch"]
    command += ["--pipeline.datamanager.train-num-rays-per-batch", 64, "--pipeline.model.predict-normals", False]
    assert_ok(tools.run(*command, "srn", "--data", instance, without_lpips=True))
