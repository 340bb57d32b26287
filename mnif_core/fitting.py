"""Where `config.yml` files of earlier runs look for their optimiser of latents."""

from mnif_core.latents.inner_loop import RowAdam

__all__ = ["RowAdam"]
