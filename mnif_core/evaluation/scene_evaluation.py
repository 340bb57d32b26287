"""Figures of a field of scenes: Table 3 of the paper, over views of posed cameras."""

from collections.abc import Iterator, Sequence
from functools import cached_property
from itertools import cycle, islice
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from mnif_core.data.instances import Instance, read_instance
from mnif_core.data.scene_folders import split_views
from mnif_core.evaluation.evaluation import (
    FEW,
    NOISE,
    REAL,
    RECONSTRUCTIONS,
    SAMPLES,
    generation_fidelity,
    memorisation,
    noise_pictures,
    reconstruction_fidelity,
    structural_similarity,
    yardstick,
)
from mnif_core.evaluation.evaluation_config import EvaluationConfig
from mnif_core.evaluation.label_figures import Labelled, label_figures
from mnif_core.evaluation.metrics.classes import train_classifier
from mnif_core.evaluation.metrics.extractors import Extractor
from mnif_core.evaluation.metrics.sharpness import fine_power, power_ratio
from mnif_core.evaluation.results import Figures
from mnif_core.evaluation.splits import SceneFolders
from mnif_core.generative_field import GenerativeField
from mnif_core.sheets import tiles
from mnif_core.spread import spread_indices
from mnif_core.unseen.scene_fitting import SceneFit, fit_scenes, signal_of_scenes

HELD_OUT = 3  # views of an unseen scene to judge its latent by
BATCH = 8  # views rendered before their features are taken


class View(NamedTuple):
    """One picture of the data: which scene of its list, which view of it."""

    scene: int
    view: int


class SceneSubject:
    """A field of scenes with its data.

    Samples are seen by the cameras of the unseen scenes' views, as in the paper (SRN: the fixed 251 of the test
    split), and compared with these views; with training views where there are no unseen scenes.

    Args:
        field: of scenes.
        folders: of training scenes and unseen ones, as `scene_splits` gives them.
        extractor: of features.
        config: how much to look at.

    Raises:
        DataError: as `read_instance`.
    """

    def __init__(
        self,
        field: GenerativeField,
        folders: SceneFolders,
        extractor: Extractor,
        config: EvaluationConfig,
    ) -> None:
        self.field, self.signal, self.extractor, self.config = field, signal_of_scenes(field), extractor, config
        self.folders = folders
        self.train = [read_instance(path, self.signal.reading) for path in folders.train]
        self.unseen = [read_instance(path, self.signal.reading) for path in folders.unseen]
        self.splits = ["train"]
        self.splits += ["views held out of training scenes"] if self.signal.held_out_views else []
        self.splits += ["test"] if self.unseen else []
        self.reference = self.unseen or self.train
        self.samples = max(FEW, len(self.reference))

    def data(self) -> Iterator[str | Path]:
        """See `Subject.data`."""
        for instance in [*self.train, *self.unseen]:
            yield instance.name
            yield str([instance.camera_to_worlds.tolist(), instance.intrinsics.tolist()])
            yield from instance.image_filenames
            yield from (mask for mask in instance.mask_filenames if mask is not None)
        yield from self.folders.labels.values()

    def reconstruction(self, split: str) -> dict[str, Any]:
        """See `Subject.reconstruction`."""
        if split == "test":
            return self._unseen_reconstruction()
        everything = self._training_views(held_out=split != "train")
        views = spread(everything, self.config.views)
        latents = self.field.latents[[view.scene for view in views]]
        pairs = zip(self._real(self.train, views), self._made(self.train, views, latents), strict=True)
        return {"scenes": len(self.train), **self._compared(pairs, len(views), split, len(everything))}

    def generation(self, latents: Tensor) -> Figures:
        """See `Subject.generation`."""
        views, total = self._reference_views()
        # samples take turns in the order of the views, so that each is seen by one scene's cameras
        turns = torch.arange(len(views)) * len(latents) // len(views)
        real_features, real_power = self._real_reference
        powers: list[Tensor] = []
        made = weighed(self._made(self.reference, views, latents[turns.to(latents.device)]), powers)
        samples = self.extractor.features(made, len(views), "samples' views")
        # halves have no scene in common
        even = torch.tensor([view.scene % 2 == 0 for view in views])
        count = min(int(even.sum()), int((~even).sum()))
        height, width = self.reference[0].height, self.reference[0].width
        noise = self.extractor.features(noise_pictures(count, height, width), count, "pictures of noise")
        fitted = self._fitted_features([view for view in views if view.scene % 2 == 1])
        others = {REAL: real_features[~even], RECONSTRUCTIONS: fitted, SAMPLES: samples[even], NOISE: noise}
        against = "test" if self.unseen else "train"
        figures = {
            "against": f"{len(views)} of {total} views of {len(self.reference)} {against} scenes",
            "samples": len(turns.unique()),
            "sharpness": power_ratio(torch.cat(powers), real_power),
        }
        found: Figures = {"generation": figures | generation_fidelity(self.extractor, real_features, samples)}
        return found | yardstick(self.extractor, real_features[even], others)

    @cached_property
    def _real_reference(self) -> tuple[Tensor, Tensor]:
        """Features `[views, f]` and fine detail of the real views that samples are compared with."""
        views, _ = self._reference_views()
        powers: list[Tensor] = []
        real = weighed(self._real(self.reference, views), powers)
        features = self.extractor.features(real, len(views), "real views")
        return features, torch.cat(powers)

    def _fitted_features(self, views: list[View]) -> Tensor:
        """Of training scenes as fitted, seen by the cameras of `views`: the views' own, or all in turns."""
        turns = torch.arange(len(views)) * len(self.field.latents) // max(1, len(views))
        scenes = turns if self.unseen else torch.tensor([view.scene for view in views], dtype=torch.long)
        made = self._made(self.reference, views, self.field.latents[scenes.to(self.field.latents.device)])
        return self.extractor.features(made, len(views), "training scenes as fitted")

    def labelled(self, config: EvaluationConfig) -> Figures:
        """See `Subject.labelled`; judged by a classifier of training scenes' real views.

        Samples are seen by the cameras of unseen scenes' views.
        """
        known, others = (self.folders.labels_of(scenes) for scenes in (self.folders.train, self.folders.unseen))
        if known is None or others is None or len(set(known)) < 2:
            return {}
        seen = _in_turns(spread(self._training_views(held_out=False), config.views))
        views, _ = self._reference_views()
        real = self.extractor.features(self._real(self.train, seen), len(seen), "training views")
        train = Labelled(real, [known[view.scene] for view in seen])
        unseen = Labelled(self._real_reference[0], [others[view.scene] for view in views])

        turns = _in_turns(views)

        def features_of(latents: Tensor, what: str) -> Tensor:
            cameras = list(islice(cycle(turns), len(latents)))
            return self.extractor.features(self._made(self.unseen, cameras, latents), len(latents), what)

        classifier = train_classifier(train.features, train.labels)
        return label_figures(self.field, classifier, train, unseen, features_of, config)

    def memorisation(self, latents: Tensor, folder: Path) -> dict[str, Any]:
        """See `Subject.memorisation`; features are of one view by the same camera, of training scenes as fitted."""
        ours, theirs = (
            self.extractor.features((tiles(self.field, chunk) for chunk in part.split(BATCH)), len(part), what)
            for part, what in ((latents, "samples"), (self.field.latents, "training scenes"))
        )
        return memorisation(self.field, latents, (ours, theirs), self._training_pictures, folder)

    def _training_pictures(self, index: Tensor) -> Tensor:
        return tiles(self.field, self.field.latents[index.to(self.field.device)])

    def _training_views(self, held_out: bool) -> list[View]:
        found = []
        for scene, instance in enumerate(self.train):
            parts = split_views(len(instance.image_filenames), self.signal.held_out_views, instance.name)
            found += [View(scene, int(view)) for view in parts[int(held_out)]]
        return found

    def _reference_views(self) -> tuple[list[View], int]:
        if not self.unseen:
            everything = self._training_views(held_out=False)
        else:
            everything = [
                View(scene, view)
                for scene, instance in enumerate(self.unseen)
                for view in range(len(instance.image_filenames))
            ]
        return spread(everything, self.config.views), len(everything)

    def _unseen_reconstruction(self) -> dict[str, Any]:
        """Latents of some unseen scenes, from all of their views but those that they are judged by."""
        folders = spread(self.folders.unseen, self.config.unseen_scenes)
        fitted: list[SceneFit] = []
        for folder in folders:
            fitted += fit_scenes(self.field, folder, 1, HELD_OUT)
        pairs = ((scene.views, scene.made) for scene in fitted)
        count = sum(len(scene.views) for scene in fitted)
        return {
            "scenes": f"{len(folders)} of {len(self.unseen)}, fitted to all but {HELD_OUT} of their views",
            **self._compared(pairs, count, "unseen scenes", count),
        }

    def _compared(self, pairs: Iterator[tuple[Tensor, Tensor]], count: int, what: str, total: int) -> dict[str, Any]:
        """Figures of batches of real and made views."""
        errors, similarities, real_features, powers, real_powers = [], [], [], [], []

        def made() -> Iterator[Tensor]:
            for real, views in pairs:
                errors.append((views - real).square().mean((1, 2, 3)))
                similarities.append(structural_similarity(views, real))
                powers.append(fine_power(views).cpu())
                real_powers.append(fine_power(real).cpu())
                real_features.append(self.extractor.apply(real.permute(0, 3, 1, 2)).cpu())
                yield views

        features = self.extractor.features(made(), count, f"{what}: reconstructions")
        squared = torch.cat(errors)
        return {
            "views": f"{count} of {total}",
            "MSE": float(squared.mean()),
            "PSNR": float((-10 * squared.clamp(min=1e-8).log10()).mean()),
            "SSIM": float(torch.cat(similarities).mean()),
            "sharpness": power_ratio(torch.cat(powers), torch.cat(real_powers)),
            **reconstruction_fidelity(self.extractor, torch.cat(real_features), features),
        }

    def _real(self, instances: Sequence[Instance], views: Sequence[View]) -> Iterator[Tensor]:
        for start in range(0, len(views), BATCH):
            pictures = [instances[scene].decode(view) for scene, view in views[start : start + BATCH]]
            yield torch.from_numpy(np.stack(pictures)).float() / 255.0

    @torch.no_grad()
    def _made(self, instances: Sequence[Instance], views: Sequence[View], latents: Tensor) -> Iterator[Tensor]:
        """What the cameras of `views` see of `latents` `[views, h]`."""
        for start in range(0, len(views), BATCH):
            pictures = []
            for offset, (scene, view) in enumerate(views[start : start + BATCH]):
                one = instances[scene]
                camera = torch.from_numpy(one.camera_to_worlds[view])
                intrinsics = torch.from_numpy(one.intrinsics[view])
                pictures.append(
                    self.field.render(latents[start + offset], camera, intrinsics, one.height, one.width)[0].cpu()
                )
            yield torch.stack(pictures)


def _in_turns(views: list[View]) -> list[View]:
    """One of each scene, then the next of each: the first few show many scenes."""
    return sorted(views, key=lambda view: (view.view, view.scene))


def weighed(pictures: Iterator[Tensor], powers: list[Tensor]) -> Iterator[Tensor]:
    """Batches `[b, height, width, 3]` as they come; `powers` gets the fine detail of each picture (`fine_power`)."""
    for batch in pictures:
        powers.append(fine_power(batch).cpu())
        yield batch


def spread(items: Sequence[Any], limit: int) -> list[Any]:
    """All items, or `limit` of them, evenly spread."""
    return [items[index] for index in spread_indices(len(items), limit).tolist()]
