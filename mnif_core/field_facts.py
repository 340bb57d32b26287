"""What a field is, in a few figures that people read."""

from mnif_core.generative_field import GenerativeField
from mnif_core.networks.mixture import MixtureConfig


def facts(field: GenerativeField) -> dict[str, str]:
    """Names of figures, and the figures."""
    config = field.modulation.config
    bases = {"basis networks M": f"{config.num_bases}"} if isinstance(config, MixtureConfig) else {}
    return {
        "modulation": config.kind,
        "(L, W, H)": f"({config.hidden_layers}, {config.width}, {config.latent_dim})",
        **bases,
        "learnable parameters": f"{config.learnable_parameters:,}",
        "parameters of one instance": f"{config.instance_parameters:,}",
        "training instances": f"{len(field.latents):,}",
        **({"labels": ", ".join(field.classes)} if field.classes else {}),
    }
