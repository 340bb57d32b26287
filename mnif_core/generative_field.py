"""The artefact of every run, whatever the modality: modulation + latents + prior + what the signal is.

On disk it is one folder: `config.json`, `model.safetensors` (modulation, prior, inner rates), `latents.safetensors`.
Shape letters: s instances, h latent.
"""

import importlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from mnif_core.errors import ConfigError
from mnif_core.field_folder import StoredField, read_field_folder, write_field_folder
from mnif_core.latents.fitter import LatentFitter
from mnif_core.latents.geometry import bilinear, truncate
from mnif_core.latents.neighbours import Sampler, sample_between_neighbours
from mnif_core.networks.instance_networks import InstanceNetworks
from mnif_core.networks.kernels.dispatch import Implementation
from mnif_core.networks.modulation import Modulation
from mnif_core.open_page import OpenPage
from mnif_core.prior.guidance import GUIDANCE
from mnif_core.prior.labels import classes_of, number_of
from mnif_core.prior.protocol import Prior
from mnif_core.saved_run import field_folder
from mnif_core.signals.observations import Observations
from mnif_core.signals.protocol import Signal

INSTANCES = 64  # whose latents are fitted at once: bounds memory


class GenerativeField:
    """A trained distribution over fields.

    Args:
        modulation: latents to networks.
        latents: `[s, h]` of the training instances.
        signal: what values mean and how they are shown.
        prior: p(phi), of any kind, or none before stage 2.
        names: of the training instances, in the order of `latents`.
        fitter: how latents of unseen instances are found, or none where that needs more than values at points.
        labels: of the training instances, in that order; empty where they have none.

    >>> import torch
    >>> from mnif_core import MixtureConfig, MixtureSiren
    >>> from mnif_core.signals.images import ImageSignal
    >>> mixture = MixtureSiren(MixtureConfig(in_dim=2, out_dim=3, hidden_layers=1, width=16, num_bases=4, latent_dim=6))
    >>> field = GenerativeField(mixture, torch.randn(5, 6), ImageSignal(height=8, width=8))
    >>> field.interpolate(field.latents[0], field.latents[1], count=3).shape
    torch.Size([3, 8, 8, 3])
    """

    def __init__(
        self,
        modulation: Modulation,
        latents: Tensor,
        signal: Signal,
        prior: Prior | None = None,
        names: Sequence[str] = (),
        fitter: LatentFitter | None = None,
        labels: Sequence[str] = (),
    ) -> None:
        self.modulation = modulation.eval()
        self.latents = latents.detach()
        self.signal = signal
        self.prior = prior.eval() if prior is not None else None
        self.names, self.labels = list(names), list(labels)
        self.fitter = fitter.eval() if fitter is not None else None

    def __repr__(self) -> str:
        size, kind = self.modulation.config.latent_dim, self.modulation.config.kind
        prior = "no prior" if self.prior is None else self.prior.title
        return f"GenerativeField({len(self.latents)} {self.signal.noun}s, {kind}, latents of {size}, {prior})"

    def _repr_html_(self) -> str:
        return str(_notebook().card(self))

    def view(self, show: str = "train:0", port: int | None = None) -> OpenPage:
        """Open the page of `mnif view` on this machine, without waiting for its end; a notebook shows it.

        Args:
            show: what is shown first: `train:3`, `sample:7` (seed), `between:3,9,0.5`.
            port: where it is served. None: any that is free.

        Returns:
            Where it is, and how to stop it.

        Raises:
            ConfigError: no such instance, or the port is taken.
        """
        page: OpenPage = _notebook().open_beside(self, show, port)
        return page

    @property
    def device(self) -> torch.device:
        """Where the weights are."""
        return self.latents.device

    def to(self, device: torch.device | str) -> "GenerativeField":
        """Move everything to `device` and return self."""
        self.modulation.to(device)
        self.latents = self.latents.to(device)
        if self.prior is not None:
            self.prior.to(device)
        if self.fitter is not None:
            self.fitter.to(device)
        return self

    @property
    def classes(self) -> list[str]:
        """Labels that samples can be asked for, in the order of the prior's numbers; none where it learned without."""
        return classes_of(self.labels)

    @torch.no_grad()
    def instance(self, latents: Tensor) -> InstanceNetworks:
        """Networks of `latents` `[s, h]`, or of one latent `[h]`."""
        return self.modulation.instance(torch.atleast_2d(latents.to(self.device)))

    def sample_latents(
        self,
        count: int,
        seed: int | None = None,
        sampler: Sampler = "dpm++",
        steps: int = 25,
        truncation: float = 1.0,
        label: str | None = None,
        guidance: float = GUIDANCE,
    ) -> Tensor:
        """Draw `[count, h]` new latents from the prior, or between training latents by the sampler `neighbours`.

        `truncation` below 1 pulls them towards the mean of the training latents, or of those that have the label.
        `label` and `guidance` are as of `sample`.

        Raises:
            ConfigError: the field has no prior (stage 2 has not run), truncation is outside [0, 1], guidance is
                negative, or the field does not know the label.
        """
        number = None if label is None else number_of(label, self.classes)
        generator = torch.Generator(self.device)
        if seed is None:
            generator.seed()
        else:
            generator.manual_seed(seed)
        own = self.latents
        if label is not None:
            own = own[torch.tensor([each == label for each in self.labels], device=self.device)]
        mean = own.mean(0)
        if sampler == "neighbours":
            return truncate(sample_between_neighbours(own, count, generator), mean, truncation)
        if self.prior is None:
            raise ConfigError("this field has no prior; train stage 2 before sampling, or sample between 'neighbours'")
        latents = self.prior.sample(count, generator, sampler, steps, number, guidance)
        return truncate(latents, mean, truncation)

    def sample(
        self,
        count: int,
        seed: int | None = None,
        sampler: Sampler = "dpm++",
        steps: int = 25,
        label: str | None = None,
        guidance: float = GUIDANCE,
        **decode: Any,
    ) -> Tensor:
        """New instances, decoded.

        Images are `[count, height, width, k]`, grids `[count, r, r, r]`, scenes `[count, views, height, width, 3]`,
        all in [0, 1].

        Args:
            count: how many.
            seed: same seed, same device, same result. None: a fresh draw.
            sampler: `dpm++`, `ddim` or `ddpm` for reverse diffusion, `neighbours` for Eq. 11.
            steps: of reverse diffusion; other priors draw at once.
            label: one of `classes`, which all samples should have. None: as labels occur.
            guidance: towards the label: 0 leaves it out, 1 draws as learned, more is more typical and less varied (see
                `prior.guidance`).
            **decode: handed to `decode`.

        Raises:
            ConfigError: as `sample_latents`.
        """
        latents = self.sample_latents(count, seed, sampler, steps, label=label, guidance=guidance)
        return self.decode(latents, **decode)

    def decode(self, latents: Tensor, **options: Any) -> Tensor:
        """What `latents` `[s, h]` stand for, in the signal's own form (see the signal's `decode`)."""
        return self.signal.decode(self.instance(latents), **options)

    def interpolate(self, first: Tensor, second: Tensor, count: int, **options: Any) -> Tensor:
        """Decode `count` latents on the straight line from `first` `[h]` to `second` `[h]`, ends included."""
        mix = torch.linspace(0.0, 1.0, count, device=self.device).unsqueeze(1)
        return self.decode(torch.lerp(first.to(self.device), second.to(self.device), mix), **options)

    def bilinear(self, corners: Sequence[int], size: int) -> Tensor:
        """Latents `[size * size, h]` of a square, row by row, between four training instances (Fig. 3).

        Args:
            corners: instances top left, top right, bottom left, bottom right.
            size: latents along each side, ends included.

        Raises:
            ConfigError: an instance that does not exist, or a side of fewer than 2.
        """
        count = len(self.latents)
        if size < 2:
            raise ConfigError(f"a grid of {size} has no four corners; choose 2 or more")
        if any(not 0 <= corner < count for corner in corners):
            raise ConfigError(f"corners {tuple(corners)}: choose four of the training instances 0 to {count - 1}")
        mix = torch.linspace(0.0, 1.0, size, device=self.device)
        return bilinear(self.latents[list(corners)], mix.repeat(size), mix.repeat_interleave(size))

    @torch.no_grad()
    def reconstruct(self, observations: Observations) -> Tensor:
        """Latents `[n, h]` of instances that training has not seen, found as the run's own strategy finds them.

        Raises:
            ConfigError: the field was trained on views of scenes, or its coordinates or values have other dimensions.
        """
        if self.fitter is None:
            raise ConfigError("latents of scenes are fitted to posed views, not to values at points")
        config = self.modulation.config
        latents = []
        for index in torch.arange(len(observations.names)).split(INSTANCES):
            coordinates, targets = (part.to(self.device) for part in observations.observe(index))
            if (coordinates.shape[-1], targets.shape[-1]) != (config.in_dim, config.out_dim):
                raise ConfigError(
                    f"the data map {coordinates.shape[-1]} coordinates to {targets.shape[-1]} values, this field "
                    f"{config.in_dim} to {config.out_dim}; pass data of the field's own modality"
                )
            latents.append(self.fitter.fit(self.modulation, coordinates, targets, known=self.latents))
        return torch.cat(latents)

    def render(
        self,
        latents: Tensor,
        camera_to_world: Tensor,
        intrinsics: Tensor | None = None,
        height: int | None = None,
        width: int | None = None,
    ) -> Tensor:
        """Pictures `[s, height, width, 3]` in [0, 1] of scenes `latents` `[s, h]` from one camera `[3, 4]` (OpenGL).

        `intrinsics` (`[4]`: fx, fy, cx, cy in pixels), height and width default to the data's.

        Raises:
            ConfigError: not a field of scenes.
        """
        return self.signal.view(self.instance(latents), camera_to_world, intrinsics, height, width)

    def save(self, folder: Path | str, half: bool = False) -> Path:
        """Write the folder, replacing an older one only when the new one is complete.

        Args:
            folder: to write.
            half: a quarter of the size, to show and share and not to train on: numbers of 16 bits, and of diffusion
                the EMA weights alone.

        Raises:
            ConfigError: a number that 16 bits cannot hold.
        """
        folder = Path(folder)
        parts = self.modulation, self.latents, self.signal, self.prior, self.names, self.fitter, self.labels
        write_field_folder(StoredField(*parts), folder, half)
        return folder

    @classmethod
    def load(
        cls, folder: Path | str, device: torch.device | str = "cpu", implementation: Implementation = "auto"
    ) -> "GenerativeField":
        """Read a folder that `save` wrote.

        Args:
            folder: a run's, the field folder in it, or a demo field's name: `demo:cars`, `demo:clothes`, `demo:solids`.
            device: where to.
            implementation: what evaluates the networks (see `kernels.dispatch`).

        Raises:
            CheckpointError: no such folder, a file missing or damaged, or weights that do not fit the configuration.
            ConfigError: no such demo field.
        """
        stored = read_field_folder(field_folder(folder), device)
        stored.modulation.implementation = implementation
        return cls(*stored)


def _notebook() -> Any:
    """What shows fields stands on them, and is loaded when it is asked for: drawing and serving take heavy imports."""
    return importlib.import_module("mnif_core.notebook")
