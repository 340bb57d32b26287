"""What stage 1 minimises, as one module that processes can share."""

from torch import Tensor, nn

from mnif_core.latents.fitter import LatentFitter
from mnif_core.latents.inner_loop import LatentTable, auto_decoding_loss
from mnif_core.latents.latent_noise import noised
from mnif_core.networks.mixture import MixtureSiren
from mnif_core.networks.modulation import Modulation
from mnif_core.networks.orthogonality import orthogonality_loss
from mnif_core.rendering.losses import SquaredError


class Objective(nn.Module):
    """Stage 1 as one module: latents are found or looked up, then compared (Alg. 1 and 2)."""

    def __init__(
        self, modulation: Modulation, fitter: LatentFitter, instances: int, orthogonality: float = 0.0
    ) -> None:
        super().__init__()
        self.modulation, self.fitter, self.orthogonality = modulation, fitter, orthogonality
        self.table: LatentTable | None = None
        if fitter.config.strategy == "auto-decoding":
            self.table = LatentTable(modulation.mean_latent(), instances, fitter.config.latent_std)

    def forward(
        self, index: Tensor, coordinates: Tensor, targets: Tensor, noise: Tensor, processes: int
    ) -> tuple[Tensor, Tensor]:
        """The loss of a process's share of the batch, and its values `[s, p, k]`.

        Standard normal `noise` `[s, h]` moves the start of the inner loop, or the latents of the table.
        """
        if self.table is not None:
            latents = self.table(index)
            seen = noised(latents, self.table.weight, noise, self.fitter.config.latent_noise)
        else:
            seen = latents = self.fitter.fit(self.modulation, coordinates, targets, noise)
        criterion = SquaredError(targets)
        losses = self.modulation.instance(seen).loss(coordinates, criterion)
        if self.table is None:
            loss = losses.mean()
        else:
            # processes are averaged, but the penalty sums over the batch
            loss = auto_decoding_loss(losses, latents, processes * self.fitter.config.weight_decay)
        if self.orthogonality > 0:
            assert isinstance(self.modulation, MixtureSiren)
            loss = loss + self.orthogonality * orthogonality_loss(self.modulation)
        return loss, criterion.values
