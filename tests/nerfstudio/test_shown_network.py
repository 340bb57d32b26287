"""What cameras show is mixed once and without its empty space, and is never stale."""

from pathlib import Path

import pytest
import torch
from nerfstudio.cameras.cameras import Cameras
from nerfstudio.data.scene_box import SceneBox
from torch import Tensor

from mnif_core.rendering.cameras import look_at_origin_opengl
from mnif_core.signals.scenes import TOLERANCE
from mnif_core.training.learning_rates import rated_parameters
from mnif_core.unseen.saved_scenes import SavedScene, save_scene
from mnif_nerfstudio import shown_network
from mnif_nerfstudio.methods import mnif, mnif_tiny
from mnif_nerfstudio.model import MnifModel, MnifModelConfig

SIZE = 24


@pytest.fixture
def model(monkeypatch: pytest.MonkeyPatch) -> MnifModel:
    torch.manual_seed(0)
    config = MnifModelConfig(
        hidden_layers=1, width=16, num_bases=3, latent_dim=4, w0=6.0, density="softplus", samples_per_ray=12,
        prior_width=16, prior_blocks=1, eval_num_rays_per_chunk=100,
    )  # fmt: skip
    metadata = {
        "scene_names": ["one", "two"],
        "views": {"camera_distance": 1.3, "height": SIZE, "width": SIZE, "focal": 1.025 * SIZE},
    }  # fmt: skip
    made = MnifModel(config, SceneBox(torch.tensor([[-1.0] * 3, [1.0] * 3])), num_train_data=1, metadata=metadata)
    with torch.no_grad():
        # a ball of a sort: dense where all waves agree
        made.field.mixture.basis_weights[-1][:, 3] *= 300
        made.field.mixture.basis_biases[-1][:, 3] -= 50
    made.show(made.shown)
    monkeypatch.setattr(shown_network, "WORTHWHILE", SIZE * SIZE * 12 - 1)
    return made.eval()


def camera(scene: int | None, size: int = SIZE) -> Cameras:
    metadata = {} if scene is None else {"scene": torch.tensor([[scene]])}
    pose = look_at_origin_opengl(torch.tensor([0.4]), 0.5, 1.3)
    return Cameras(pose, 1.025 * size, 1.025 * size, size / 2, size / 2, size, size, metadata=metadata)


def weight(model: MnifModel) -> Tensor:
    return model.field.shown_network.networks().weights[1]


def test_a_shown_scene_equals_the_same_camera_of_the_data(model: MnifModel) -> None:
    shown, exact = (model.get_outputs_for_camera(camera(scene)) for scene in (None, 0))
    occupancy = model.field.shown_network.occupancy(0)
    assert occupancy is not None and 0.01 < occupancy.share < 0.8
    difference = (shown["rgb"] - exact["rgb"]).abs()
    assert 0.0 < float(difference.max()) <= TOLERANCE
    assert float(exact["rgb"].std()) > 0.05
    assert shown["depth"].shape == exact["depth"].shape == (SIZE, SIZE, 1)
    opaque = exact["accumulation"] > 0.9
    torch.testing.assert_close(shown["depth"][opaque], exact["depth"][opaque], atol=0.03, rtol=0)


def test_rays_that_hit_nothing_end_at_the_far_plane(model: MnifModel) -> None:
    with torch.no_grad():
        model.field.mixture.basis_biases[-1][:, 3] -= 1e4
    outputs = model.get_outputs_for_camera(camera(None))
    norms = camera(None).generate_rays(0, keep_shape=True).metadata["directions_norm"]
    torch.testing.assert_close(outputs["depth"], 1.8 * norms)


def test_mixing_and_emptiness_are_kept_for_the_next_picture(model: MnifModel, monkeypatch: pytest.MonkeyPatch) -> None:
    network = model.field.shown_network
    assert network.occupancy(100) is None  # a small picture does not pay for it
    model.get_outputs_for_camera(camera(None))
    kept, empty = network.networks(), network.occupancy(100)
    monkeypatch.setattr(model.field.mixture, "instance", None)
    monkeypatch.setattr(type(model.signal), "occupancy", None)
    model.get_outputs_for_camera(camera(None, size=SIZE // 2))
    assert network.networks() is kept and network.occupancy(100) is empty and empty is not None


@pytest.mark.parametrize("method", [mnif, mnif_tiny])
def test_training_changes_what_is_shown(model: MnifModel, method: object) -> None:
    network = model.field.shown_network
    for group, config in method.config.optimizers.items():  # type: ignore[attr-defined]
        model.get_outputs_for_camera(camera(None))
        before, parameters = weight(model).clone(), model.get_param_groups()[group]
        rated = parameters if config["optimizer"].lr is not None else rated_parameters(model.field.mixture)
        optimizer = config["optimizer"].setup(params=rated)
        for parameter in parameters:
            parameter.grad = torch.ones_like(parameter)
        optimizer.step()
        model.refresh_shown()  # as after every step of stage 1
        assert torch.equal(weight(model), before) == (group == "prior")
        torch.testing.assert_close(weight(model), model.field.networks(model.latents[:1]).weights[1])
        assert (network.occupancy(0) is None) or group == "prior"


def test_another_scene_and_loaded_weights_are_shown(model: MnifModel) -> None:
    before = weight(model)
    model.show(type(model.shown)(scene=1))
    second = weight(model)
    assert not torch.equal(second, before)
    state = {name: value + 0.01 for name, value in model.state_dict().items() if name.startswith("field.mixture")}
    model.load_state_dict(state, strict=False)
    assert not torch.equal(weight(model), second)


def test_a_fitted_scene_is_shown_by_its_own_network(model: MnifModel, tmp_path: Path) -> None:
    model.field_folder = model.generative_field().save(tmp_path / "field")
    own = model.field.networks(model.latents[1:])
    scene = SavedScene("chair", model.latents[0].detach(), own.weights, own.biases)
    save_scene(model.field_folder, scene, model.latents)
    model.show(type(model.shown)("fitted", name="chair"))
    fitted, second = (model.get_outputs_for_camera(camera(scene)) for scene in (None, 1))
    assert float((fitted["rgb"] - second["rgb"]).abs().max()) <= TOLERANCE
    model.show(type(model.shown)())
    assert not torch.equal(weight(model), own.weights[1])
