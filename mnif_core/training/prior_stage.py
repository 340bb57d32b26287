"""Stage 2: the prior over the training latents."""

import torch
from lightning_fabric import Fabric
from torch import Tensor

from mnif_core.preset_config import Preset
from mnif_core.prior.latent_prior import LatentPrior
from mnif_core.training.checkpoint import pack, pack_optimizer, unpack, unpack_optimizer
from mnif_core.training.stages import batch_of, optimizer_step, rates_of, require_divisible, step_generator

HELD_OUT_DRAWS = 64  # of noise for each held-out latent: the loss of one draw says little


class PriorStage:
    """Stage 2: the prior over the training latents, with the labels that they have.

    Args:
        fabric: of this process.
        preset: of the run; its prior knows how many labels there are.
        latents: `[n, h]`.
        validation: `[q, h]`, held out. None: there are none.
        seed: of the run.
        labels: number `[n]` of each latent's. None: they have none.
        validation_labels: `[q]`, of those held out.
    """

    name = "stage 2"

    def __init__(
        self,
        fabric: Fabric,
        preset: Preset,
        latents: Tensor,
        validation: Tensor | None,
        seed: int,
        labels: Tensor | None = None,
        validation_labels: Tensor | None = None,
    ) -> None:
        self.fabric, self.config, self.seed = fabric, preset.stage_2, seed
        self.latents, self.validation = latents, validation
        self.labels = None if labels is None else labels.to(latents.device)
        self.validation_labels = None
        if validation is not None and validation_labels is not None:
            self.validation_labels = validation_labels.to(validation.device).repeat(HELD_OUT_DRAWS)
        self.steps = self.config.steps(len(latents))
        require_divisible(self.config, fabric.world_size)
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
        generator = step_generator(self.seed, 2, number)
        timesteps, noise = self.prior.draw(size, generator)
        labels = None if self.labels is None else self.prior.leave_out(self.labels[index], generator)
        share = slice(self.fabric.global_rank, size, self.fabric.world_size)
        own = None if labels is None else labels[share]
        loss = self.module(self.latents[index[share]], timesteps[share], noise[share], own)
        self.optimizer.zero_grad()
        self.fabric.backward(loss)
        value = float(loss.detach())
        optimizer_step(self.prior.denoiser, [self.optimizer], self.rates, self.config, number, self.steps, value)
        self.prior.update_ema()
        return {"loss": value}

    def score(self) -> float:
        """Minus the loss of the EMA weights on held-out latents, always at the same draws of noise."""
        assert self.validation is not None
        latents = self.validation.repeat(HELD_OUT_DRAWS, 1)
        return -float(self.prior.held_out_loss(latents, step_generator(0, 3, 0), self.validation_labels))

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
