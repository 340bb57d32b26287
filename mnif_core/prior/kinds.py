"""The kinds of prior by name, and how an artefact keeps their settings and weights."""

from dataclasses import asdict
from typing import Any

from torch import Tensor

from mnif_core.prior.bootstrap import BootstrapConfig
from mnif_core.prior.gaussian_mixture import GaussianMixtureConfig
from mnif_core.prior.latent_prior import PriorConfig
from mnif_core.prior.local_bootstrap import LocalBootstrapConfig
from mnif_core.prior.protocol import PriorSettings

PRIORS: dict[str, type[PriorSettings]] = {
    config.kind: config for config in (PriorConfig, GaussianMixtureConfig, BootstrapConfig, LocalBootstrapConfig)
}


def with_kind(stored: dict[str, Any]) -> dict[str, Any]:
    """Settings of an artefact with their kind, which those of diffusion may lack: it was the only one."""
    return {"kind": PriorConfig.kind, **stored}


def to_store(settings: PriorSettings) -> dict[str, Any]:
    """Settings for an artefact; without labels, and diffusion's, in the form that readers of before know."""
    fields = asdict(settings)  # type: ignore[call-overload]
    if not settings.classes:
        del fields["classes"]
    return fields if isinstance(settings, PriorConfig) else {"kind": settings.kind, **fields}


DENOISER, AVERAGED = "denoiser.", "averaged."


def without_denoiser(weights: dict[str, Tensor]) -> dict[str, Tensor]:
    """Weights of a prior that sampling needs: of diffusion the EMA, not what training moves."""
    return {name: value for name, value in weights.items() if not name.startswith(DENOISER)}


def with_denoiser(weights: dict[str, Tensor], prefix: str) -> dict[str, Tensor]:
    """All weights of a prior whose names begin with `prefix`: a denoiser that was left out is its EMA."""
    if any(name.startswith(prefix + DENOISER) for name in weights):
        return weights
    averaged = prefix + AVERAGED
    copies = {
        prefix + DENOISER + name.removeprefix(averaged): value.clone()
        for name, value in weights.items()
        if name.startswith(averaged)
    }
    return weights | copies
