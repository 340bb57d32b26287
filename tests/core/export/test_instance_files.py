"""Clouds, films, networks and latents of known fields."""

import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
import trimesh
from PIL import Image

from mnif_core.errors import ConfigError
from mnif_core.export.instance_files import export_instance
from mnif_core.export.onnx_network import write_onnx
from mnif_core.export.turntable import Turntable
from mnif_core.generative_field import GenerativeField
from mnif_core.networks.spatial_mixture import SpatialMixtureConfig
from mnif_core.signals.scene_rays import DENSITIES
from mnif_core.signals.scenes import SceneSignal
from tests.core.export.known_fields import SIGNALS, WAVE, blob, random_field


@pytest.mark.parametrize("kind", SIGNALS)
def test_onnx_gives_what_torch_gives(kind: str, tmp_path: Path) -> None:
    field = random_field(kind)
    path = export_instance(field, field.latents[1], tmp_path / "network.onnx")
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    for points in (1, 777):
        coordinates = torch.rand(points, field.modulation.config.in_dim) * 2 - 1
        given = dict(
            zip(
                (output.name for output in session.get_outputs()),
                session.run(None, {"coordinates": coordinates.numpy()}),
                strict=True,
            )
        )
        values = field.instance(field.latents[1])(coordinates[None])[0]
        expected = {"values": values}
        shown = (values * 0.5 + 0.5).clamp(0, 1)
        if isinstance(field.signal, SceneSignal):
            expected |= {"color": shown[:, :3], "density": DENSITIES[field.signal.density](values[:, 3:])}
        else:
            expected |= {"color" if kind == "image" else "occupancy": shown}
        assert given.keys() == expected.keys()
        for name, value in expected.items():
            np.testing.assert_allclose(given[name], value, atol=1e-4)


@pytest.mark.parametrize("kind", ["image", "voxel"])
def test_onnx_computes_the_features_of_spatial_biases(kind: str, tmp_path: Path) -> None:
    torch.manual_seed(0)
    dims, values = (2, 3) if kind == "image" else (3, 1)
    config = SpatialMixtureConfig(dims, values, 1, 16, 4, 6 + 2 * 3**dims, w0=5.0, grid=3, corner_dim=2, extent=0.8)
    field = GenerativeField(config.build(), torch.randn(2, config.latent_dim), random_field(kind).signal)
    path = export_instance(field, field.latents[1], tmp_path / "network.onnx")
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    coordinates = torch.rand(77, dims) * 2 - 1
    (given,) = session.run(["values"], {"coordinates": coordinates.numpy()})
    np.testing.assert_allclose(given, field.instance(field.latents[1])(coordinates[None])[0], atol=1e-5)


def test_onnx_of_unknown_features_is_refused(tmp_path: Path) -> None:
    field = random_field("image")
    weights = tuple(torch.zeros(1, len(bias[0]), 2) for bias in field.instance(field.latents[0]).biases)
    network = replace(field.instance(field.latents[0]), features=torch.sin, feature_weights=weights)
    with pytest.raises(ConfigError, match=r"no ONNX of the features that this network reads; export its latent as"):
        write_onnx(field.signal, network, tmp_path / "network.onnx")


def test_onnx_says_what_it_holds(tmp_path: Path) -> None:
    field = random_field("scene")
    model = onnx.load(export_instance(field, field.latents[0], tmp_path / "network.onnx"))
    props = {entry.key: entry.value for entry in model.metadata_props}
    assert props["kind"] == "scene" and props["output_activation"] == "none"
    assert "x, y, z" in props["coordinates"] and "[red, green, blue, raw density]" in props["values"]
    assert float(props["signal.far"]) == 1.8
    assert model.opset_import[0].version >= 17


@pytest.mark.parametrize("kind", ["scene", "voxel"])
def test_cloud_lies_on_the_surface(kind: str, tmp_path: Path) -> None:
    cloud = trimesh.load(
        export_instance(blob(kind), torch.ones(1), tmp_path / "cloud.ply", resolution=48, points=500), process=False
    )
    assert isinstance(cloud, trimesh.PointCloud) and cloud.vertices.shape == (500, 3)
    mesh = trimesh.load_mesh(export_instance(blob(kind), torch.ones(1), tmp_path / "mesh.ply", resolution=48))
    assert mesh.nearest.on_surface(cloud.vertices)[1].max() < 1e-4
    if kind == "scene":
        expected = 0.5 + 0.4 * np.sin(WAVE * np.asarray(cloud.vertices))
        assert np.abs(cloud.colors[:, :3] / 255 - expected).mean() < 0.05


def test_films_show_the_field_from_all_sides(tmp_path: Path) -> None:
    scene, turntable = blob("scene"), Turntable(frames=6, frames_per_second=6, size=32)
    with Image.open(export_instance(scene, torch.ones(1), tmp_path / "turn.gif", turntable=turntable)) as film:
        assert film.n_frames == 6 and film.size == (32, 32)  # type: ignore[attr-defined]
        film.seek(2)
        shown = np.asarray(film.convert("RGB"))
    camera = SceneSignal.of(scene.signal).orbit(6, 25.0)[2]
    expected = scene.render(torch.ones(1, 1), camera, height=32, width=32)[0].numpy() * 255
    assert np.abs(shown - expected).mean() < 3.0
    film_of_solid = export_instance(
        blob("voxel"), torch.ones(1), tmp_path / "solid.gif", resolution=24, turntable=turntable
    )
    assert (np.asarray(Image.open(film_of_solid).convert("RGB")).min(-1) < 250).mean() > 0.1


@pytest.mark.skipif(shutil.which("ffprobe") is None, reason="ffprobe is not installed (it comes with ffmpeg)")
def test_mp4_plays(tmp_path: Path) -> None:
    path = export_instance(blob("scene"), torch.ones(1), tmp_path / "turn.mp4", turntable=Turntable(8, 4, 32))
    entries = "stream=codec_name,width,height,nb_read_frames,r_frame_rate,pix_fmt"
    command = ["ffprobe", "-v", "error", "-count_frames", "-show_entries", entries, "-of", "csv=p=0", str(path)]
    said = subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    assert said == "h264,32,32,yuv420p,4/1,8"


def test_latents_load_without_pickle(tmp_path: Path) -> None:
    field = random_field("image")
    with np.load(export_instance(field, field.latents[2], tmp_path / "c.npz", name="c"), allow_pickle=False) as file:
        assert file["names"].tolist() == ["c"]
        np.testing.assert_array_equal(file["latents"], field.latents[2:])


def test_what_cannot_be_is_one_line(tmp_path: Path) -> None:
    image, scene = random_field("image"), blob("scene")
    for name, message in (("a.glb", "nothing solid"), ("a.mp4", "does not turn"), ("a.gif", "does not turn")):
        with pytest.raises(ConfigError, match=message):
            export_instance(image, image.latents[0], tmp_path / name)
    with pytest.raises(ConfigError, match="written as .ply"):
        export_instance(scene, torch.ones(1), tmp_path / "a.glb", points=5)
    with pytest.raises(ConfigError, match="choose 1 or more"):
        export_instance(scene, torch.ones(1), tmp_path / "a.ply", points=0)
    with pytest.raises(ConfigError, match="an even size"):
        Turntable(size=33)
    with pytest.raises(ConfigError, match="between -90 and 90"):
        Turntable(elevation=90.0)
    assert list(tmp_path.iterdir()) == []
