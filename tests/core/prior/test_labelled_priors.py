"""Priors of labelled latents: every kind draws what is asked for; without labels nothing has changed."""

import json
from collections.abc import Callable
from functools import cache
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor

from mnif_core.errors import ConfigError
from mnif_core.generative_field import GenerativeField
from mnif_core.prior.bootstrap import BootstrapPrior
from mnif_core.prior.denoiser import DenoiserConfig, ResidualMLP
from mnif_core.prior.gaussian_mixture import GaussianMixturePrior
from mnif_core.prior.kinds import PRIORS, to_store
from mnif_core.prior.latent_prior import LABEL_DROPOUT, LatentPrior, PriorConfig
from mnif_core.prior.local_bootstrap import LocalBootstrapPrior
from mnif_core.prior.protocol import Prior
from tests.small_field import small_field

AT_ONCE: dict[str, Callable[..., Prior]] = {
    "bootstrap": BootstrapPrior.fit,
    "local-bootstrap": LocalBootstrapPrior.fit,
    "gaussian-mixture": GaussianMixturePrior.fit,
}
CENTRES = torch.tensor([[4.0, 0.0, 1.0], [-4.0, 3.0, 1.0], [0.0, -5.0, 1.0]])
SHARES = torch.tensor([0.5, 0.25, 0.25])


def seeded(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def clusters(count: int = 400) -> tuple[Tensor, Tensor]:
    """Latents around three centres, the second dimension less spread, the third never moving; their labels."""
    labels = torch.tensor([0, 1, 0, 2]).repeat(count // 4)
    noise = torch.randn(count, 3, generator=seeded(0)) * torch.tensor([0.7, 0.4, 0.0])
    return CENTRES[labels] + noise, labels


def diffusion(latents: Tensor, labels: Tensor, classes: int) -> LatentPrior:
    torch.manual_seed(0)
    config = PriorConfig(3, width=64, blocks=2, schedule="linear", prediction="v", ema_decay=0.99, classes=classes)
    prior = LatentPrior(config)
    prior.fit_statistics(latents)
    optimizer, generator = torch.optim.Adam(prior.denoiser.parameters(), lr=2e-3), seeded(1)
    for _ in range(1500):
        index = torch.randint(len(latents), (128,), generator=generator)
        optimizer.zero_grad()
        prior.loss(latents[index], generator, labels[index]).backward()
        optimizer.step()
        prior.update_ema()
    return prior.eval()


@cache
def fitted(kind: str) -> Prior:
    latents, labels = clusters()
    if kind == "diffusion":
        return diffusion(latents, labels, 3)
    return AT_ONCE[kind](latents, labels=labels, classes=3)


def nearest(samples: Tensor) -> Tensor:
    return torch.cdist(samples, CENTRES).argmin(1)


@pytest.mark.parametrize("kind", PRIORS)
def test_samples_are_of_the_label_that_is_asked_for(kind: str) -> None:
    prior = fitted(kind)
    latents, labels = clusters()
    for label, centre in enumerate(CENTRES):
        samples = prior.sample(500, seeded(2), label=label, guidance=1.0)
        assert float((nearest(samples) == label).float().mean()) > 0.97
        torch.testing.assert_close(samples.mean(0), centre, atol=0.35, rtol=0)
        spread = (samples.std(0) / latents[labels == label].std(0))[:2]
        low, high = (0.3, 2.5) if kind == "diffusion" else (0.8, 1.25)  # which is hardly trained
        assert float(spread.min()) > low and float(spread.max()) < high, spread
        assert bool((samples[:, 2] - 1.0).abs().max() < 1e-5)


@pytest.mark.parametrize("kind", PRIORS)
def test_without_a_label_they_are_as_labels_occur(kind: str) -> None:
    found = torch.bincount(nearest(fitted(kind).sample(2000, seeded(3))), minlength=3) / 2000
    torch.testing.assert_close(found, SHARES, atol=0.08, rtol=0)


@pytest.mark.parametrize("kind", PRIORS)
@pytest.mark.parametrize("label", [3, -1])
def test_an_unknown_number_is_one_line(kind: str, label: int) -> None:
    with pytest.raises(ConfigError, match=f"label {label} of a prior that knows 3 labels"):
        fitted(kind).sample(1, label=label)


@pytest.mark.parametrize("kind", PRIORS)
def test_it_comes_back_and_fields_ask_for_it_by_name(kind: str, tmp_path: Path) -> None:
    field = small_field("image", 12)
    words = ["hat", "shoe", "sock"] * 4
    latents, numbers = field.latents, torch.tensor([0, 1, 2] * 4)
    prior: Prior
    if kind == "diffusion":
        prior = LatentPrior(PriorConfig(6, width=32, blocks=1, classes=3))
        prior.fit_statistics(latents)
        torch.nn.init.normal_(prior.averaged.output.weight)
    else:
        prior = AT_ONCE[kind](latents, labels=numbers, classes=3)
    field.prior, field.labels = prior, words
    loaded = GenerativeField.load(field.save(tmp_path / "field"))
    assert loaded.labels == words and loaded.classes == ["hat", "shoe", "sock"]
    assert loaded.prior is not None and loaded.prior.settings == prior.settings
    drawn = {label: loaded.sample_latents(4, seed=1, label=label) for label in loaded.classes}
    for label, samples in drawn.items():
        assert torch.equal(samples, field.sample_latents(4, seed=1, label=label))
        wanted = prior.sample(4, seeded(1), label=loaded.classes.index(label))
        torch.testing.assert_close(samples, wanted)
    assert not torch.equal(drawn["hat"], drawn["sock"])
    assert loaded.sample(2, seed=1, label="hat", guidance=3.0, height=4, width=5).shape == (2, 4, 5, 3)
    between = loaded.sample_latents(6, seed=1, sampler="neighbours", label="shoe")
    assert torch.equal(between, GenerativeField(
        field.modulation, latents[1::3], field.signal
    ).sample_latents(6, seed=1, sampler="neighbours"))  # fmt: skip
    still = loaded.sample_latents(2, seed=1, truncation=0.0, label="sock")
    torch.testing.assert_close(still, latents[2::3].mean(0).expand(2, -1))
    for label, line in (("cap", "no label 'cap'; choose one of hat, shoe, sock"),):
        with pytest.raises(ConfigError, match=line):
            loaded.sample(1, label=label)


@pytest.mark.parametrize("kind", PRIORS)
def test_guidance_makes_samples_more_typical(kind: str) -> None:
    latents, labels = clusters()
    # so near that labels overlap; of what is drawn at once only overlapping labels can be told apart better
    near = latents - (0.7 if kind == "diffusion" else 0.9) * CENTRES[labels]
    prior = diffusion(near, labels, 3) if kind == "diffusion" else AT_ONCE[kind](near, labels=labels, classes=3)
    drawn = {w: prior.sample(400, seeded(4), label=1, guidance=w) for w in (0.0, 1.0, 3.0)}
    assert torch.equal(drawn[0.0], prior.sample(400, seeded(4)))
    away = {w: float(samples[:, 0].mean()) for w, samples in drawn.items()}
    assert away[3.0] < away[1.0] - 0.2 and away[1.0] < away[0.0] - 0.3, "beyond the centre, away from the others"
    with pytest.raises(ConfigError, match="guidance is -1"):
        prior.sample(1, label=0, guidance=-1.0)


@pytest.mark.parametrize("kind", AT_ONCE)
def test_few_labelled_latents_can_be_asked_for_with_guidance(kind: str) -> None:
    latents = torch.randn(3, 4, generator=seeded(0))
    for labels in (torch.tensor([0, 0, 0]), torch.tensor([0, 1, 2])):
        prior = AT_ONCE[kind](latents, labels=labels, classes=3)
        assert torch.isfinite(prior.sample(5, seeded(1), label=0, guidance=3.0)).all()
        assert prior.sample(0, label=0, guidance=3.0).shape == (0, 4)


def test_labels_are_left_out_at_random_and_the_same_by_the_same_seed() -> None:
    prior = LatentPrior(PriorConfig(3, width=32, blocks=1, classes=3))
    labels = torch.tensor([0, 1, 2]).repeat(4000)
    found = prior.leave_out(labels, seeded(0))
    out = found == 3
    assert float(out.float().mean()) == pytest.approx(LABEL_DROPOUT, abs=0.015)
    assert torch.equal(found[~out], labels[~out])
    assert torch.equal(found, prior.leave_out(labels, seeded(0)))


def test_no_label_is_the_last_row() -> None:
    torch.manual_seed(0)
    denoiser = ResidualMLP(DenoiserConfig(4, 32, 2, classes=3))
    latents, timesteps = torch.randn(5, 4), torch.arange(5)
    assert torch.equal(denoiser(latents, timesteps), denoiser(latents, timesteps, torch.full((5,), 3)))
    assert not torch.equal(denoiser(latents, timesteps), denoiser(latents, timesteps, torch.full((5,), 2)))


def test_without_labels_weights_names_and_numbers_are_those_of_before() -> None:
    torch.manual_seed(7)
    plain = ResidualMLP(DenoiserConfig(4, 32, 2))
    torch.manual_seed(7)
    labelled = ResidualMLP(DenoiserConfig(4, 32, 2, classes=5))
    own, theirs = plain.state_dict(), labelled.state_dict()
    assert theirs.keys() - own.keys() == {"label.weight"} and own.keys() < theirs.keys()
    assert all(torch.equal(value, theirs[name]) for name, value in own.items())
    for prior in (BootstrapPrior.fit(torch.randn(9, 4)), GaussianMixturePrior.fit(torch.randn(9, 4), 2)):
        assert "classes" not in to_store(prior.settings) and "labels" not in prior.state_dict()


def test_fields_without_labels_say_nothing_of_them(tmp_path: Path) -> None:
    field = small_field("image")
    folder = field.save(tmp_path / "field")
    assert "labels" not in json.loads((folder / "config.json").read_text())
    assert not any("label" in name for name in load_file(folder / "model.safetensors"))
    with pytest.raises(ConfigError, match="label 'hat': this field was trained without labels"):
        field.sample(1, label="hat")
    field.prior, field.labels = None, ["hat", "hat", "cap", "cap", "cap"]
    with pytest.raises(ConfigError, match="no prior"):
        field.sample(1, label="hat")
    assert field.sample_latents(3, seed=0, sampler="neighbours", label="hat").shape == (3, 6)


def test_a_label_with_one_latent_is_borne() -> None:
    latents, labels = torch.randn(7, 4, generator=seeded(0)), torch.tensor([0, 0, 0, 0, 0, 0, 1])
    bootstrap = BootstrapPrior.fit(latents, labels=labels, classes=2)
    torch.testing.assert_close(bootstrap.sample(3, label=1), latents[6].expand(3, -1))
    mixture = GaussianMixturePrior.fit(latents, labels=labels, classes=2)
    samples = mixture.sample(2000, seeded(1), label=1, guidance=1.0)
    torch.testing.assert_close(samples.mean(0), latents[6], atol=0.15, rtol=0)
    assert float(samples.std(0).min()) > 0.1, "it varies as the others do"
    with pytest.raises(ConfigError, match="no training latent has label 2"):
        BootstrapPrior.fit(latents, labels=labels, classes=3).sample(1, label=2)
