"""The prior: standardisation, averaged weights, and that it learns a distribution."""

import pytest
import torch
from torch import Tensor

from mnif_core.errors import ConfigError
from mnif_core.prior.diffusion import SamplerName
from mnif_core.prior.latent_prior import LatentPrior, PriorConfig
from tests.core.prior.test_denoiser import golden_denoiser
from tests.golden_data import case_names, load_case, tensors
from tests.live_tensors import LiveTensors


@pytest.mark.parametrize("name", case_names("e_"))
def test_golden_standardisation(name: str) -> None:
    _, arrays = load_case(name)
    data = tensors(arrays)
    prior = LatentPrior(PriorConfig(latent_dim=data["feat"].shape[1], width=32, blocks=2))
    prior.fit_statistics(data["feat"])
    torch.testing.assert_close(prior.mean, data["feat_mean"], atol=1e-6, rtol=0)
    torch.testing.assert_close(prior.std, data["feat_std"], atol=1e-6, rtol=0)
    torch.testing.assert_close(prior.standardise(data["feat"]), data["feat_normalised"], atol=1e-5, rtol=0)


@pytest.mark.parametrize("name", case_names("e_"))
def test_golden_averaged_weights(name: str) -> None:
    meta, arrays = load_case(name)
    data = tensors(arrays)
    denoiser = golden_denoiser(meta, data)
    config = PriorConfig(meta["constants"]["in_channels"], meta["constants"]["hidden"], meta["constants"]["blocks"])
    prior = LatentPrior(config)
    prior.denoiser.load_state_dict(denoiser.state_dict())
    prior.averaged.load_state_dict(denoiser.state_dict())
    parameters = dict(prior.denoiser.named_parameters())
    groups = [
        {"params": [p for k, p in parameters.items() if k.endswith("weight")], "weight_decay": 0.01},
        {"params": [p for k, p in parameters.items() if not k.endswith("weight")], "weight_decay": 0.0},
    ]
    optimizer = torch.optim.AdamW(groups, lr=1e-4)
    clear = torch.ones_like(prior.averaged.input.weight, dtype=torch.bool)
    for expected in data["ema3_block_input.weight"]:
        optimizer.zero_grad()
        (data["x0"] - prior.denoiser(data["q_sample"], data["t"].long())).square().mean().backward()
        gradient = prior.denoiser.input.weight.grad
        assert gradient is not None
        clear &= gradient.abs() > 1e-5  # Adam takes a whole step by the sign of what is left of a smaller one
        assert clear.float().mean() > 0.5
        optimizer.step()
        prior.update_ema()
        torch.testing.assert_close(prior.averaged.input.weight[clear], expected[clear], atol=1e-6, rtol=0)


def sampling_peak(count: int, sampler: SamplerName, steps: int) -> int:
    """Bytes of tensors alive at once while so many latents of 4 numbers are drawn, 512 channels in between."""
    torch.manual_seed(0)
    prior = LatentPrior(PriorConfig(latent_dim=4, width=512))
    prior.fit_statistics(torch.randn(20, 4))
    with LiveTensors() as live:
        drawn = prior.sample(count, torch.Generator().manual_seed(0), sampler, steps)
    assert drawn.shape == (count, 4)
    return live.peak


@pytest.mark.parametrize("sampler", ["dpm++", "ddim", "ddpm"])
def test_sampling_holds_no_more_for_more_steps_and_only_latents_for_more_samples(
    sampler: SamplerName, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mnif_core.prior.latent_prior.TOGETHER", 16)
    few = sampling_peak(256, sampler, 5)
    assert few > 16 * 512 * 4, "the activations of what is denoised at once are counted"
    assert sampling_peak(256, sampler, 50) - few < 4 * 256 * 4 * 4, "four states, of 45 more steps"
    assert sampling_peak(1024, sampler, 5) - few < (1024 - 256) * 512 * 4 / 4, "a quarter of one layer's activations"


def test_samples_do_not_depend_on_how_many_are_denoised_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    prior = LatentPrior(PriorConfig(latent_dim=4, width=32))
    prior.fit_statistics(two_clusters(20).repeat(1, 2)[:, :4])
    torch.nn.init.normal_(prior.averaged.get_submodule("blocks.0.linear2").get_parameter("weight"))
    whole = prior.sample(100, torch.Generator().manual_seed(0))
    monkeypatch.setattr("mnif_core.prior.latent_prior.TOGETHER", 33)
    torch.testing.assert_close(prior.sample(100, torch.Generator().manual_seed(0)), whole)


def two_clusters(count: int) -> Tensor:
    generator = torch.Generator().manual_seed(0)
    centres = torch.tensor([[3.0, 10.0, 7.0], [-3.0, 12.0, 7.0]])
    latents = centres[torch.arange(count) % 2] + 0.2 * torch.randn(count, 3, generator=generator)
    latents[:, 2] = 7.0  # never moves
    return latents


@pytest.fixture(scope="module", params=["x0", "epsilon", "v"])
def trained(request: pytest.FixtureRequest) -> LatentPrior:
    torch.manual_seed(0)
    latents = two_clusters(256)
    prior = LatentPrior(PriorConfig(3, width=64, blocks=2, prediction=request.param, schedule="linear", ema_decay=0.99))
    prior.fit_statistics(latents)
    optimizer = torch.optim.Adam(prior.denoiser.parameters(), lr=2e-3)
    for _ in range(1500):
        optimizer.zero_grad()
        prior.loss(latents[torch.randint(256, (128,))]).backward()
        optimizer.step()
        prior.update_ema()
    return prior


@pytest.mark.parametrize(("sampler", "steps"), [("dpm++", 25), ("ddim", 50), ("ddpm", 200)])
def test_samples_lie_in_both_clusters_and_dead_dimensions_stay(trained: LatentPrior, sampler: str, steps: int) -> None:
    generator = torch.Generator().manual_seed(3)
    samples = trained.sample(200, generator, sampler=sampler, steps=steps)  # type: ignore[arg-type]
    right = (samples - torch.tensor([3.0, 10.0, 7.0])).norm(dim=1)
    left = (samples - torch.tensor([-3.0, 12.0, 7.0])).norm(dim=1)
    assert (torch.minimum(left, right) < 1.0).float().mean() > 0.9
    assert 0.25 < float((right < left).float().mean()) < 0.75
    assert (samples[:, 2] == 7.0).all()


def test_same_seed_same_sample_also_after_a_round_trip(trained: LatentPrior) -> None:
    def draw(prior: LatentPrior, seed: int) -> Tensor:
        return prior.sample(4, torch.Generator().manual_seed(seed))

    copy = LatentPrior(trained.config)
    copy.load_state_dict(trained.state_dict())
    assert copy.is_fitted and copy.is_trained
    assert torch.equal(draw(trained, 1), draw(copy, 1))
    assert not torch.equal(draw(trained, 1), draw(trained, 2))


def test_sampling_uses_the_averaged_weights_only(trained: LatentPrior) -> None:
    copy = LatentPrior(trained.config)
    copy.load_state_dict(trained.state_dict())
    torch.nn.init.constant_(copy.denoiser.output.weight, 5.0)
    first, second = (p.sample(4, torch.Generator().manual_seed(1)) for p in (trained, copy))
    assert torch.equal(first, second)


def test_held_out_loss_falls_with_training(trained: LatentPrior) -> None:
    fresh = LatentPrior(trained.config)
    fresh.fit_statistics(two_clusters(256))
    unseen = two_clusters(64)
    losses = [float(p.held_out_loss(unseen, torch.Generator().manual_seed(0))) for p in (trained, fresh)]
    assert losses[0] < 0.7 * losses[1]


def test_before_statistics_and_with_too_many_steps_it_says_so(trained: LatentPrior) -> None:
    with pytest.raises(ConfigError, match="fit_statistics"):
        LatentPrior(PriorConfig(3, width=32)).sample(1)
    with pytest.raises(ConfigError, match="1 to 1000"):
        trained.sample(1, steps=2000)
