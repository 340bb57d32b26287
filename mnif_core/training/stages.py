"""The two stages of a run, as things that can take a step, be scored, be saved and go on."""

import math
from typing import Any, Protocol

import torch
from lightning_fabric import Fabric
from torch import Tensor, nn

from mnif_core.errors import ConfigError, TrainingError
from mnif_core.generative_field import GenerativeField
from mnif_core.latents.fitter import LatentFitter
from mnif_core.latents.inner_loop import RowAdam
from mnif_core.networks.mixture import MixtureConfig, MixtureSiren
from mnif_core.networks.modulation import Modulation
from mnif_core.presets import Preset, StageConfig
from mnif_core.prior.latent_prior import LatentPrior
from mnif_core.seeds import mixed_seed
from mnif_core.signals.observations import Observations
from mnif_core.training.checkpoint import pack, pack_optimizer, unpack, unpack_optimizer
from mnif_core.training.collapse import Collapse, CollapseWatch, slowed
from mnif_core.training.learning_rates import latents_rate, rated_parameters
from mnif_core.training.objective import Objective
from mnif_core.unseen.reconstruction import scores

LOG_RATE = 10.0  # logarithms of inner rates learn so much faster: the authors' steps of 1e-4 are 2e-3 of their rates
HELD_OUT_DRAWS = 64  # of noise for each held-out latent: the loss of one draw says little


class Stage(Protocol):
    """What the loop needs of a stage."""

    name: str
    steps: int

    def step(self, number: int) -> dict[str, float]:
        """Take step `number` and return what to show of it; the same number always draws the same."""
        ...

    def score(self) -> float:
        """How good the weights are on held-out instances; higher is better."""
        ...

    def weights(self) -> dict[str, Tensor]:
        """What the artefact takes from this stage."""
        ...

    def load_weights(self, tensors: dict[str, Tensor]) -> None:
        """The reverse of `weights`."""
        ...

    def progress(self) -> dict[str, Tensor]:
        """What the stage needs besides `weights` to go on: optimisers."""
        ...

    def load_progress(self, tensors: dict[str, Tensor]) -> None:
        """The reverse of `progress`."""
        ...


def step_generator(seed: int, stage: int, number: int) -> torch.Generator:
    """Random numbers of one step: a run that goes on draws what it would have drawn."""
    return torch.Generator().manual_seed(mixed_seed(seed, stage, number))


def batch_of(number: int, size: int, count: int, seed: int) -> Tensor:
    """Instances `[size]` of step `number`: all of them once in random order, then all again in another."""
    first = number * size
    epochs = range(first // count, (first + size - 1) // count + 1)
    orders = [torch.randperm(count, generator=step_generator(seed, 0, epoch)) for epoch in epochs]
    start = first - epochs.start * count
    return torch.cat(orders)[start : start + size]


class FieldStage:
    """Stage 1: bases, rates and latents together. Attempts after the first are slower (see `CollapseWatch`)."""

    name = "stage 1"

    def __init__(
        self,
        fabric: Fabric,
        preset: Preset,
        train: Observations,
        validation: Observations | None,
        seed: int,
        attempt: int = 0,
    ) -> None:
        self.fabric, self.config, self.preset, self.seed = fabric, preset.stage_1, preset, seed
        self.train, self.validation = train, validation
        self.steps = self.config.steps(len(train.names))
        _require_divisible(self.config, fabric.world_size)
        self.objective = Objective(
            preset.modulation.build(),
            LatentFitter(preset.fitting, preset.modulation.latent_dim),
            len(train.names),
            preset.orthogonality,
        )
        groups = _rated(self.objective.modulation, self.config.rate)
        optimizers: list[torch.optim.Optimizer] = [torch.optim.Adam(groups, fused=True)]
        if self.objective.table is not None:
            optimizers.append(RowAdam(self.objective.table.parameters(), lr=_latents_rate(preset)))
        elif preset.fitting.learn_rates:
            optimizers.append(torch.optim.Adam(self.objective.fitter.parameters(), lr=LOG_RATE * groups[0]["lr"]))
        self.rates = [[slowed(attempt) * rate for rate in rates] for rates in rates_of(optimizers)]
        self.watch = CollapseWatch(self.steps, preset.modulation.out_dim, fabric.device)
        self.module, *self.optimizers = fabric.setup(self.objective, *optimizers)

    def field(self, prior: LatentPrior | None = None, latents: Tensor | None = None) -> GenerativeField:
        """The artefact as it stands."""
        objective = self.objective
        if latents is None and objective.table is not None:
            latents = objective.table.weight.detach()
        elif latents is None:
            latents = torch.zeros(0, self.preset.modulation.latent_dim, device=self.fabric.device)
        return GenerativeField(
            objective.modulation, latents, self.train.signal, prior, self.train.names, objective.fitter
        )

    def latents(self) -> Tensor:
        """Of all training instances `[n, h]`: the table's, or found anew from the mean latent with all points."""
        if self.objective.table is not None:
            return self.objective.table.weight.detach().clone()
        return self.field().reconstruct(self.train)

    def step(self, number: int) -> dict[str, float]:
        """See `Stage.step`.

        Raises:
            Collapse: nothing has been learned so far, or loss or gradient are not finite.
        """
        self.objective.train()
        size, generator = self.config.batch_size, step_generator(self.seed, 1, number)
        index = batch_of(number, size, len(self.train.names), self.seed)
        noise = torch.randn(size, self.preset.modulation.latent_dim, generator=generator)
        chosen = None
        if self.preset.points is not None and self.preset.points < self.train.points:
            chosen = torch.randint(self.train.points, (size, self.preset.points), generator=generator)
        share = slice(self.fabric.global_rank, size, self.fabric.world_size)
        coordinates, targets = self.train.observe(index[share], None if chosen is None else chosen[share])
        device = self.fabric.device
        coordinates, targets = coordinates.to(device), targets.to(device)
        loss, values = self.module(
            index[share].to(device), coordinates, targets, noise[share].to(device), self.fabric.world_size
        )
        for optimizer in self.optimizers:
            optimizer.zero_grad()
        self.fabric.backward(loss)
        value = float(loss.detach())
        _optimizer_step(self.objective, self.optimizers, self.rates, self.config, number, self.steps, value, Collapse)
        self.watch.see((values - targets).square().mean(), targets)
        self.watch.judge(number + 1, lambda totals: _together(self.fabric, totals))
        score = self.train.signal.score(values, targets).mean()
        return {"loss": value, self.train.signal.score_name: float(score)}

    def score(self) -> float:
        """Mean score of the signal on held-out instances, latents found as for any unseen instance."""
        assert self.validation is not None
        return float(scores(self.field(), self.validation).mean())

    def weights(self) -> dict[str, Tensor]:
        """See `Stage.weights`."""
        return pack("objective", self.objective)

    def load_weights(self, tensors: dict[str, Tensor]) -> None:
        """See `Stage.load_weights`."""
        unpack("objective", self.objective, tensors)

    def progress(self) -> dict[str, Tensor]:
        """See `Stage.progress`."""
        packed = [pack_optimizer(f"optimizer.{i}", optimizer) for i, optimizer in enumerate(self.optimizers)]
        return {name: value for part in packed for name, value in part.items()} | {"watch": self.watch.totals}

    def load_progress(self, tensors: dict[str, Tensor]) -> None:
        """See `Stage.load_progress`."""
        watched = tensors.get("watch")
        if watched is not None and self.fabric.is_global_zero and watched.shape == self.watch.totals.shape:
            self.watch.totals.copy_(watched)
        for i, optimizer in enumerate(self.optimizers):
            unpack_optimizer(f"optimizer.{i}", optimizer, tensors)


class PriorStage:
    """Stage 2: the prior over the training latents."""

    name = "stage 2"

    def __init__(self, fabric: Fabric, preset: Preset, latents: Tensor, validation: Tensor | None, seed: int) -> None:
        self.fabric, self.config, self.seed = fabric, preset.stage_2, seed
        self.latents, self.validation = latents, validation
        self.steps = self.config.steps(len(latents))
        _require_divisible(self.config, fabric.world_size)
        self.prior = LatentPrior(preset.prior)
        self.prior.fit_statistics(latents.cpu())
        parameters = self.prior.denoiser.parameters()
        assert self.config.rate is not None
        optimizer = torch.optim.AdamW(parameters, lr=self.config.rate, weight_decay=0.0, fused=True)
        self.rates = rates_of([optimizer])
        self.module, self.optimizer = fabric.setup(self.prior, optimizer)

    def step(self, number: int) -> dict[str, float]:
        """See `Stage.step`."""
        self.prior.train()
        size = self.config.batch_size
        index = batch_of(number, size, len(self.latents), self.seed).to(self.latents.device)
        timesteps, noise = self.prior.draw(size, step_generator(self.seed, 2, number))
        share = slice(self.fabric.global_rank, size, self.fabric.world_size)
        loss = self.module(self.latents[index[share]], timesteps[share], noise[share])
        self.optimizer.zero_grad()
        self.fabric.backward(loss)
        value = float(loss.detach())
        _optimizer_step(self.prior.denoiser, [self.optimizer], self.rates, self.config, number, self.steps, value)
        self.prior.update_ema()
        return {"loss": value}

    def score(self) -> float:
        """Minus the loss of the EMA weights on held-out latents, always at the same draws of noise."""
        assert self.validation is not None
        return -float(self.prior.held_out_loss(self.validation.repeat(HELD_OUT_DRAWS, 1), step_generator(0, 3, 0)))

    def weights(self) -> dict[str, Tensor]:
        """See `Stage.weights`."""
        return pack("prior", self.prior)

    def load_weights(self, tensors: dict[str, Tensor]) -> None:
        """See `Stage.load_weights`."""
        unpack("prior", self.prior, tensors)

    def progress(self) -> dict[str, Tensor]:
        """See `Stage.progress`."""
        return pack_optimizer("optimizer.0", self.optimizer)

    def load_progress(self, tensors: dict[str, Tensor]) -> None:
        """See `Stage.load_progress`."""
        unpack_optimizer("optimizer.0", self.optimizer, tensors)


def _optimizer_step(
    module: nn.Module,
    optimizers: list[torch.optim.Optimizer],
    rates: list[list[float]],
    config: StageConfig,
    number: int,
    steps: int,
    loss: float,
    failure: type[TrainingError] = TrainingError,
) -> None:
    """One step of every optimiser at the rates of step `number`, if loss and gradient are finite."""
    parameters = [parameter for parameter in module.parameters() if parameter.grad is not None]
    norm = float(nn.utils.clip_grad_norm_(parameters, config.clip_norm or math.inf))
    if not (math.isfinite(loss) and math.isfinite(norm)):
        raise failure(
            f"step {number}: loss {loss:g}, gradient norm {norm:g}; the last checkpoint is whole, "
            "train anew with a lower rate or another seed"
        )
    factor = 0.5 * (1.0 + math.cos(math.pi * number / steps))
    if config.warmup_steps:
        factor *= min(1.0, (number + 1) / config.warmup_steps)
    for optimizer, own in zip(optimizers, rates, strict=True):
        for group, rate in zip(optimizer.param_groups, own, strict=True):
            group["lr"] = rate * factor
        optimizer.step()


def _latents_rate(preset: Preset) -> float:
    """The preset's, which where no rate of the bases is given is the largest."""
    if preset.stage_1.rate is not None or not isinstance(preset.modulation, MixtureConfig):
        return preset.latent_rate
    return latents_rate(preset.modulation, preset.latent_rate)


def _rated(modulation: Modulation, rate: float | None) -> list[dict[str, Any]]:
    """Groups of an optimiser, each with its rate at the start."""
    if rate is not None:
        return [{"params": list(modulation.parameters()), "lr": rate}]
    if not isinstance(modulation, MixtureSiren):
        raise ConfigError("stage 1 has no rate, which only a mixture can do without; name one in the preset")
    return rated_parameters(modulation)


def rates_of(optimizers: list[torch.optim.Optimizer]) -> list[list[float]]:
    """Rates of each optimiser's groups, as they stand."""
    return [[group["lr"] for group in optimizer.param_groups] for optimizer in optimizers]


def _together(fabric: Fabric, totals: Tensor) -> Tensor:
    """The sum over all processes."""
    summed = totals if fabric.world_size == 1 else fabric.all_reduce(totals, reduce_op="sum")
    assert isinstance(summed, Tensor)
    return summed


def _require_divisible(config: StageConfig, processes: int) -> None:
    if config.batch_size % processes:
        raise ConfigError(
            f"a batch of {config.batch_size} cannot be shared by {processes} processes; choose a multiple"
        )
