"""Packed scenes of the SRN fixture, and rays drawn from them."""

from collections.abc import Sequence
from pathlib import Path

import torch

from mnif_core.data.scene_folders import list_instances
from mnif_nerfstudio.scene_store import PixelBatch, SceneStore


def open_store(root: Path, cache: Path, held_out_views: int = 2) -> SceneStore:
    return SceneStore.open(list_instances(root, None, "train"), held_out_views, cache)


def draw(store: SceneStore, scenes: Sequence[int], views: int, pixels: int, share: float, seed: int = 0) -> PixelBatch:
    generator = torch.Generator(store.images.device).manual_seed(seed)
    return store.sample_pixels(torch.tensor(scenes), views, pixels, share, generator)
