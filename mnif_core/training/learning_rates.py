"""Rates of Adam for a mixture of any shape, where a preset or a user names none.

Adam moves every entry of every basis alike, by the rate, and so the mixed weights too, whatever M: their coefficients
sum to one at the start. Those weights begin with a spread of about 1 / (w0 sqrt(M)), since SIREN divides by w0 and
independent bases average out: a rate of that form lets a step change them by the same share for all w0 and M. A step
of the projection T moves M coefficients by H entries each, in directions that mostly do not agree: its rate goes by
1 / sqrt(M H). Both factors were set where the demo sets train best, one value for images, solids and scenes; at
(M, H, w0) = (256, 128, 30), where one rate for all of them or 4e-3 for T end in fog, they train (`python -m
tests.benchmarks.rates`). A step of a latent moves every coefficient by up to sqrt(H) of its rate, since T's entries
start as 1 / sqrt(H), while the coefficients start as 1 / M: latents have one rate up to M sqrt(H) = 512, and from there
on one that falls as 1 / (M sqrt(H)). At (256, 128, 10) scenes end in fog without that.
"""

from typing import Any

from mnif_core.errors import ConfigError
from mnif_core.networks.mixture import MixtureConfig, MixtureSiren
from mnif_core.networks.modulation import Modulation, ModulationConfig

BASES = 0.24  # rate times w0 and the root of M
PROJECTION = 0.09  # rate times the root of M H
LARGEST = 512.0  # M sqrt(H) from which on latents are slower


def bases_rate(config: MixtureConfig) -> float:
    """Rate of the weights and biases of all bases."""
    return BASES / (config.w0 * config.num_bases**0.5)


def projection_rate(config: MixtureConfig) -> float:
    """Rate of the projection T and its bias, and of what else makes coefficients of latents."""
    return PROJECTION / (config.num_bases * config.global_dim) ** 0.5


def latents_rate(config: ModulationConfig, most: float, rate: float | None = None) -> float:
    """Rate of auto-decoded latents: `most`, but less for a large mixture that has no `rate` of its own either."""
    if rate is not None or not isinstance(config, MixtureConfig):
        return most
    return most * min(1.0, LARGEST / (config.num_bases * config.global_dim**0.5))


def rated_parameters(modulation: Modulation, rate: float | None = None) -> list[dict[str, Any]]:
    """All parameters as groups of an optimiser, each with its rate `lr` at the start.

    Args:
        modulation: whose parameters.
        rate: of all. None: what follows from a mixture's shape, for the bases and for projections if there are.

    Raises:
        ConfigError: no rate for what is no mixture.
    """
    if rate is not None:
        return [{"params": list(modulation.parameters()), "lr": rate}]
    if not isinstance(modulation, MixtureSiren):
        raise ConfigError("stage 1 has no rate, which only a mixture can do without; name one in the preset")
    bases = [*modulation.basis_weights, *modulation.basis_biases]
    known = {id(parameter) for parameter in bases}
    projections = [parameter for parameter in modulation.parameters() if id(parameter) not in known]
    groups = [{"params": bases, "lr": bases_rate(modulation.config)}]
    if projections:
        groups.append({"params": projections, "lr": projection_rate(modulation.config)})
    return groups
