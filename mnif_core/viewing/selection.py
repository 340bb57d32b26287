"""Which instance to show: of training, a sample, or one between, moved along principal directions or not."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

import torch
from torch import Tensor

from mnif_core.errors import ConfigError
from mnif_core.generative_field import GenerativeField
from mnif_core.latents.geometry import bilinear, principal_directions, truncate
from mnif_core.latents.neighbours import Sampler
from mnif_core.networks.instance_networks import InstanceNetworks
from mnif_core.prior.guidance import GUIDANCE
from mnif_core.prior.labels import number_of
from mnif_core.prior.protocol import Prior
from mnif_core.unseen.saved_scenes import SavedScene
from mnif_core.viewing.named_instances import instance_number

Source = Literal["train", "fitted", "sample", "between", "corners"]
SAMPLERS: dict[Sampler, str] = {"dpm++": "DPM-Solver++", "ddim": "DDIM", "ddpm": "DDPM", "neighbours": "Neighbours"}
Fitted = Mapping[str, SavedScene]
"""What a viewer can show beside training instances and samples: saved scenes by name."""
NONE_FITTED: Fitted = MappingProxyType({})
DIRECTIONS = 6  # principal directions that can be steered
FORMS = (
    "train:3 (training scene, or a part of its name), sample:7 (seed), sample:7:chair (of a label), "
    "between:3,9,0.5 (two scenes and the mix), "
    "corners:0,1,2,3,0.5,0.5 (four scenes, across, down) or fitted:chair (by mnif fit-scene)"
)


@dataclass(frozen=True)
class Selection:
    """One instance to show.

    Raises:
        ConfigError: a negative scene or seed, a share outside [0, 1], an unknown sampler, no steps, or
            guidance below 0.
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
    """Reverse diffusion, or `neighbours`: between a training latent and one near to it (Eq. 11)."""
    steps: int = 25
    """Reverse steps of diffusion; other priors draw at once."""
    truncation: float = 1.0
    """Share of a sample's distance to the training mean that is kept (see `latent_space.truncate`)."""
    directions: tuple[float, ...] = ()
    """Way to go from there along each leading principal direction, in standard deviations."""
    name: str = ""
    """Of a fitted scene."""
    label: str = ""
    """Of a sample; empty: as labels occur."""
    guidance: float = GUIDANCE
    """Of a sample towards its label (see `prior.guidance`)."""

    def __post_init__(self) -> None:
        lowest = min(self.scene, self.other, *self.corners)
        if lowest < 0:
            raise ConfigError(f"there is no scene {lowest}; scenes count from 0")
        for name in ("mix", "across", "down", "truncation"):
            if not 0.0 <= getattr(self, name) <= 1.0:
                raise ConfigError(f"{name} is {getattr(self, name):g}; choose it between 0 and 1")
        if self.seed < 0:
            raise ConfigError(f"seed is {self.seed}; choose 0 or more")
        if not 0.0 <= self.guidance < math.inf:
            raise ConfigError(f"guidance is {self.guidance:g}; choose 0 or more")
        if self.sampler not in SAMPLERS or self.steps < 1:
            raise ConfigError(
                f"cannot sample by {self.sampler} in {self.steps} steps; choose one of {', '.join(SAMPLERS)} "
                "and at least 1 step"
            )

    @classmethod
    def parse(cls, text: str, names: Sequence[str] = ()) -> "Selection":
        """Read one of the forms in `FORMS`.

        Args:
            text: to read.
            names: of the training instances, by which they can be told too, or by a part that only one of them has.

        Raises:
            ConfigError: any other text, numbers out of range, or what names no instance, or several.
        """
        source, _, value = text.partition(":")
        try:
            if source == "train":
                return cls("train", scene=instance_number(value, names))
            if source == "fitted" and value:
                return cls("fitted", name=value)
            if source == "sample":
                seed, _, label = value.partition(":")
                return cls("sample", seed=int(seed), label=label)
            if source == "between":
                first, second, mix = value.split(",")
                scene, other = (instance_number(each, names) for each in (first, second))
                return cls("between", scene=scene, other=other, mix=float(mix))
            if source == "corners":
                *corner_names, across, down = value.split(",")
                one, two, three, four = (instance_number(each, names) for each in corner_names)
                corners = (one, two, three, four)
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
            "fitted": (),
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

    def describe(self, names: Sequence[str], noun: str = "scene", prior: Prior | None = None) -> str:
        """Say in a few words what is shown; `noun` is what instances are called, `prior` what samples come from."""
        if self.source == "sample":
            text = f"sample, seed {self.seed}" + (f", label {self.label}" if self.label else "")
            if prior is not None and prior.reverse_steps is None and self.sampler != "neighbours":
                text += f", {prior.title}"
            else:
                text += f", by {SAMPLERS[self.sampler]}"
                text += f" in {self.steps} steps" if self.sampler != "neighbours" else ""
            text += f" at guidance {self.guidance:g}" if self.label and self.sampler != "neighbours" else ""
            text += f", truncated to {self.truncation:.0%}" if self.truncation < 1.0 else ""
        elif self.source == "fitted":
            text = f"fitted {noun} {self.name}"
        elif self.source == "between":
            text = f"{self.mix:.0%} from {names[self.scene]} to {names[self.other]}"
        elif self.source == "corners":
            text = f"{self.across:.0%} across and {self.down:.0%} down between " + ", ".join(
                names[corner] for corner in self.corners
            )
        else:
            text = f"training {noun} {self.scene}, {names[self.scene]}"
        return text + (", moved along directions" if any(self.directions) else "")


def is_stand_in(field: GenerativeField, selection: Selection) -> bool:
    """Whether `selection` is a sample by diffusion, of a field whose prior is not trained."""
    return selection.source == "sample" and selection.sampler != "neighbours" and field.prior is None


@torch.no_grad()
def base_latent(field: GenerativeField, selection: Selection, fitted: Fitted = NONE_FITTED) -> Tensor:
    """The latent `[1, h]` that `selection` starts from; a Gaussian draw for a sample that `is_stand_in`.

    Raises:
        ConfigError: a training instance or a fitted scene that does not exist.
    """
    latents, count = field.latents, len(field.latents)
    for scene in selection.scenes:
        if scene >= count:
            raise ConfigError(f"there is no scene {scene}; choose one of 0 to {count - 1}")
    if selection.source == "fitted":
        if selection.name not in fitted:
            raise ConfigError(f"there is no fitted scene '{selection.name}'; add it by mnif fit-scene")
        return fitted[selection.name].latent[None].to(field.device)
    if selection.source == "train":
        return latents[selection.scene : selection.scene + 1].clone()
    if selection.source == "between":
        return torch.lerp(latents[selection.scene], latents[selection.other], selection.mix)[None]
    if selection.source == "corners":
        across, down = (torch.full((1,), share, device=field.device) for share in (selection.across, selection.down))
        return bilinear(latents[list(selection.corners)], across, down)
    if not is_stand_in(field, selection):
        return field.sample_latents(
            1,
            selection.seed,
            selection.sampler,
            selection.steps,
            selection.truncation,
            selection.label or None,
            selection.guidance,
        )
    if selection.label:
        number_of(selection.label, field.classes)
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


def latent_of(field: GenerativeField, selection: Selection, fitted: Fitted = NONE_FITTED) -> Tensor:
    """The latent `[1, h]` that `selection` names.

    Raises:
        ConfigError: an instance that does not exist, or directions where there is one instance only.
    """
    return base_latent(field, selection, fitted) + offset(field, selection)


def networks_of(
    field: GenerativeField, selection: Selection, latent: Tensor, fitted: Fitted = NONE_FITTED
) -> InstanceNetworks:
    """The network of `selection`, whose latent is `latent` `[1, h]`: a fitted scene may have one of its own."""
    own = fitted.get(selection.name) if selection.source == "fitted" and not any(selection.directions) else None
    return field.instance(latent) if own is None else own.networks(field.modulation)
