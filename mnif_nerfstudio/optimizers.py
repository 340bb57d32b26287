"""Optimisers that nerfstudio does not configure."""

from dataclasses import dataclass, replace
from typing import Any

from nerfstudio.engine.optimizers import AdamOptimizerConfig


@dataclass
class FusedAdamConfig(AdamOptimizerConfig):
    """Adam in one pass over every parameter: with millions of weights and few rays, passes are what it costs."""

    fused: bool = True
    """One kernel for a whole step."""


@dataclass
class MixtureAdamConfig(FusedAdamConfig):
    """`FusedAdamConfig` whose rate may follow from the mixture's shape."""

    lr: float | None = None  # type: ignore[assignment]
    """Rate of bases and projection; none lets each have its own, which follow from w0, M and H."""

    def setup(self, params: Any) -> Any:
        """The optimiser of `params`, parameters or groups that bring their rates."""
        if self.lr is None:
            return replace(self, lr=params[0]["lr"]).setup(params)
        return super().setup(params)
