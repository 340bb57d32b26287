"""The methods that `ns-train` offers."""

from mnif_core.presets import MNIF_MID, MNIF_TINY, NERF_S, PRESETS
from mnif_nerfstudio.datamanager import MultiSceneDataManagerConfig
from mnif_nerfstudio.methods import mnif, mnif_mid, mnif_tiny, pipeline_of
from mnif_nerfstudio.model import MnifModelConfig
from mnif_nerfstudio.pipeline import MnifPipelineConfig
from mnif_nerfstudio.preset_options import mixture_of, prior_of, signal_of


def test_the_plugin_has_the_papers_mixture() -> None:
    model, paper = mnif.config.pipeline.model, PRESETS["nerf-s"].modulation
    for name in ("hidden_layers", "width", "num_bases", "latent_dim", "w0", "coefficients"):
        assert getattr(model, name) == getattr(paper, name)


def test_a_method_trains_its_preset() -> None:
    for method, preset in ((mnif, NERF_S), (mnif_mid, MNIF_MID), (mnif_tiny, MNIF_TINY)):
        pipeline = method.config.pipeline
        assert mixture_of(pipeline.model) == preset.modulation
        assert prior_of(pipeline.model) == preset.prior
        assert signal_of(pipeline.model, {}) == preset.signal
        assert isinstance(pipeline, MnifPipelineConfig)
        assert pipeline.fit_steps == preset.stage_1.steps(2458)
        assert pipeline.prior_steps == preset.stage_2.steps(2458)
        assert isinstance(pipeline.datamanager, MultiSceneDataManagerConfig)
        assert pipeline.datamanager.scenes_per_step == preset.stage_1.batch_size


def test_options_are_those_of_before() -> None:
    assert pipeline_of(NERF_S).fit_steps == MnifPipelineConfig().fit_steps == 614_000
    assert pipeline_of(NERF_S).prior_steps == MnifPipelineConfig().prior_steps == 77_000
    assert pipeline_of(NERF_S).model == MnifModelConfig()
    rates = {name: group["optimizer"].lr for name, group in mnif.config.optimizers.items()}
    assert rates == {"bases": 1e-4, "latents": 1e-4, "prior": 1e-4}
    rates = {name: group["optimizer"].lr for name, group in mnif_tiny.config.optimizers.items()}
    assert rates == {"bases": None, "latents": 5e-3, "prior": 1e-3}
    bounds = {name: group["optimizer"].max_norm for name, group in mnif_tiny.config.optimizers.items()}
    assert bounds == {"bases": 1.0, "latents": 1.0, "prior": None}
    warmups = {name: group["scheduler"].warmup_steps for name, group in mnif_tiny.config.optimizers.items()}
    assert warmups == {"bases": 100, "latents": 100, "prior": 0}
