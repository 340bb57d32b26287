"""Labels of scenes, from their folders through the datamanager and the model to the artefact and the checkpoint."""

from pathlib import Path
from typing import Any

import pytest
import torch
from nerfstudio.data.scene_box import SceneBox

from mnif_core.errors import CheckpointError, ConfigError
from mnif_core.generative_field import GenerativeField
from mnif_core.viewing.selection import Selection
from mnif_nerfstudio.datamanager import MultiSceneDataManager, MultiSceneDataManagerConfig
from mnif_nerfstudio.methods import mnif, mnif_tiny
from mnif_nerfstudio.model import MnifModel, MnifModelConfig
from mnif_nerfstudio.prior_batch import PriorBatch
from mnif_nerfstudio.prior_selection import PriorSelection
from mnif_nerfstudio.state_check import check_state
from tests.srn_fixture import write_srn

WORDS = ["bus", "taxi", "bus", "taxi", "bus", "taxi"]


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("MNIF_CACHE", str(tmp_path / "cache"))
    root = write_srn(tmp_path / "data", scenes=6)
    rows = [f"scene_{number},{word}" for number, word in enumerate(WORDS)]
    (root / "labels.csv").write_text("\n".join(["name,label", *rows]))
    return root


def manager_of(root: Path, labels: bool = True) -> MultiSceneDataManager:
    config = MultiSceneDataManagerConfig(
        data=root, labels=labels, scenes_per_step=2, views_per_scene=2, pixels_per_view=9
    )
    manager: MultiSceneDataManager = config.setup(device="cpu")
    return manager


def model_of(manager: MultiSceneDataManager, **options: Any) -> MnifModel:
    torch.manual_seed(0)
    small = {"hidden_layers": 1, "width": 16, "num_bases": 3, "latent_dim": 4, "prior_width": 32, "prior_blocks": 1}
    scene_box = SceneBox(torch.tensor([[-1.0] * 3, [1.0] * 3]))
    metadata = manager.train_dataparser_outputs.metadata
    model: MnifModel = MnifModelConfig(**small | options).setup(
        scene_box=scene_box, num_train_data=1, metadata=metadata
    )
    return model


def test_the_prior_learns_them_and_samples_are_asked_for_by_name(root: Path, tmp_path: Path) -> None:
    model = model_of(manager_of(root))
    assert model.labels == WORDS and model.prior.settings.classes == 2
    assert model.label_numbers is not None and model.label_numbers.tolist() == [0, 1, 0, 1, 0, 1]
    assert "label_numbers" not in model.state_dict()
    model.prior.fit_statistics(model.latents.detach())
    batch = PriorBatch(torch.tensor([0, 1]), torch.tensor([5, 9]), torch.randn(2, 4), torch.tensor([0, 2]))
    model(batch)["prior_loss"].backward()
    rows = model.prior.denoiser.get_parameter("label.weight").grad
    assert rows is not None and rows.abs().sum(1).bool().tolist() == [True, False, True]
    model.prior.update_ema()
    loaded = GenerativeField.load(model.generative_field().save(tmp_path / "field"))
    assert loaded.labels == WORDS and loaded.classes == ["bus", "taxi"]
    shown = Selection.parse("sample:7:taxi")
    torch.testing.assert_close(model.latent_of(shown), loaded.sample_latents(1, seed=7, label="taxi"))
    with pytest.raises(ConfigError, match="no label 'tram'; choose one of bus, taxi"):
        model.latent_of(Selection.parse("sample:7:tram"))


def test_without_labels_a_model_has_the_weights_of_before(root: Path) -> None:
    plain, ignoring = model_of(manager_of(root, labels=False)), model_of(manager_of(root))
    assert plain.labels == [] and plain.label_numbers is None and plain.prior.settings.classes == 0
    own, theirs = plain.state_dict(), ignoring.state_dict()
    assert theirs.keys() - own.keys() == {"prior.denoiser.label.weight", "prior.averaged.label.weight"}
    (root / "labels.csv").unlink()
    assert model_of(manager_of(root)).state_dict().keys() == own.keys()


def test_methods_learn_labels_and_runs_of_before_do_not() -> None:
    assert not MultiSceneDataManagerConfig().labels
    for method in (mnif, mnif_tiny):
        manager = method.config.pipeline.datamanager
        assert isinstance(manager, MultiSceneDataManagerConfig) and manager.labels


def test_a_checkpoint_of_other_labels_is_one_line(root: Path) -> None:
    labelled, plain = model_of(manager_of(root)), model_of(manager_of(root, labels=False))
    check_state(labelled.state_dict(), labelled)
    check_state(plain.state_dict(), plain)
    with pytest.raises(CheckpointError, match="knows 0 labels, the data have 2; restore .*labels False") as caught:
        check_state(plain.state_dict(), labelled)
    assert "\n" not in str(caught.value)
    with pytest.raises(CheckpointError, match="knows 2 labels, the data have 0"):
        check_state(labelled.state_dict(), plain)


@pytest.mark.parametrize("asked", ["bootstrap", "gaussian-mixture", "auto"])
def test_priors_of_other_kinds_know_them(root: Path, asked: Any) -> None:
    model = model_of(manager_of(root), prior_kind=asked)
    with torch.no_grad():
        model.latents.normal_()
    selection = PriorSelection(model, asked)
    selection.choose()
    drawn = model.generative_field().sample_latents(3, seed=1, label="bus")
    again = PriorSelection(model, asked)
    again.load(selection.number)
    assert torch.equal(drawn, model.generative_field().sample_latents(3, seed=1, label="bus"))
