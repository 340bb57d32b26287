"""How latents are found together with the bases (paper Sec. 4.1).

Meta-learning (Alg. 1): a few gradient steps from a common start, differentiated through by the outer step.
Auto-decoding (Alg. 2): a table with one latent per instance, updated whenever its instance is in the batch.
Shape letters: s instances in the batch, h latent.
"""

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Annotated, Any, Literal

import torch
from torch import Tensor, nn

from mnif_core.files.stored_config import Between, NotNegative, Positive, Share

Strategy = Literal["meta-learning", "first-order", "auto-decoding"]

REFIT_RATE = 0.3
"""The usual share of the table's rate in a refit: see `FittingConfig.refit_rate`."""


@dataclass(frozen=True)
class FittingConfig:
    """How latents are found (Table 5)."""

    strategy: Strategy = "meta-learning"
    """`meta-learning` differentiates through the inner steps, `first-order` does not, `auto-decoding` has a table."""
    inner_steps: Annotated[int, Between(1, 1_000_000)] = 3
    """Inner steps, in training and for unseen instances. For unseen instances of auto-decoding: steps of Adam."""
    inner_rate: Positive = 1.0
    """Size epsilon of an inner step on one instance's own loss, whoever else is in the batch."""
    learn_rates: bool = True
    """Learn the rate of every latent dimension (meta-SGD; not in the paper, but in the authors' scripts)."""
    latent_std: NotNegative = 1e-4
    """Standard deviation sigma of the latents at the start, N(mean, sigma^2 I). Unseen instances start at the mean, or
    in auto-decoding at the training latent that fits best."""
    weight_decay: NotNegative = 0.0
    """Penalty lambda/2 sum phi^2 on the latents."""
    inner_clip: Positive | None = None
    """Largest norm of an instance's gradient in an inner step. None: no bound, as in the paper. Where a step goes
    too far the next gradient is larger still, and what the outer step learns from such an instance is noise."""
    settling_steps: Annotated[int, Between(0, 1_000_000)] = 0
    """Of meta-learning: steps after the inner ones wherever no outer step follows, on training instances for the prior
    and on unseen ones (see `LatentFitter`). 0: none, as in the paper."""
    latent_noise: NotNegative = 0.0
    """Of auto-decoding in training: standard deviation of noise on the latents of a step, as a share of the table's own
    in each dimension (see `noised`). 0: none, as in the paper."""
    refit_steps: Annotated[int, Between(0, 1_000_000)] = 0
    """Of auto-decoding: steps on the latents alone after stage 1 (see `refit`). 0: none, as in the paper."""
    refit_rate: Share = REFIT_RATE
    """Of those, the first one's rate as a share of the table's at the start of stage 1. Where steps see few of many
    points a high one ends worse: on furniture 0.3 finds a better latent for 94 % of the shapes, the whole rate for
    24 %. Pictures, of which a refit sees all pixels, it serves better: for 100 %."""
    inner_points: Annotated[int, Between(1, 1 << 30)] = 2048
    """Of auto-decoding: points of an unseen instance in a step of Adam, drawn anew where it has more. Latents need
    many steps rather than many points: on furniture IoU 0.52 by 150 steps of 2,048, and 0.58 by 1,200 of 256, in as
    much time; on photographs 26.7 dB by 150 of all 1,024, and 27.7 by 600 of 256."""


def fit_latents(
    per_instance_loss: Callable[[Tensor], Tensor],
    init: Tensor,
    steps: int,
    rate: Tensor | float,
    create_graph: bool = False,
    weight_decay: float = 0.0,
    gradient: Callable[[Tensor], Tensor] | None = None,
    clip: float | None = None,
    momentum: float = 0.0,
) -> Tensor:
    """Take gradient steps on every latent (the inner loop of Alg. 1, CAVIA).

    The sum of the losses is differentiated, so a latent's step depends on its own instance alone.

    Args:
        per_instance_loss: latents `[s, h]` -> losses `[s]`; each loss may depend on its own latent only.
        init: `[s, h]`, where to start.
        steps: how many, at least 0.
        rate: size of a step, one number or one per dimension `[h]`; learned if it requires a gradient.
        create_graph: keep the graph of the steps, for a second-order outer step. Otherwise each gradient is a
            constant, and only rates and `init` get gradients through it.
        weight_decay: lambda of the penalty lambda/2 sum phi^2.
        gradient: the gradient of the summed losses `[s, h]`, where it is known in closed form. None: autograd.
        clip: largest norm of a latent's gradient, longer ones are scaled down to it. None: no bound.
        momentum: share of its last step that each step goes on with.

    Returns:
        `[s, h]`.
    """
    latents, moved = init, None
    for _ in range(steps):
        if gradient is not None:
            with torch.set_grad_enabled(create_graph):
                step = gradient(latents)
        else:
            step = _autograd(per_instance_loss, latents, create_graph)
        step = step + weight_decay * latents
        if clip is not None:
            step = step * (clip / step.norm(dim=1, keepdim=True).clamp(min=clip))
        moved = step if moved is None or momentum == 0.0 else momentum * moved + step
        latents = latents - rate * moved
    return latents


def _autograd(per_instance_loss: Callable[[Tensor], Tensor], latents: Tensor, create_graph: bool) -> Tensor:
    with torch.enable_grad():
        if not (create_graph and latents.requires_grad):
            latents = latents.detach().requires_grad_()
        return torch.autograd.grad(per_instance_loss(latents).sum(), latents, create_graph=create_graph)[0]


class InnerRates(nn.Module):
    """One positive inner rate per latent dimension, learned as its logarithm.

    A clamped rate, as the authors learn it, stays at 0 once it is there: that latent dimension never moves again.

    Args:
        latent_dim: h.
        rate: the rate of every dimension at the start.
    """

    def __init__(self, latent_dim: int, rate: float) -> None:
        super().__init__()
        self.log_rates = nn.Parameter(torch.full((latent_dim,), math.log(rate)))

    def forward(self) -> Tensor:
        """Rates `[h]`, above 0."""
        return self.log_rates.exp()


class LatentTable(nn.Module):
    """One latent phi per training instance.

    Args:
        mean: `[h]`, where the latents start (`Modulation.mean_latent`).
        count: instances.
        std: standard deviation sigma of the start, N(mean, sigma^2 I).
    """

    def __init__(self, mean: Tensor, count: int, std: float) -> None:
        super().__init__()
        self.weight = nn.Parameter(mean.repeat(count, 1) + std * torch.randn(count, mean.shape[0]))

    def forward(self, index: Tensor) -> Tensor:
        """Latents of the instances `index` `[s]` -> `[s, h]`."""
        return self.weight[index]


def auto_decoding_loss(losses: Tensor, latents: Tensor, weight_decay: float) -> Tensor:
    """Objective of one auto-decoding step: mean reconstruction loss plus the penalty lambda/2 sum phi^2 (A.2.3).

    The penalty sums over the batch while the reconstruction averages over it, as in the authors' code.

    Args:
        losses: `[s]` reconstruction loss of each instance.
        latents: `[s, h]` the latents used.
        weight_decay: lambda, at least 0.
    """
    return losses.mean() + 0.5 * weight_decay * latents.square().sum()


class RowAdam(torch.optim.Optimizer):
    """Adam that moves only the rows with a gradient in this step, each with its own step count.

    Alg. 2 updates the latents of the batch and no others; plain Adam on a table would go on moving every absent row
    by its stale momentum. Identical to `torch.optim.Adam` where every row has a gradient in every step.

    Args:
        params: tensors `[rows, ...]`.
        lr: learning rate.
        betas: decay of the first and second moment.
        eps: added to the root of the second moment.
        weight_decay: added to the gradient times the row, for the rows that move; at least 0.
    """

    def __init__(
        self,
        params: Iterable[Any],
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0.0,
    ) -> None:
        super().__init__(params, {"lr": lr, "betas": betas, "eps": eps, "weight_decay": weight_decay})

    @torch.no_grad()
    def step(self, closure: Any = None) -> Any:
        """Update every row whose gradient is not all zero. Returns the closure's loss, if one is given."""
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        for group in self.param_groups:
            for parameter in group["params"]:
                if parameter.grad is not None:
                    self._step_rows(parameter, group)
        return loss

    def _step_rows(self, parameter: Tensor, group: dict[str, Any]) -> None:
        state = self.state[parameter]
        if not state:
            state["steps"] = torch.zeros(parameter.shape[0], device=parameter.device)
            state["mean"] = torch.zeros_like(parameter)
            state["square"] = torch.zeros_like(parameter)
        assert parameter.grad is not None
        rows = parameter.grad.reshape(parameter.shape[0], -1).any(1).nonzero().squeeze(1)
        gradient = parameter.grad[rows] + group["weight_decay"] * parameter[rows]
        (beta1, beta2), shape = group["betas"], (-1, *[1] * (parameter.dim() - 1))
        state["steps"][rows] += 1
        steps = state["steps"][rows].to(gradient.dtype).view(shape)
        # 1 - beta**steps, which cancels in single precision; the floor admits beta 0
        bias1, bias2 = (-torch.expm1(steps * math.log(max(beta, 1e-300))) for beta in (beta1, beta2))
        mean = state["mean"][rows].lerp_(gradient, 1 - beta1)
        square = state["square"][rows].mul_(beta2).addcmul_(gradient, gradient, value=1 - beta2)
        state["mean"][rows], state["square"][rows] = mean, square
        scale = (square / bias2).sqrt_().add_(group["eps"])
        parameter[rows] -= group["lr"] * (mean / bias1) / scale
