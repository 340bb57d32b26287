"""The methods that `ns-train` offers."""

from mnif_core.presets import PRESETS
from mnif_nerfstudio.methods import mnif


def test_the_plugin_has_the_papers_mixture() -> None:
    model, paper = mnif.config.pipeline.model, PRESETS["nerf-s"].modulation
    for name in ("hidden_layers", "width", "num_bases", "latent_dim", "w0", "coefficients"):
        assert getattr(model, name) == getattr(paper, name)
