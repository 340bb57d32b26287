"""The box that a set's silhouettes give, from files to the model's rays."""

from pathlib import Path

import numpy as np
import pytest
import torch
from nerfstudio.data.scene_box import SceneBox
from PIL import Image

from mnif_core.data.demo.car_scenes import make_demo_cars
from mnif_core.data.demo.car_shapes import car_mesh, sample_paint, sample_shape
from mnif_core.data.scene_folders import list_instances
from mnif_core.files.tensor_file import require_sound
from mnif_core.rendering.box import grown, inside, longest_side
from mnif_core.signals.scenes import SceneSignal
from mnif_nerfstudio.datamanager import MARGIN, HeldOutViews, MultiSceneDataManager, MultiSceneDataManagerConfig
from mnif_nerfstudio.model import MnifModel, MnifModelConfig
from mnif_nerfstudio.ray_losses import JUDGED, RayLosses
from mnif_nerfstudio.scene_store import SceneStore
from mnif_nerfstudio.space import space_of, with_space
from tests.evaluated_points import count_points
from tests.srn_fixture import write_srn

CARS, VIEWS, SIZE = 32, 24, 48


@pytest.fixture(scope="module")
def cars(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_demo_cars(tmp_path_factory.mktemp("set") / "cars", CARS, VIEWS, SIZE)


def corners_of(numbers: range) -> torch.Tensor:
    """Low and high corner `[cars, 2, 3]` of the demonstration set's cars."""
    boxes = []
    for car in numbers:
        rng = np.random.default_rng([0, car])
        vertices = car_mesh(sample_shape(rng), sample_paint(rng)).vertices
        boxes.append(np.stack([vertices.min(0), vertices.max(0)]))
    return torch.from_numpy(np.stack(boxes)).float()


def manager_of(root: Path, cache: Path, monkeypatch: pytest.MonkeyPatch, box: bool = True) -> MultiSceneDataManager:
    monkeypatch.setenv("MNIF_CACHE", str(cache))
    torch.manual_seed(0)  # by which pixels are drawn
    config = MultiSceneDataManagerConfig(data=root, box=box, scenes_per_step=2, views_per_scene=4, pixels_per_view=99)
    manager: MultiSceneDataManager = config.setup(device="cpu")
    return manager


def test_the_box_of_the_cars_is_theirs(cars: Path, tmp_path: Path) -> None:
    store = SceneStore.open(list_instances(cars, None, "train"), 2, tmp_path)
    true = corners_of(range(CARS))
    low, high = true[:, 0].amin(0), true[:, 1].amax(0)
    assert store.box is not None and store.background == (1.0, 1.0, 1.0)
    found_low, found_high = torch.tensor(store.box)
    tenth = 0.1 * float((high - low).max())
    assert (found_low - low).abs().max() < tenth and (found_high - high).abs().max() < tenth


def test_nothing_of_unseen_cars_is_cut(cars: Path, tmp_path: Path) -> None:
    box = SceneStore.open(list_instances(cars, None, "train"), 2, tmp_path).box
    assert box is not None
    unseen = corners_of(range(10_000, 10_032))
    assert inside(grown(box, MARGIN * longest_side(box)), unseen.view(-1, 3)).all()


def test_rays_and_model_have_it(cars: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    manager = manager_of(cars, tmp_path, monkeypatch)
    rays, _ = manager.next_train(0)
    metadata = manager.train_dataparser_outputs.metadata
    scene_box = SceneBox(torch.tensor([[-1.0] * 3, [1.0] * 3]))
    model = MnifModelConfig(hidden_layers=1, width=16, num_bases=3, latent_dim=4, prior_width=16).setup(
        scene_box=scene_box, num_train_data=1, metadata=metadata
    )
    assert model.signal.box == manager.box is not None
    planes = manager_of(cars, tmp_path, monkeypatch, box=False)
    assert planes.box is None and "box" not in planes.train_dataparser_outputs.metadata["views"]
    others, _ = planes.next_train(0)
    shares = [float(model.signal.meets(each.origins, each.directions).float().mean()) for each in (rays, others)]
    assert shares[0] > 1.5 * shares[1]


def test_rays_that_miss_it_cost_nothing_in_training_refit_and_pictures(
    cars: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    manager = manager_of(cars, tmp_path, monkeypatch)
    narrow = SceneSignal(box=((-0.1, -0.2, -0.1), (0.1, 0.2, 0.1)))  # some of the rays miss it
    metadata = manager.train_dataparser_outputs.metadata
    metadata["views"]["box"] = narrow.box
    model: MnifModel = MnifModelConfig(hidden_layers=1, width=16, num_bases=3, latent_dim=4, prior_width=16).setup(
        scene_box=SceneBox(torch.tensor([[-1.0] * 3, [1.0] * 3])), num_train_data=1, metadata=metadata
    )
    samples = model.signal.samples_per_ray

    def most(origins: torch.Tensor, directions: torch.Tensor) -> int:
        meets = narrow.meets(origins, directions).view(2, -1).sum(1)
        assert 0 < int(meets.max()) < 0.9 * len(origins) / 2
        return int(meets.max())

    rays, batch = manager.next_train(0)
    evaluated = count_points(monkeypatch)
    model.get_loss_dict(model(rays), batch)["rgb_loss"].backward()
    assert evaluated == [2 * most(rays.origins, rays.directions) * samples]
    evaluated.clear()
    index = torch.tensor([3, 5])
    RayLosses(model, manager).judged(index, model.latents[index])
    drawn, _ = manager.refit_rays(index, 0, JUDGED, samples, judging=True)
    assert sum(evaluated) == 2 * most(drawn.origins, drawn.directions) * samples
    evaluated.clear()
    camera, _ = HeldOutViews(manager.store, "cpu").at(0)
    bundle = camera.generate_rays(0, keep_shape=True)
    model.get_outputs_for_camera_ray_bundle(bundle)
    assert (
        sum(evaluated) == int(narrow.meets(bundle.origins, bundle.directions).sum()) * samples < bundle.size * samples
    )


def test_a_plain_background_of_another_colour(cars: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    white = SceneStore.open(list_instances(cars, None, "train"), 2, tmp_path / "white")
    grey = (104, 128, 152)
    for file in cars.rglob("rgb/*.png"):
        target = tmp_path / "set" / file.relative_to(cars)
        target.parent.mkdir(parents=True, exist_ok=True)
        pixels = np.array(Image.open(file))
        pixels[(pixels >= 250).all(-1)] = grey
        Image.fromarray(pixels).save(target)
    for file in cars.rglob("*.txt"):
        target = tmp_path / "set" / file.relative_to(cars)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(file.read_bytes())
    manager = manager_of(tmp_path / "set", tmp_path / "cache", monkeypatch)
    store = manager.store
    assert store.box is not None and white.box is not None
    np.testing.assert_allclose(np.array(store.box), np.array(white.box), atol=0.03)
    assert len(store.foreground) == pytest.approx(len(white.foreground), rel=0.01)  # some paint is like it
    views = manager.train_dataparser_outputs.metadata["views"]
    assert views["background"] == pytest.approx([channel / 255 for channel in grey])


def test_photographed_backgrounds_are_sampled_between_planes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    root = write_srn(tmp_path / "data")
    random = np.random.default_rng(0)
    for file in root.rglob("rgb/*.png"):
        Image.fromarray(random.integers(0, 250, (16, 16, 3), dtype=np.uint8)).save(file)
    manager = manager_of(root, tmp_path / "cache", monkeypatch)
    assert manager.box is None and "no plain background" in caplog.text
    rays, batch = manager.next_train(0)
    assert len(rays) == len(batch["image"]) == 2 * 4 * 99
    assert manager.train_dataparser_outputs.metadata["views"]["box"] is None


@pytest.mark.parametrize(
    "signal", [SceneSignal(), SceneSignal(box=((-1.0, -0.5, 0.0), (1.0, 0.5, 0.3)), background=(0.1, 0.5, 1.0))]
)
def test_checkpoints_hold_it(signal: SceneSignal) -> None:
    require_sound({"space": space_of(signal)}, "a checkpoint", "")
    assert with_space(SceneSignal(box=((0.0, 0.0, 0.0), (1.0, 1.0, 1.0))), space_of(signal)) == signal
