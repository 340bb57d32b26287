"""Which instance to show: of training, a sample, or one between, moved along principal directions or not."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from mnif_core.errors import ConfigError
from mnif_core.generative_field import GenerativeField
from mnif_core.latent_space import bilinear, principal_directions, truncate

Source = Literal["train", "sample", "between", "corners"]
Sampler = Literal["dpm++", "ddim", "ddpm"]
SAMPLERS: dict[Sampler, str] = {"dpm++": "DPM-Solver++", "ddim": "DDIM", "ddpm": "DDPM"}
DIRECTIONS = 6  # principal directions that can be steered
FORMS = (
    "train:3 (training scene), sample:7 (seed), between:3,9,0.5 (two scenes and the mix) or "
    "corners:0,1,2,3,0.5,0.5 (four scenes, across, down)"
)


@dataclass(frozen=True)
class Selection:
    """One instance to show.

    Raises:
        ConfigError: a negative scene or seed, a share outside [0, 1], an unknown sampler, or no steps.
    """

    source: Source = "train"
    """Where the latent comes from."""
    scene: int = 0
    """Training instance; the first of two for `between`."""
    other: int = 1
    """The second of two."""
    mix: float = 0.5
    """From the first (0) to the second (1)."""
    corners: tuple[int, int, int, int] = (0, 1, 2, 3)
    """Training instances top left, top right, bottom left, bottom right."""
    across: float = 0.5
    """From left (0) to right (1)."""
    down: float = 0.5
    """From top (0) to bottom (1)."""
    seed: int = 0
    """Of a sample."""
    sampler: Sampler = "dpm++"
    """Reverse diffusion."""
    steps: int = 25
    """Reverse steps."""
    truncation: float = 1.0
    """Share of a sample's distance to the training mean that is kept (see `latent_space.truncate`)."""
    directions: tuple[float, ...] = ()
    """Way to go from there along each leading principal direction, in standard deviations."""

    def __post_init__(self) -> None:
        lowest = min(self.scene, self.other, *self.corners)
        if lowest < 0:
            raise ConfigError(f"there is no scene {lowest}; scenes count from 0")
        for name in ("mix", "across", "down", "truncation"):
            if not 0.0 <= getattr(self, name) <= 1.0:
                raise ConfigError(f"{name} is {getattr(self, name):g}; choose it between 0 and 1")
        if self.seed < 0:
            raise ConfigError(f"seed is {self.seed}; choose 0 or more")
        if self.sampler not in SAMPLERS or self.steps < 1:
            raise ConfigError(
                f"cannot sample by {self.sampler} in {self.steps} steps; choose one of {', '.join(SAMPLERS)} "
                "and at least 1 step"
            )

    @classmethod
    def parse(cls, text: str) -> "Selection":
        """Read one of the forms in `FORMS`.

        Raises:
            ConfigError: any other text, or numbers out of range.
        """
        source, _, value = text.partition(":")
        try:
            if source == "train":
                return cls("train", scene=int(value))
            if source == "sample":
                return cls("sample", seed=int(value))
            if source == "between":
                first, second, mix = value.split(",")
                return cls("between", scene=int(first), other=int(second), mix=float(mix))
            if source == "corners":
                one, two, three, four, across, down = value.split(",")
                corners = (int(one), int(two), int(three), int(four))
                return cls("corners", corners=corners, across=float(across), down=float(down))
        except ConfigError as error:
            raise ConfigError(f"cannot show '{text}': {error}") from None
        except ValueError:
            pass
        raise ConfigError(f"cannot show '{text}'; write {FORMS}")

    @property
    def scenes(self) -> tuple[int, ...]:
        """Training instances that the latent is made of."""
        made_of: dict[Source, tuple[int, ...]] = {
            "train": (self.scene,),
            "sample": (),
            "between": (self.scene, self.other),
            "corners": self.corners,
        }
        return made_of[self.source]

    @property
    def mixed(self) -> tuple[int, ...]:
        """Training instances that are mixed; none where nothing is."""
        return self.scenes if self.source in ("between", "corners") else ()

    @property
    def is_trained_on(self) -> bool:
        """Whether this is a training instance as it is."""
        return self.source == "train" and not any(self.directions)

    def describe(self, names: Sequence[str], noun: str = "scene") -> str:
        """Say in a few words what is shown; `noun` is what instances are called."""
        if self.source == "sample":
            text = f"sample, seed {self.seed}, by {SAMPLERS[self.sampler]} in {self.steps} steps"
            text += f", truncated to {self.truncation:.0%}" if self.truncation < 1.0 else ""
        elif self.source == "between":
            text = f"{self.mix:.0%} from {names[self.scene]} to {names[self.other]}"
        elif self.source == "corners":
            text = f"{self.across:.0%} across and {self.down:.0%} down between " + ", ".join(
                names[corner] for corner in self.corners
            )
        else:
            text = f"training {noun} {self.scene}, {names[self.scene]}"
        return text + (", moved along directions" if any(self.directions) else "")


@torch.no_grad()
def base_latent(field: GenerativeField, selection: Selection) -> Tensor:
    """The latent `[1, h]` that `selection` starts from. Without a trained prior, a sample is a Gaussian draw.

    Raises:
        ConfigError: a training instance that does not exist.
    """
    latents, count = field.latents, len(field.latents)
    for scene in selection.scenes:
        if scene >= count:
            raise ConfigError(f"there is no scene {scene}; choose one of 0 to {count - 1}")
    if selection.source == "train":
        return latents[selection.scene : selection.scene + 1].clone()
    if selection.source == "between":
        return torch.lerp(latents[selection.scene], latents[selection.other], selection.mix)[None]
    if selection.source == "corners":
        across, down = (torch.full((1,), share, device=field.device) for share in (selection.across, selection.down))
        return bilinear(latents[list(selection.corners)], across, down)
    if field.prior is not None:
        return field.sample_latents(1, selection.seed, selection.sampler, selection.steps, selection.truncation)
    mean = latents.mean(0)
    generator = torch.Generator(field.device).manual_seed(selection.seed)
    noise = torch.randn(1, len(mean), generator=generator, device=field.device)
    spread = latents.std(0) if count > 1 else torch.zeros_like(mean)
    return truncate(mean + spread * noise, mean, selection.truncation)


@torch.no_grad()
def offset(field: GenerativeField, selection: Selection) -> Tensor:
    """Way `[1, h]` from the base along principal directions."""
    if not any(selection.directions):
        return torch.zeros_like(field.latents[:1])
    directions, _ = principal_directions(field.latents, len(selection.directions))
    steps = torch.tensor(selection.directions[: len(directions)], device=field.device)
    return (steps @ directions)[None]


def latent_of(field: GenerativeField, selection: Selection) -> Tensor:
    """The latent `[1, h]` that `selection` names.

    Raises:
        ConfigError: a training instance that does not exist, or directions where there is one instance only.
    """
    return base_latent(field, selection) + offset(field, selection)
