"""Batches of scenes x rays for training; one displayed scene for the viewer, the renderer and the exporters."""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import torch
from nerfstudio.cameras.cameras import Cameras
from nerfstudio.cameras.rays import RayBundle
from nerfstudio.configs.dataparser_configs import AnnotatedDataParserUnion
from nerfstudio.data.datamanagers.base_datamanager import DataManager, VanillaDataManager, VanillaDataManagerConfig
from nerfstudio.data.datasets.base_dataset import InputDataset
from nerfstudio.utils import comms
from torch import Tensor

from mnif_core.data.demo.car_scenes import default_demo_root, make_demo_cars
from mnif_core.data.scene_folders import list_instances
from mnif_core.data.scene_labels import read_scene_labels
from mnif_core.errors import ConfigError
from mnif_core.files.notes import collected_notes, note
from mnif_core.presets import NERF_S
from mnif_core.rendering.box import grown, longest_side
from mnif_core.seeds import mixed_seed
from mnif_core.signals.scene_rays import WHITE
from mnif_core.spread import spread_indices
from mnif_core.training.labelling import learnable
from mnif_nerfstudio.prefetch import Prefetch
from mnif_nerfstudio.scene_store import PixelBatch, SceneStore
from mnif_nerfstudio.shown_scene import selection_from_environment
from mnif_nerfstudio.srn_dataparser import SrnDataParser, SrnDataParserConfig

MARGIN = 0.04  # of the longest side of the box of all training scenes: unseen ones may be larger


@dataclass
class MultiSceneDataManagerConfig(VanillaDataManagerConfig):
    """Scenes x views x pixels a step. Defaults are the paper's; without data, demo cars are made once."""

    _target: type[Any] = field(default_factory=lambda: MultiSceneDataManager)
    dataparser: AnnotatedDataParserUnion = field(default_factory=SrnDataParserConfig)
    """Where scenes come from; this datamanager reads the SRN layout."""
    train_num_rays_per_batch: int = 1024
    """Of nerfstudio's exporters, which show one scene; a step of training takes scenes x views x pixels."""
    scenes_per_step: int = NERF_S.stage_1.batch_size
    """Scenes in one step of stage 1, of all processes together."""
    views_per_scene: int = NERF_S.views_per_scene
    """Views drawn, with replacement, from each of them."""
    pixels_per_view: int = NERF_S.pixels_per_view
    """Pixels drawn, with replacement, from each view; more where there are fewer scenes than a step takes, so that a
    step has as many rays for any number of scenes."""
    foreground_share: float = NERF_S.foreground_share
    """Share of the pixels in [0, 1] that is drawn from those that are not background; the paper draws uniformly."""
    box: bool = NERF_S.box
    """Whether rays are drawn and sampled only in the box that holds all scenes, found from what differs from a plain
    background; the paper samples between two planes. Without a plain background that is done in any case."""
    labels: bool = False
    """Whether the prior learns the labels of scenes, so that samples can be asked for by label: those of a labels.csv
    (name,label) in the data's folder, or of the folders that scenes are sorted into."""


class HeldOutViews:
    """The held-out views of every scene (or `limit` of them, evenly spread), one camera at a time.

    Iterating gives a camera of shape [1] with its scene in `metadata["scene"]`, and `{"image": [height, width, 3]}` in
    [0, 1].
    """

    def __init__(self, store: SceneStore, device: torch.device | str, limit: int = -1) -> None:
        self.store, self.device = store, device
        views = torch.as_tensor(store.is_held_out).nonzero().flatten()
        if limit > 0:
            views = views[spread_indices(len(views), limit)]
        self.views = views.tolist()

    def __len__(self) -> int:
        return len(self.views)

    def __iter__(self) -> Iterator[tuple[Cameras, dict[str, Any]]]:
        return (self.at(position) for position in range(len(self)))

    def at(self, position: int) -> tuple[Cameras, dict[str, Any]]:
        """Camera and picture number `position`, counted round."""
        index = self.views[position % len(self)]
        image, camera_to_world, intrinsics = self.store.view(index)
        fx, fy, cx, cy = (float(value) for value in intrinsics)
        scene = torch.tensor([[int(self.store.scene_of_view[index])]])
        camera = Cameras(
            camera_to_worlds=torch.as_tensor(camera_to_world)[None],
            fx=fx,
            fy=fy,
            cx=cx,
            cy=cy,
            width=self.store.width,
            height=self.store.height,
            metadata={"scene": scene},
        ).to(self.device)
        return camera, {"image": torch.as_tensor(image).to(self.device).float() / 255.0}


class MultiSceneDataManager(VanillaDataManager[InputDataset]):
    """All training scenes in one `SceneStore`; nerfstudio's own machinery sees only the displayed scene.

    Raises:
        DataError: the data are missing or malformed (see `read_instance` and `scene_store`).
        ConfigError: another dataparser than `srn`, or numbers out of range.
    """

    config: MultiSceneDataManagerConfig
    train_dataset: InputDataset
    eval_dataset: InputDataset

    def __init__(
        self,
        config: MultiSceneDataManagerConfig,
        device: torch.device | str = "cpu",
        test_mode: Literal["test", "val", "inference"] = "val",
        world_size: int = 1,
        local_rank: int = 0,
        **kwargs: Any,
    ) -> None:
        self.config = config
        self.device = device
        self.world_size = world_size
        self.local_rank = local_rank
        self.sampler = None
        self.test_mode = test_mode
        self.test_split = "test" if test_mode in ["test", "inference"] else "val"
        if not isinstance(config.dataparser, SrnDataParserConfig):
            raise ConfigError(
                "mnif trains on many scenes, in SRN layout or with transforms.json; use the dataparser srn"
            )
        if not 0.0 <= config.foreground_share <= 1.0:
            raise ConfigError(f"foreground_share is {config.foreground_share}; set it between 0 and 1")
        self.dataparser_config = config.dataparser
        if config.data is None and config.dataparser.data == Path():
            config.data = make_demo_cars(default_demo_root())
        if config.data is not None:
            config.dataparser.data = Path(config.data)
        config.data = config.dataparser.data
        self.dataparser: SrnDataParser = config.dataparser.setup()
        self.includes_time = self.dataparser.includes_time
        self.instances = list_instances(config.data, config.dataparser.category, "train")
        self.store = SceneStore.open(
            self.instances, config.dataparser.held_out_views, reading=config.dataparser.reading
        )
        found_labels = read_scene_labels(config.data, self.instances) if config.labels else None
        self.labels = learnable(found_labels, config.data)
        if config.box and self.store.box is None:
            note(f"{config.data}: no plain background; rays are sampled between the planes, not in the objects' box")
        found = self.store.box if config.box else None
        # where rays are sampled; none: between the planes
        self.box = None if found is None else grown(found, MARGIN * longest_side(found))
        self.exclude_batch_keys_from_device: list[str] = []
        shown = selection_from_environment(self.store.scene_names)
        self.display(shown.scene if shown.source == "train" else 0)
        DataManager.__init__(self)

    @property
    def scenes_per_step(self) -> int:
        """Scenes in one step: as configured, or all there are."""
        return min(self.config.scenes_per_step, self.store.num_scenes)

    @property
    def rays_per_scene(self) -> int:
        """Rays of each scene in one step."""
        return self.config.views_per_scene * self._pixels_per_view

    @property
    def _pixels_per_view(self) -> int:
        return math.ceil(self.config.pixels_per_view * self.config.scenes_per_step / self.scenes_per_step)

    def display(self, scene: int) -> None:
        """Let `train_dataset` and `eval_dataset` be the training and held-out views of `scene`.

        Raises:
            ConfigError: there is no such scene.
        """
        if not 0 <= scene < self.store.num_scenes:
            raise ConfigError(f"there is no scene {scene}; choose one of 0 to {self.store.num_scenes - 1}")
        with collected_notes():  # said when the views were packed
            instance = self.dataparser.read(self.instances[scene])
        self.train_dataparser_outputs = self.dataparser.outputs_of(instance, "train")
        parser = self.dataparser.config
        views = {
            "camera_distance": self.store.camera_distance,
            "height": self.store.height,
            "width": self.store.width,
            "focal": float(self.store.intrinsics[0][0]),
            "held_out_views": parser.held_out_views,
            "axes": parser.axes,
            "normalise": parser.normalise,
        }
        if self.config.box:
            views |= {"box": self.box, "background": self.store.background or WHITE}
        self.train_dataparser_outputs.metadata.update(
            scene_names=self.store.scene_names, labels=self.labels, views=views
        )
        self.train_dataset = InputDataset(self.train_dataparser_outputs)
        self.eval_dataset = InputDataset(self.dataparser.outputs_of(instance, "val"))

    def setup_train(self) -> None:
        """Prepare training: all scenes for `ns-train`, the displayed scene for every other tool."""
        if self.test_mode != "val":
            super().setup_train()  # type: ignore[no-untyped-call]
            return
        resident = self.store.resident(self.device)
        self.generator = torch.Generator(self.store.images.device)
        # nerfstudio seeds each process apart by its rank; all draw the whole batch, and the pipeline shares it out
        self.seed = (torch.initial_seed() - comms.get_rank()) % 2**31
        self.draw: Callable[[int], tuple[Tensor, PixelBatch]] = self._draw
        if torch.device(self.device).type == "cuda" and not resident:
            self.draw = Prefetch(lambda step: self._draw(step, pinned=True))

    def setup_eval(self) -> None:
        """Prepare the held-out views of all scenes, and the displayed scene's for nerfstudio's camera paths."""
        super().setup_eval()  # type: ignore[no-untyped-call]
        self.fixed_indices_eval_dataloader = HeldOutViews(  # type: ignore[assignment]
            self.store, self.device, self.config.eval_num_images_to_sample_from
        )

    def scenes_of_step(self, step: int) -> Tensor:
        """Distinct scenes `[scenes]` of a step: every epoch is a new permutation, which a resumed run takes up."""
        count = self.scenes_per_step
        per_epoch = self.store.num_scenes // count
        epoch, position = divmod(step, per_epoch)
        self.generator.manual_seed(mixed_seed(self.seed, 0, epoch))
        order = torch.randperm(self.store.num_scenes, generator=self.generator, device=self.generator.device)
        return order[position * count : (position + 1) * count]

    def _draw(self, step: int, pinned: bool = False) -> tuple[Tensor, PixelBatch]:
        """Scenes and pixels of a step, where the store is."""
        config, scenes = self.config, self.scenes_of_step(step)
        self.generator.manual_seed(mixed_seed(self.seed, 1, step))
        pixels = self.store.sample_pixels(
            scenes, config.views_per_scene, self._pixels_per_view, config.foreground_share, self.generator, self.box
        )
        return scenes, pixels.pinned() if pinned else pixels

    def refit_rays(
        self, scenes: Tensor, number: int, rays: int, samples: int, judging: bool
    ) -> tuple[PixelBatch, Tensor]:
        """Rays `[scenes * rays]` of training views for a refit, contiguous by scene, and jitter `[all, samples]`.

        Step `number` always draws the same for the same scenes `[scenes]`, whoever draws it. Rays that judge go
        through pixels of every view that no step sees.
        """
        self.generator.manual_seed(mixed_seed(self.seed, 2, int(judging), number, int(scenes[0])))
        share = self.config.foreground_share
        pixels = self.store.sample_pixels(scenes, rays, 1, share, self.generator, self.box, judging)
        jitter = torch.rand(len(pixels.view), samples, generator=self.generator, device=self.generator.device)
        return pixels.to(self.device), jitter.to(self.device)

    def next_train(self, step: int) -> tuple[RayBundle, dict[str, Any]]:
        """Rays `[scenes * views * pixels]`, contiguous by scene, and `{"image": [rays, 3] in [0, 1]}`.

        The rays carry scene and colour too, in their metadata; see `MnifModel`.
        """
        if self.test_mode != "val":
            return super().next_train(step)
        self.train_count += 1
        scenes, pixels = self.draw(step)
        scenes, pixels = scenes.to(self.device), pixels.to(self.device)
        bundle = RayBundle(
            origins=pixels.origins,
            directions=pixels.directions,
            pixel_area=torch.ones_like(pixels.directions_norm),
            camera_indices=pixels.view[:, None],
            metadata={
                "directions_norm": pixels.directions_norm,
                "scene": scenes.repeat_interleave(self.rays_per_scene)[:, None],
                "color": pixels.colors,
            },
        )
        return bundle, {"image": pixels.colors}

    def next_eval_image(self, step: int) -> tuple[Cameras, dict[str, Any]]:
        """One held-out view, another one each time."""
        self.eval_count += 1
        loader: Any = self.fixed_indices_eval_dataloader
        return loader.at(self.eval_count * 7919)

    def next_eval(self, step: int) -> tuple[RayBundle, dict[str, Any]]:
        """All rays of one held-out view."""
        camera, batch = self.next_eval_image(step)
        bundle = camera.generate_rays(camera_indices=0, keep_shape=True).flatten()
        colors = batch["image"].flatten(0, 1)
        bundle.metadata["color"] = colors
        return bundle, {"image": colors}

    def get_train_rays_per_batch(self) -> int:
        """Rays in one step of one process."""
        if self.test_mode != "val":
            return super().get_train_rays_per_batch()
        return self.scenes_per_step * self.rays_per_scene // self.world_size
