"""What a camera without a scene of its own shows: a training scene, a sample, or a point between two scenes."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from mnif_core.errors import ConfigError

VARIABLE = "MNIF_SHOW"
Source = Literal["train", "sample", "between"]
Sampler = Literal["dpm++", "ddim", "ddpm"]
SAMPLERS: dict[Sampler, str] = {"dpm++": "DPM-Solver++", "ddim": "DDIM", "ddpm": "DDPM"}
FORMS = "train:3 (training scene), sample:7 (seed) or between:3,9,0.5 (two scenes and the mix)"


@dataclass(frozen=True)
class ShownScene:
    """One scene to show. `scene` and `other` are training scenes, `mix` in [0, 1] goes from the first to the second.

    Raises:
        ConfigError: a negative scene or seed, `mix` outside [0, 1], an unknown sampler, or no steps.
    """

    source: Source = "train"
    scene: int = 0
    other: int = 1
    mix: float = 0.5
    seed: int = 0
    sampler: Sampler = "dpm++"
    steps: int = 25

    def __post_init__(self) -> None:
        if min(self.scene, self.other) < 0:
            raise ConfigError(f"there is no scene {min(self.scene, self.other)}; scenes count from 0")
        if not 0.0 <= self.mix <= 1.0:
            raise ConfigError(f"mix is {self.mix:g}; choose it between 0 and 1")
        if self.seed < 0:
            raise ConfigError(f"seed is {self.seed}; choose 0 or more")
        if self.sampler not in SAMPLERS or self.steps < 1:
            raise ConfigError(
                f"cannot sample by {self.sampler} in {self.steps} steps; choose one of {', '.join(SAMPLERS)} "
                "and at least 1 step"
            )

    @classmethod
    def parse(cls, text: str) -> "ShownScene":
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
        except ConfigError as error:
            raise ConfigError(f"cannot show '{text}': {error}") from None
        except ValueError:
            pass
        raise ConfigError(f"cannot show '{text}'; write {FORMS}")

    @classmethod
    def from_environment(cls) -> "ShownScene":
        """What the environment variable MNIF_SHOW asks for; training scene 0 without it."""
        text = os.environ.get(VARIABLE)
        return cls.parse(text) if text else cls()

    def describe(self, scene_names: Sequence[str]) -> str:
        """Say in a few words what is shown."""
        if self.source == "sample":
            return f"sample, seed {self.seed}, by {SAMPLERS[self.sampler]} in {self.steps} steps"
        if self.source == "between":
            return f"{self.mix:.0%} from {scene_names[self.scene]} to {scene_names[self.other]}"
        return f"training scene {self.scene}, {scene_names[self.scene]}"
