"""Cameras and latents that explain pictures, moved together by the gradient through the renderer.

Shape letters: g guesses, v views of one object, r rays, h latent.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn

from mnif_core.generative_field import GenerativeField
from mnif_core.rendering.cameras import pixel_directions
from mnif_core.rendering.poses import facing_origin, turn_about
from mnif_core.unseen.pose_bank import framing_penalty
from mnif_core.unseen.scene_fitting import signal_of_scenes
from mnif_core.unseen.target_views import EXACT
from mnif_core.unseen.whitening import Whitening

SAMPLES = 16  # on a ray
JUDGED = 32  # pixels along a side by which guesses are judged


@dataclass(frozen=True)
class RefinementConfig:
    """How guesses are moved."""

    rays: int = 192
    """Pixels drawn in each step, the same for all guesses."""
    latent_rate: float = 0.1
    """Of the latent's steps, in standard deviations of the training latents."""
    turn_rate: float = 0.02
    """Of the rotation's steps, in radians."""
    lens_rate: float = 0.01
    """Of the steps of focal length, optical axis and distance, in shares of the focal length and of the distance."""
    pull: float = 0.5
    """Weight of the latent's squared distance to the training latents against the log of the error of one view."""
    framing: float = 0.8
    """Weight of being framed otherwise than the training views, against the same."""
    distance: float = 20.0
    """Weight of the squared change of the log distance, against the same: little of it is seen."""
    seed: int = 0
    """Of the pixels drawn."""


@dataclass(frozen=True)
class Guesses:
    """Guesses of one object and of the cameras that its pictures were taken by.

    Attributes:
        latents: `[g, h]`.
        rotations: `[g, v, 3, 3]`, OpenGL axes; cameras look at the origin.
        distances: `[g, v]`, to the origin.
        intrinsics: `[g, v, 3]`: focal length, and x and y of the optical axis, in pixels.
        errors: `[g]`, mean squared, times the exponential of what speaks against the guess besides; lower is better.
    """

    latents: Tensor
    rotations: Tensor
    distances: Tensor
    intrinsics: Tensor
    errors: Tensor

    def __getitem__(self, which: Tensor | slice) -> "Guesses":
        """Some of them, by their numbers."""
        return Guesses(*(getattr(self, name)[which] for name in self.__dataclass_fields__))

    @classmethod
    def joined(cls, parts: Sequence["Guesses"]) -> "Guesses":
        """Those of `parts`, one after the other."""
        return cls(*(torch.cat([getattr(part, name) for part in parts]) for name in cls.__dataclass_fields__))

    @property
    def cameras(self) -> Tensor:
        """Camera-to-world `[g, v, 3, 4]`."""
        return facing_origin(self.rotations, self.distances)


class MovingGuesses(nn.Module):
    """Guesses and how they have been moved.

    Args:
        start: where they were.
        whitening: of the field's latents.

    Attributes:
        whitened: latents `[g, h]`, in the whitening's coordinates.
        turns: of the cameras about their own axes `[g, v, 3]`, in radians.
        lens: `[g, v, 4]`: change of log distance; of log focal length beyond what keeps the object's size; shift of the
            optical axis, x and y, in focal lengths.
    """

    def __init__(self, start: Guesses, whitening: Whitening) -> None:
        super().__init__()
        self.start, self.whitening = start, whitening
        views = start.distances.shape
        self.whitened = nn.Parameter(whitening.whitened(start.latents))
        self.turns = nn.Parameter(start.latents.new_zeros(*views, 3))
        self.lens = nn.Parameter(start.latents.new_zeros(*views, 4))

    def guesses(self) -> Guesses:
        """Where they are; differentiable."""
        farther, zoom, shift = self.lens[..., 0], self.lens[..., 1], self.lens[..., 2:]
        focal = self.start.intrinsics[..., 0] * (farther + zoom).exp()
        axes = self.start.intrinsics[..., 1:] + shift * self.start.intrinsics[..., :1]
        return replace(
            self.start,
            latents=self.whitening.latents(self.whitened),
            rotations=self.start.rotations @ turn_about(self.turns),
            distances=self.start.distances * farther.exp(),
            intrinsics=torch.cat([focal[..., None], axes], -1),
        )


def lens_of(intrinsics: Tensor) -> Tensor:
    """Focal lengths and optical axes `[..., 3]` as renderers take them: fx, fy, cx, cy `[..., 4]`."""
    focal, x, y = intrinsics.unbind(-1)
    return torch.stack([focal, focal, x, y], -1)


def rays_of(guesses: Guesses, views: Tensor, pixels: Tensor) -> tuple[Tensor, Tensor]:
    """Origins and directions `[g, r, 3]` of rays through `pixels` `[r, 2]` (row, column) of `views` `[r]`."""
    cameras = guesses.cameras[:, views]
    directions = pixel_directions(pixels.expand(len(cameras), -1, -1), lens_of(guesses.intrinsics[:, views]), cameras)
    return cameras[..., 3], directions


class Refinement:
    """Pictures of one object, and a field whose scenes are to be like it.

    Args:
        field: of scenes.
        pictures: `[v, side, side, 3]` in [0, 1], over the field's background.
        nominals: `[v, 3]`, focal lengths and optical axes if the pictures were framed as the training views are.
        config: how guesses are moved.
    """

    def __init__(
        self, field: GenerativeField, pictures: Tensor, nominals: Tensor, config: RefinementConfig = RefinementConfig()
    ) -> None:
        signal = signal_of_scenes(field)
        self._signal = replace(signal, samples_per_ray=min(SAMPLES, signal.samples_per_ray))
        self._field, self._config, self._pictures, self._nominals = field, config, pictures, nominals
        self._whitening = Whitening.of(field.latents)

    def moved(self, start: Guesses, steps: int) -> Guesses:
        """The guesses after `steps` steps of Adam, with their errors."""
        config, model = self._config, MovingGuesses(start, self._whitening)
        rates = {model.whitened: config.latent_rate, model.turns: config.turn_rate, model.lens: config.lens_rate}
        parameters = list(rates)
        optimizer = torch.optim.Adam([{"params": [part], "lr": rate} for part, rate in rates.items()])
        schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, max(steps, 1), eta_min=0.0)
        generator = torch.Generator().manual_seed(config.seed)
        views, side = self._pictures.shape[:2]
        device = self._pictures.device
        for _ in range(steps):
            view = torch.randint(views, (config.rays,), generator=generator).to(device)
            pixels = torch.randint(side, (config.rays, 2), generator=generator).to(device)
            loss = self.objective(model, view, pixels).log().sum()
            optimizer.zero_grad()
            loss.backward(inputs=parameters)
            optimizer.step()
            schedule.step()
        with torch.no_grad():
            return replace(model.guesses(), errors=self._judged(model))

    def _judged(self, model: MovingGuesses) -> Tensor:
        views, side = self._pictures.shape[:2]
        device = self._pictures.device
        steps = (torch.arange(min(JUDGED, side), device=device) * side) // min(JUDGED, side)
        pixels = torch.cartesian_prod(steps, steps)
        errors = [
            self.objective(model, torch.full((len(pixels),), view, device=device), pixels) for view in range(views)
        ]
        return torch.stack(errors).mean(0)

    def objective(self, model: MovingGuesses, views: Tensor, pixels: Tensor) -> Tensor:
        """What each guess is to make small `[g]`, by `pixels` `[r, 2]` of `views` `[r]`: see `Guesses.errors`."""
        config, guesses, count = self._config, model.guesses(), len(self._pictures)
        origins, directions = rays_of(guesses, views, pixels)
        networks = self._field.modulation.instance(guesses.latents)
        made = self._signal.render_rays(networks, origins, directions).color
        colors = self._pictures[views, pixels[:, 0], pixels[:, 1]]
        error = (made - colors).square().mean((1, 2))
        against = config.pull / count * model.whitened.square().mean(1)
        framed = framing_penalty(guesses.intrinsics[..., 0], guesses.intrinsics[..., 1:], self._nominals).mean(1)
        against = against + config.framing * framed + config.distance * model.lens[..., 0].square().mean(1)
        return (error + EXACT) * against.exp()
