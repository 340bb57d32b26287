"""The reference of the benchmark computes what ours computes: otherwise a ratio says nothing."""

from collections.abc import Callable

import torch
from torch import Tensor

from mnif_core.latents.fitter import LatentFitter
from mnif_core.latents.inner_loop import FittingConfig
from mnif_core.networks.mixture import MixtureConfig, MixtureSiren
from mnif_core.prior.diffusion import NoiseSchedule, sample_ddpm
from mnif_core.rendering.cameras import pixel_directions
from mnif_core.signals.scenes import SceneSignal
from tests.benchmarks import reference
from tests.benchmarks.measuring import Limits, Timed, Work, measure
from tests.benchmarks.sine_rates import CALLS, TILE, sine_rates


def small(in_dim: int, out_dim: int, output: str) -> tuple[MixtureSiren, Tensor]:
    torch.manual_seed(0)
    mixture = MixtureSiren(MixtureConfig(in_dim, out_dim, 2, 8, 5, 4, "latent", 10.0, output))  # type: ignore[arg-type]
    return mixture, 0.1 * torch.randn(3, 4)


def test_mixing_and_values() -> None:
    mixture, latents = small(2, 3, "sine")
    points = torch.rand(3, 50, 2) * 2 - 1
    networks = mixture.instance(latents)
    layers = zip(networks.weights, networks.biases, reference.mix(mixture, latents), strict=True)
    for weight, bias, (plain_weight, plain_bias) in layers:
        torch.testing.assert_close(weight, plain_weight)
        torch.testing.assert_close(bias, plain_bias)
    torch.testing.assert_close(networks(points), reference.field(mixture, latents, points), atol=1e-5, rtol=0)


def test_outer_step_of_meta_learning() -> None:
    mixture, init = small(2, 3, "sine")
    points, targets = torch.rand(3, 50, 2) * 2 - 1, torch.rand(3, 50, 3) * 2 - 1
    fitter = LatentFitter(FittingConfig(inner_rate=0.05), 4)
    latents = fitter.fit(mixture, points, targets, init / fitter.config.latent_std)
    loss = (mixture.instance(latents)(points) - targets).square().mean()
    plain = reference.meta_learning_loss(mixture, init, fitter.rates(), points, targets)
    torch.testing.assert_close(loss, plain)
    parameters = [*mixture.parameters(), fitter.rates.log_rates]
    for one, other in zip(torch.autograd.grad(loss, parameters), torch.autograd.grad(plain, parameters), strict=True):
        torch.testing.assert_close(one, other, atol=1e-5 * float(other.abs().max()), rtol=1e-4)


def test_views() -> None:
    mixture, latents = small(3, 4, "none")
    signal = SceneSignal(height=6, width=5, samples_per_ray=7)
    camera = signal.orbit(1)[0]
    rays = reference.rays_of_views(signal.intrinsics, camera[None], 6, 5)
    pixels = torch.cartesian_prod(torch.arange(6), torch.arange(5))
    torch.testing.assert_close(rays[1][0], pixel_directions(pixels, signal.intrinsics, camera))
    plain = reference.render(mixture, reference.mix(mixture, latents[:1]), *rays, signal.near, signal.far, 7)
    ours = signal.render_view(mixture.instance(latents[:1]), camera).color
    torch.testing.assert_close(ours, (plain * 0.5 + 0.5).clamp(0, 1).view(1, 6, 5, 3), atol=1e-5, rtol=0)


def test_pixels_show_their_views() -> None:
    pictures = torch.arange(2 * 3 * 16, dtype=torch.uint8).view(2, 3, 4, 4, 1).expand(-1, -1, -1, -1, 3)
    cameras = SceneSignal().orbit(6).view(2, 3, 3, 4)
    drawn = reference.pixels_of_step(
        pictures, cameras, SceneSignal().intrinsics, 5, 2, torch.Generator().manual_seed(0)
    )
    value = ((drawn[2][..., 0] + 1) * 127.5).round().long()
    scene, view = value // 48, value % 48 // 16
    assert (scene == torch.arange(2)[:, None]).all()
    torch.testing.assert_close(drawn[0], cameras[scene, view][..., 3])


def test_sampling() -> None:
    schedule = NoiseSchedule.make("squared-cosine", 50)
    start, noises = torch.randn(4, 3), torch.randn(50, 4, 3)

    class Denoiser(torch.nn.Module):
        def forward(self, x: Tensor, timesteps: Tensor) -> Tensor:
            return torch.tanh(x) * (1 - timesteps[:, None] / 100)

    model, draws, others = Denoiser(), iter(noises), iter(noises)
    plain = reference.sample(model, schedule, start, lambda x: next(draws))  # type: ignore[arg-type]

    def denoise(x: Tensor, timestep: int) -> Tensor:
        return model(x, torch.full((4,), timestep))

    ours = sample_ddpm(denoise, start, schedule, lambda x: next(others))
    torch.testing.assert_close(ours, plain)


def test_averaged_weights() -> None:
    model, average = torch.nn.Linear(2, 2), torch.nn.Linear(2, 2)
    expected = torch.lerp(average.weight.detach(), model.weight.detach(), 0.25)
    reference.move_average(average, model, 0.75)
    torch.testing.assert_close(average.weight.detach(), expected)


def test_a_case_is_measured_whole() -> None:
    limits = Limits(flops=1e9, sines=1e9, bytes=1e9)
    held: list[Tensor] = []
    ours, plain = (Timed(run, torch.device("cpu")) for run in (lambda: None, lambda: held.append(torch.ones(8 << 20))))
    row = measure(ours, plain, Work(flops=1e3), 2, limits)
    assert len(held) == 5  # twice for time, each after one untimed, once for memory
    assert row["ratio"] == row["reference"]["ms"] / row["ours"]["ms"]
    peak = row["reference"]["peak_mib"]
    assert peak is None or 30 < peak < 64
    assert limits.share(Work(flops=5e8, sines=2.5e8, bytes=1e8), 1.0) == 0.75


def test_every_sine_of_the_machine_is_measured() -> None:
    seconds = iter([2.0, 0.5, 4.0])

    def timed(run: Callable[[], object]) -> float:
        run()
        return next(seconds)

    count = CALLS * torch.get_num_threads() * TILE
    rates = sine_rates(timed)
    assert list(rates) in (["torch", "numpy"], ["torch", "numpy", "numba"])
    assert list(rates.values()) == [count / 2.0, count / 0.5, count / 4.0][: len(rates)]
