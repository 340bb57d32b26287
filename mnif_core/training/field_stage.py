"""Stage 1: bases, rates and latents together."""

import torch
from lightning_fabric import Fabric
from torch import Tensor

from mnif_core.freed_memory import keep_freed_memory
from mnif_core.generative_field import GenerativeField
from mnif_core.latents.fitter import LatentFitter
from mnif_core.latents.inner_loop import RowAdam
from mnif_core.latents.refit import Refitted, refit
from mnif_core.preset_config import Preset
from mnif_core.prior.protocol import Prior
from mnif_core.signals.observations import Observations
from mnif_core.spread import spread_indices
from mnif_core.training.checkpoint import pack, pack_optimizer, unpack, unpack_optimizer
from mnif_core.training.collapse import Collapse, CollapseWatch, slowed
from mnif_core.training.learning_rates import latents_rate, rated_parameters
from mnif_core.training.objective import Objective
from mnif_core.training.point_losses import PointLosses
from mnif_core.training.stages import batch_of, optimizer_step, rates_of, require_divisible, step_generator
from mnif_core.unseen.reconstruction import scores

SCORED = 64  # held-out instances at most, to score stage 1 by: latents of all may take longer than its steps
LOG_RATE = 10.0  # logarithms of inner rates learn so much faster: the authors' steps of 1e-4 are 2e-3 of their rates


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
        require_divisible(self.config, fabric.world_size)
        keep_freed_memory()
        self.objective = Objective(
            preset.modulation.build(),
            LatentFitter(preset.fitting, preset.modulation.latent_dim),
            len(train.names),
            preset.orthogonality,
        )
        groups = rated_parameters(self.objective.modulation, self.config.rate)
        optimizers: list[torch.optim.Optimizer] = [torch.optim.Adam(groups, fused=True)]
        if self.objective.table is not None:
            rate = latents_rate(preset.modulation, preset.latent_rate, self.config.rate)
            optimizers.append(RowAdam(self.objective.table.parameters(), lr=rate))
        elif preset.fitting.learn_rates:
            optimizers.append(torch.optim.Adam(self.objective.fitter.parameters(), lr=LOG_RATE * groups[0]["lr"]))
        self.rates = [[slowed(attempt) * rate for rate in rates] for rates in rates_of(optimizers)]
        self.attempt = attempt
        self.watch = CollapseWatch(self.steps, preset.modulation.out_dim, fabric.device)
        self.module, *self.optimizers = fabric.setup(self.objective, *optimizers)

    def field(self, prior: Prior | None = None, latents: Tensor | None = None) -> GenerativeField:
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

    def refitted(self) -> Refitted | None:
        """The table's latents after a refit, which always gives the same; none where the preset has none."""
        steps, table = self.preset.fitting.refit_steps, self.objective.table
        if steps == 0 or table is None or self.train.points < 2:
            return None
        # the penalty of a step sums over its batch, where errors are averaged
        decay = self.config.batch_size * self.preset.fitting.weight_decay
        return refit(
            PointLosses(self.objective.modulation, self.train, self.seed),
            table.weight.detach(),
            steps,
            self.preset.fitting.refit_rate * self.rates[-1][0],
            decay,
            rank=self.fabric.global_rank,
            processes=self.fabric.world_size,
            together=lambda found: _together(self.fabric, found),
        )

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
        optimizer_step(self.objective, self.optimizers, self.rates, self.config, number, self.steps, value, Collapse)
        self.watch.see((values - targets).square().mean(), targets)
        self.watch.judge(number + 1, lambda totals: _together(self.fabric, totals), self.attempt)
        score = self.train.signal.score(values, targets).mean()
        return {"loss": value, self.train.signal.score_name: float(score)}

    def score(self) -> float:
        """Mean score of the signal on held-out instances, latents found as for any unseen instance."""
        assert self.validation is not None
        some = self.validation.subset(spread_indices(len(self.validation.names), SCORED).tolist())
        return float(scores(self.field(), some).mean())

    def weights(self) -> dict[str, Tensor]:
        """See `Stage.weights`."""
        return pack("objective", self.objective)

    def load_weights(self, tensors: dict[str, Tensor]) -> None:
        """See `Stage.load_weights`."""
        unpack("objective", self.objective, tensors)

    def progress(self) -> dict[str, Tensor]:
        """See `Stage.progress`."""
        packed = [pack_optimizer(f"optimizer.{i}", optimizer) for i, optimizer in enumerate(self.optimizers)]
        return {name: value for part in packed for name, value in part.items()} | {
            "watch": self.watch.totals,
            "watch.before": self.watch.before,
        }

    def load_progress(self, tensors: dict[str, Tensor]) -> None:
        """See `Stage.load_progress`."""
        watched = tensors.get("watch")
        if watched is not None and self.fabric.is_global_zero and watched.shape == self.watch.totals.shape:
            self.watch.totals.copy_(watched)
        if (before := tensors.get("watch.before")) is not None and before.shape == self.watch.before.shape:
            self.watch.before.copy_(before)
        for i, optimizer in enumerate(self.optimizers):
            unpack_optimizer(f"optimizer.{i}", optimizer, tensors)


def _together(fabric: Fabric, totals: Tensor) -> Tensor:
    """The sum over all processes."""
    summed = totals if fabric.world_size == 1 else fabric.all_reduce(totals, reduce_op="sum")
    assert isinstance(summed, Tensor)
    return summed
