"""Between a preset and the options of the model: what options start at, and what the core is built from.

An option is named as in the core, but for the prior's, which begin with `prior_`, and the planes.
"""

from typing import Any

from mnif_core.errors import ConfigError
from mnif_core.networks.mixture import MixtureConfig
from mnif_core.preset_config import ScenePreset
from mnif_core.prior.latent_prior import PriorConfig
from mnif_core.signals.scenes import SceneSignal

MIXTURE = {name: name for name in ("hidden_layers", "width", "num_bases", "latent_dim", "coefficients", "w0")}
PRIOR = {f"prior_{name}": name for name in ("width", "blocks", "schedule", "prediction", "ema_decay")}
SIGNAL = {"near_plane": "near", "far_plane": "far", "samples_per_ray": "samples_per_ray", "density": "density"}
FITTING = {"latent_std": "latent_std", "latent_weight_decay": "weight_decay", "latent_noise": "latent_noise"}
RUN = {"prior_kind": "prior_kind"}
STAGE_2 = {"prior_batch_size": "batch_size"}


def model_options(preset: ScenePreset) -> dict[str, Any]:
    """Options of `MnifModelConfig` that a preset decides, by name."""
    parts: list[tuple[Any, dict[str, str]]] = [
        (preset.modulation, MIXTURE),
        (preset.prior, PRIOR),
        (preset.signal, SIGNAL),
        (preset.fitting, FITTING),
        (preset.stage_2, STAGE_2),
        (preset, RUN),
    ]
    return {option: getattr(part, name) for part, names in parts for option, name in names.items()}


def mixture_of(options: Any) -> MixtureConfig:
    """Shape of the mixture that the model's options ask for."""
    return MixtureConfig(**_chosen(options, MIXTURE))


def prior_of(options: Any, classes: int = 0) -> PriorConfig:
    """Shape of the prior that the model's options ask for, for so many labels of the data."""
    return PriorConfig(latent_dim=options.latent_dim, classes=classes, **_chosen(options, PRIOR))


def signal_of(options: Any, views: dict[str, Any]) -> SceneSignal:
    """How fields are rendered; `views` is what follows from the data."""
    return SceneSignal(**_chosen(options, SIGNAL), **views)


def require_sensible(options: Any, views: dict[str, Any]) -> None:
    """Refuse options of the model that contradict the data; `views` is what follows from these.

    Raises:
        ConfigError: cameras that are not between the planes where these are needed, or negative noise.
    """
    distance = float(views["camera_distance"])
    if views.get("box") is None and not options.near_plane < distance < options.far_plane:
        raise ConfigError(
            f"cameras are {distance:.2f} from the origin, not {options.near_plane:g} to {options.far_plane:g}; "
            "pass --pipeline.model.near-plane and --pipeline.model.far-plane around it, or srn --normalise True"
        )
    if options.latent_noise < 0:
        raise ConfigError(f"latent_noise is {options.latent_noise}; pass --pipeline.model.latent-noise 0 or more")


def _chosen(options: Any, names: dict[str, str]) -> dict[str, Any]:
    return {name: getattr(options, option) for option, name in names.items()}
