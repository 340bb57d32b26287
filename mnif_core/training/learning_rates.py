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

from mnif_core.networks.mixture import MixtureConfig, MixtureSiren

BASES = 0.24  # rate times w0 and the root of M
PROJECTION = 0.09  # rate times the root of M H
LARGEST = 512.0  # M sqrt(H) from which on latents are slower


def bases_rate(config: MixtureConfig) -> float:
    """Rate of the weights and biases of all bases."""
    return BASES / (config.w0 * config.num_bases**0.5)


def projection_rate(config: MixtureConfig) -> float:
    """Rate of the projection T and its bias, and of what else makes coefficients of latents."""
    return PROJECTION / (config.num_bases * config.global_dim) ** 0.5


def latents_rate(config: MixtureConfig, most: float) -> float:
    """Rate of auto-decoded latents, `most` for mixtures that are not large."""
    return most * min(1.0, LARGEST / (config.num_bases * config.global_dim**0.5))


def rated_parameters(mixture: MixtureSiren) -> list[dict[str, Any]]:
    """All parameters as groups of an optimiser, each with its rate `lr`: the bases, and projections if there are."""
    bases = [*mixture.basis_weights, *mixture.basis_biases]
    known = {id(parameter) for parameter in bases}
    projections = [parameter for parameter in mixture.parameters() if id(parameter) not in known]
    groups = [{"params": bases, "lr": bases_rate(mixture.config)}]
    if projections:
        groups.append({"params": projections, "lr": projection_rate(mixture.config)})
    return groups
