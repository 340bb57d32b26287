"""How latents are found together with the bases (paper Sec. 4.1).

Auto-decoding (Alg. 2): a table with one latent per instance, updated whenever its instance is in the batch.
Shape letters: s instances in the batch, h latent.
"""

import math
from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor, nn


class LatentTable(nn.Module):
    """One latent phi per training instance.

    Args:
        mean: `[h]`, where the latents start (`MixtureSiren.mean_latent`).
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
