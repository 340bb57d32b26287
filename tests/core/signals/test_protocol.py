"""Every kind of signal answers what the rooms above ask; what a kind has not is one line."""

import importlib
import re

import pytest
import torch

from mnif_core.errors import ConfigError
from mnif_core.networks.instance_networks import InstanceNetworks
from mnif_core.signals import protocol
from mnif_core.signals.images import ImageSignal
from mnif_core.signals.kinds import SIGNALS
from mnif_core.signals.scenes import SceneSignal
from tests.small_field import small_field

KINDS = sorted(SIGNALS)


@pytest.mark.parametrize("kind", KINDS)
def test_pictures_of_instances(kind: str) -> None:
    field = small_field(kind)
    networks = field.instance(field.latents[:3])
    drawing = field.signal.draw(networks)
    assert drawing.pictures.ndim == 4 and drawing.pictures.shape[0] == 3 and drawing.pictures.shape[3] == 3
    assert 0.0 <= float(drawing.pictures.min()) < float(drawing.pictures.max()) <= 1.0
    assert (drawing.meshes is None) == (kind != "voxel")
    assert all("vertex_normals" not in mesh._cache for mesh in drawing.meshes or ()), "its file would hold them"
    assert field.signal.picture(networks[0], 24).shape[2] == 3


@pytest.mark.parametrize("kind", KINDS)
def test_points_are_what_showing_an_instance_evaluates(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    field = small_field(kind)
    networks, seen = field.instance(field.latents[:1]), []
    forward = InstanceNetworks.__call__

    def counting(self: InstanceNetworks, coordinates: torch.Tensor) -> torch.Tensor:
        seen.append(coordinates.shape[1])
        return forward(self, coordinates)

    monkeypatch.setattr(InstanceNetworks, "__call__", counting)
    field.signal.show(networks)
    assert sum(seen) == field.signal.points


def test_a_picture_keeps_the_proportions_of_the_data() -> None:
    field = small_field("image")
    networks, signal = field.instance(field.latents[:1]), ImageSignal(8, 16)
    assert signal.picture(networks, 12).shape == (12, 24, 3)
    torch.testing.assert_close(signal.picture(networks, 8), signal.draw(networks).pictures[0])


@pytest.mark.parametrize("kind", KINDS)
def test_resolution_of_a_preset(kind: str) -> None:
    signal = SIGNALS[kind].at_resolution(10)
    samples = signal.samples_per_ray if isinstance(signal, SceneSignal) else 1
    assert signal.points == (1000 if kind == "voxel" else 100 * samples)


def test_only_scenes_have_cameras() -> None:
    field = small_field("scene")
    cameras = field.signal.cameras(3)
    assert cameras.shape == (3, 3, 4)
    assert field.signal.view(field.instance(field.latents[:2]), cameras[0]).shape == (2, 8, 8, 3)
    with pytest.raises(ConfigError, match="0 views: choose 1"):
        field.signal.cameras(0)
    for kind in ("image", "voxel"):
        other = small_field(kind)
        with pytest.raises(ConfigError, match="2 views: choose 1; fields of scenes have more"):
            other.signal.cameras(2)
        with pytest.raises(ConfigError, match=f"a field of kind '{kind}' has no cameras; use decode"):
            other.render(other.latents[:1], cameras[0])


def test_code_for_one_kind_refuses_all_others() -> None:
    signal = small_field("image").signal
    assert ImageSignal.of(signal) is signal
    with pytest.raises(ConfigError, match="a field of kind 'image' is none of scenes"):
        SceneSignal.of(signal)
    with pytest.raises(ConfigError, match="a field of kind 'image' has no views"):
        SceneSignal.of(signal, "has no views")


def test_the_tables_that_a_new_kind_is_told_of_exist() -> None:
    named = re.findall(r"`([a-z_.]+)\.([A-Z_]+)`", str(protocol.__doc__))
    assert len(named) == 11
    for module, table in named:
        kinds = getattr(importlib.import_module(f"mnif_core.{module}"), table)
        assert kinds.keys() <= SIGNALS.keys(), f"{module}.{table}"
