"""What stage 1 minimises, as one module that processes can share."""

from torch import Tensor, nn

from mnif_core.analysis.bases import orthogonality_loss
from mnif_core.criteria import SquaredError
from mnif_core.fitting import LatentTable, auto_decoding_loss
from mnif_core.latent_fitter import LatentFitter
from mnif_core.mixture import MixtureSiren
from mnif_core.modulation import Modulation


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
        """The loss of a process's share of the batch, and its values `[s, p, k]`."""
        if self.table is not None:
            latents = self.table(index)
        else:
            latents = self.fitter.fit(self.modulation, coordinates, targets, noise)
        criterion = SquaredError(targets)
        losses = self.modulation.instance(latents).loss(coordinates, criterion)
        if self.table is None:
            loss = losses.mean()
        else:
            # processes are averaged, but the penalty sums over the batch
            loss = auto_decoding_loss(losses, latents, processes * self.fitter.config.weight_decay)
        if self.orthogonality > 0:
            assert isinstance(self.modulation, MixtureSiren)
            loss = loss + self.orthogonality * orthogonality_loss(self.modulation)
        return loss, criterion.values
