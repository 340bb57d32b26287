"""The `mnif` method is the paper's configuration, and one step of it runs on a CPU."""

import resource
import time
from pathlib import Path

import pytest
import torch

from mnif_nerfstudio.datamanager import MultiSceneDataManagerConfig
from mnif_nerfstudio.methods import mnif
from mnif_nerfstudio.model import MnifModelConfig
from mnif_nerfstudio.pipeline import MnifPipeline, MnifPipelineConfig
from tests.srn_fixture import write_srn


def test_settings_are_the_papers() -> None:
    model, data = mnif.config.pipeline.model, mnif.config.pipeline.datamanager
    assert isinstance(model, MnifModelConfig) and isinstance(data, MultiSceneDataManagerConfig)
    assert (model.hidden_layers, model.width, model.num_bases, model.latent_dim) == (4, 64, 256, 128)
    assert (data.scenes_per_step, data.views_per_scene, data.pixels_per_view) == (8, 32, 512)
    assert (model.samples_per_ray, model.near_plane, model.far_plane, model.density) == (32, 0.8, 1.8, "elu")
    assert (model.prior_width, model.prior_blocks, model.prior_batch_size) == (4096, 4, 32)
    assert mnif.config.vis != "wandb"
    assert {mnif.config.optimizers[group]["optimizer"].lr for group in ("bases", "latents", "prior")} == {1e-4}


@pytest.mark.slow
def test_one_step_at_the_papers_shapes(tmp_path: Path) -> None:
    root = write_srn(tmp_path / "set", scenes=8, views=33, size=128)
    config = mnif.config.pipeline
    assert isinstance(config, MnifPipelineConfig)
    config.datamanager.data = root
    pipeline = config.setup(device="cpu", test_mode="val")
    assert isinstance(pipeline, MnifPipeline)
    mixture = pipeline.mnif.field.mixture
    assert mixture.config.instance_parameters == 17156
    assert sum(p.numel() for p in mixture.parameters()) == pytest.approx(4.59e6, rel=2e-3)
    groups = pipeline.get_param_groups()
    optimizer = torch.optim.Adam([*groups["bases"], *groups["latents"]], lr=1e-4)
    started = time.perf_counter()
    outputs, losses, _ = pipeline.get_train_loss_dict(0)
    assert outputs["rgb"].shape == (8 * 32 * 512, 3)
    torch.stack(list(losses.values())).sum().backward()
    before = groups["latents"][0].detach().clone()
    optimizer.step()
    seconds, peak = time.perf_counter() - started, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    print(f"one step of 131,072 rays x 32 points: {seconds:.1f} s, peak host memory {peak:.1f} GiB")
    assert torch.isfinite(losses["rgb_loss"])
    assert (groups["latents"][0] != before).any(1).all()
    _, losses, _ = pipeline.get_train_loss_dict(config.fit_steps)
    assert torch.isfinite(losses["prior_loss"])
