"""Biases that vary over space: against torch's own interpolation in double precision, and as one more modulation."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.nn import functional

from mnif_core.errors import ConfigError
from mnif_core.generative_field import GenerativeField
from mnif_core.latents.fitter import LatentFitter
from mnif_core.latents.inner_loop import FittingConfig
from mnif_core.networks.mixture import MixtureConfig, MixtureSiren
from mnif_core.networks.orthogonality import basis_similarity
from mnif_core.networks.spatial_mixture import CornerWeights, SpatialMixture, SpatialMixtureConfig
from mnif_core.presets import PRESETS
from mnif_core.prior.latent_prior import LatentPrior, PriorConfig
from mnif_core.signals.images import ImageSignal
from mnif_core.training.images import ImageTrainer
from mnif_core.training.learning_rates import latents_rate, projection_rate, rated_parameters

CONFIG = SpatialMixtureConfig(
    2, 3, 2, 7, num_bases=4, latent_dim=5 + 9 * 2, w0=12.0, output_activation="sine", grid=3, corner_dim=2
)
PLAIN = MixtureConfig(2, 3, 2, 7, num_bases=4, latent_dim=5, w0=12.0, output_activation="sine")


def built(config: SpatialMixtureConfig = CONFIG) -> SpatialMixture:
    torch.manual_seed(0)
    return config.build().double()


def drawn(*shape: int) -> Tensor:
    return torch.randn(*shape, dtype=torch.float64, generator=torch.Generator().manual_seed(len(shape)))


def plain_of(mixture: SpatialMixture) -> MixtureSiren:
    plain = PLAIN.build().double()
    plain.load_state_dict({name: value for name, value in mixture.state_dict().items() if "corner" not in name})
    return plain


def points(count: int = 50, dims: int = 2, reach: float = 1.3) -> Tensor:
    return (torch.rand(3, count, dims, dtype=torch.float64, generator=torch.Generator().manual_seed(1)) * 2 - 1) * reach


@pytest.mark.parametrize(("dims", "grid", "extent"), [(2, 4, 1.0), (3, 3, 1.0), (3, 4, 0.45), (2, 2, 2.0), (2, 1, 1.0)])
def test_corner_weights_interpolate_as_torch_does(dims: int, grid: int, extent: float) -> None:
    x, corners = points(dims=dims, reach=1.3 * extent), drawn(3, 2, *[grid] * dims)
    ours = CornerWeights(grid, extent)(x) @ corners.flatten(2).transpose(1, 2)
    # grid_sample's coordinates run the other way round: its first is the last axis of the grid
    place = (x / extent).flip(-1).view(3, -1, *[1] * (dims - 1), dims)
    theirs = functional.grid_sample(corners, place, mode="bilinear", padding_mode="border", align_corners=True)
    torch.testing.assert_close(ours, theirs.flatten(2).transpose(1, 2), atol=1e-12, rtol=0)


def test_every_layer_adds_the_interpolated_corners_to_its_biases() -> None:
    mixture, latents, x = built(), drawn(3, CONFIG.latent_dim), points()
    plain = plain_of(mixture).instance(latents[:, :5])
    projection = mixture.corner_projection.weight.unflatten(0, (CONFIG.num_layers, CONFIG.num_bases))
    corners = latents[:, 5:].view(3, 3, 3, 2)
    value = x
    for layer, (weight, bias) in enumerate(zip(plain.weights, plain.biases, strict=True)):
        coefficients = torch.einsum("srch,mh->smrc", corners, projection[layer])
        place = x.flip(-1).unsqueeze(2)
        here = functional.grid_sample(coefficients, place, padding_mode="border", align_corners=True).squeeze(3)
        shift = torch.einsum("smp,mo->spo", here, mixture.basis_biases[layer])
        value = (12.0 * (value @ weight.transpose(1, 2) + bias.unsqueeze(1) + shift)).sin()
    torch.testing.assert_close(mixture.instance(latents)(x), value, atol=1e-12, rtol=0)


def test_corners_of_zero_are_the_plain_mixture() -> None:
    mixture, latents, x = built(), drawn(3, CONFIG.latent_dim), points()
    latents[:, 5:] = 0.0
    expected = plain_of(mixture).instance(latents[:, :5])(x)
    torch.testing.assert_close(mixture.instance(latents)(x), expected, atol=1e-13, rtol=0)
    assert mixture.mean_latent().count_nonzero() == 0


def test_mixing_is_affine_in_the_latent_and_linear_in_its_corners() -> None:
    mixture, first, second = built(), drawn(1, CONFIG.latent_dim), drawn(2, CONFIG.latent_dim)[:1]
    ends, between = (mixture.instance(latent) for latent in (torch.cat([first, second]), 0.3 * first + 0.7 * second))
    for both, one in zip(ends.tensors, between.tensors, strict=True):
        torch.testing.assert_close(0.3 * both[0] + 0.7 * both[1], one[0], atol=1e-13, rtol=0)
    doubled = mixture.instance(2.0 * first).feature_weights
    torch.testing.assert_close(doubled, tuple(2.0 * part[:1] for part in ends.feature_weights), atol=1e-13, rtol=0)


def test_gradients_by_latents_are_finite_differences() -> None:
    mixture, x, targets = built(), points(7, reach=0.9), drawn(3, 7, 3)

    def loss(latents: Tensor) -> Tensor:
        return (mixture.instance(latents)(x) - targets).square().mean((1, 2)).sum()

    latents = drawn(3, CONFIG.latent_dim).requires_grad_()
    assert torch.autograd.gradcheck(loss, (latents,))
    assert torch.autograd.gradgradcheck(loss, (latents,))


def test_counts() -> None:
    assert CONFIG.global_dim == 5 and CONFIG.features == 9
    mixture = built()
    assert sum(parameter.numel() for parameter in mixture.parameters()) == CONFIG.learnable_parameters
    assert CONFIG.learnable_parameters == PLAIN.learnable_parameters + 4 * 4 * 2
    assert CONFIG.instance_parameters == PLAIN.instance_parameters + (3 * 7 + 3) * 9
    assert len(basis_similarity(mixture)) == 4


def test_a_grid_that_takes_all_numbers_is_refused() -> None:
    with pytest.raises(ConfigError, match="latent_dim 18: the grid's corners take 18"):
        replace(CONFIG, latent_dim=18)


def test_rates_are_those_of_its_global_part() -> None:
    mixture = built()
    bases, projections = rated_parameters(mixture)
    assert projections["lr"] == projection_rate(PLAIN) == projection_rate(CONFIG)
    assert latents_rate(CONFIG, 1e-2) == latents_rate(PLAIN, 1e-2)
    assert any(parameter is mixture.corner_projection.weight for parameter in projections["params"])
    assert len(bases["params"]) + len(projections["params"]) == len(list(mixture.parameters()))


@pytest.mark.parametrize("strategy", ["meta-learning", "first-order", "auto-decoding"])
def test_latents_are_found_by_every_strategy(strategy: str) -> None:
    mixture, x = built(), points(200, reach=1.0)
    wanted = mixture.instance(0.2 * drawn(3, CONFIG.latent_dim))(x).detach()
    steps, rate = (150, 0.02) if strategy == "auto-decoding" else (30, 0.02)
    fitter = LatentFitter(FittingConfig(strategy, steps, rate), CONFIG.latent_dim).double()  # type: ignore[arg-type]
    found = fitter.fit(mixture, x, wanted)
    start = mixture.instance(mixture.mean_latent().double().expand(3, -1))(x)
    errors = [(values - wanted).square().mean() for values in (mixture.instance(found)(x), start)]
    assert errors[0] < 0.5 * errors[1]
    assert found.requires_grad == (strategy != "auto-decoding")


def test_a_saved_field_shows_the_same(tmp_path: Path) -> None:
    torch.manual_seed(0)
    latents, prior = torch.randn(4, CONFIG.latent_dim), LatentPrior(PriorConfig(CONFIG.latent_dim, width=32, blocks=1))
    prior.fit_statistics(latents)
    fitter = LatentFitter(FittingConfig(inner_rate=0.01), CONFIG.latent_dim)
    field = GenerativeField(SpatialMixture(CONFIG), latents, ImageSignal(9, 8), prior, fitter=fitter)
    loaded = GenerativeField.load(field.save(tmp_path / "field"))
    assert loaded.modulation.config == CONFIG
    ways: list[Callable[[GenerativeField], Tensor]] = [
        lambda it: it.decode(latents),
        lambda it: it.sample(2, seed=1),
        lambda it: it.decode(latents, height=20),
    ]
    for shown in ways:
        torch.testing.assert_close(shown(loaded), shown(field), atol=0, rtol=0)
    assert loaded.interpolate(latents[0], latents[1], 3).shape == (3, 9, 8, 3)


def test_a_few_pictures_are_trained_on_sampled_and_found_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rows, columns = np.mgrid[0:16, 0:16]
    pictures = [
        np.stack([255 * (rows > 2 * at), 255 * (columns > 3 * at), 20 * np.full_like(rows, at)], -1) for at in range(12)
    ]
    usual = PRESETS["image-tiny"]
    small = replace(
        usual,
        modulation=SpatialMixtureConfig(2, 3, 1, 32, 8, 40, w0=10.0, output_activation="sine", grid=4, corner_dim=2),
        fitting=FittingConfig("auto-decoding", 60, 1e-2, latent_std=0.01),
        stage_1=replace(usual.stage_1, length=400, batch_size=8),
        stage_2=replace(usual.stage_2, length=20),
        prior=replace(usual.prior, latent_dim=40, width=32),
        latent_rate=1e-2,
        resolution=16,
        points=128,
    )
    monkeypatch.setitem(PRESETS, "small", small)
    trainer = ImageTrainer(np.array(pictures).astype(np.uint8), "small", tmp_path / "run", device="cpu")
    field = trainer.fit()
    assert field.sample(2, seed=0).shape == (2, 16, 16, 3)
    true = trainer.train.pictures(torch.arange(4))
    assert true is not None
    assert (field.decode(field.latents[:4]) - true).square().mean() < 0.02
    again = GenerativeField.load(tmp_path / "run" / "field")
    torch.testing.assert_close(again.sample(2, seed=0), field.sample(2, seed=0), atol=0, rtol=0)
    assert (again.decode(again.reconstruct(trainer.train.subset(range(4)))) - true).square().mean() < 0.02
