"""Controls of a selection: source, scenes, seed, sampler, truncation, corners, principal directions."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, TypeVar

import viser

from mnif_core.generative_field import GenerativeField
from mnif_core.viewing.buttons import add_buttons
from mnif_core.viewing.named_instances import menu_of
from mnif_core.viewing.selection import DIRECTIONS, SAMPLERS, Selection, Source

SPREAD = 3.0  # standard deviations along a principal direction that a slider spans to either side
UNTRAINED_PRIOR_STEPS = 1000  # reverse steps that the slider goes up to before there is a prior to ask
GUIDANCE_MOST = 8.0  # that the slider goes up to
ANY = "(any)"  # of the menu of labels
CORNERS = ("Top left", "Top right", "Bottom left", "Bottom right")
LONGEST_MENU = 3000  # names, beyond which a browser takes seconds to open one: the sliders remain

Key = TypeVar("Key", bound=str)


class Controls:
    """The controls, in the folder that is being filled; `changed` is called after each change, from viser's threads.

    Args:
        gui: of the server.
        field: whose instances are chosen.
        fitted: names of the scenes that were fitted after training.
        selection: where the controls start.
        changed: takes no arguments and returns at once.
    """

    def __init__(
        self,
        gui: viser.GuiApi,
        field: GenerativeField,
        fitted: Sequence[str],
        selection: Selection,
        changed: Callable[[], None],
    ) -> None:
        self.changed, self._gui = changed, gui
        self.directions: list[viser.GuiInputHandle[float]] = []
        noun = field.signal.noun
        self.sources: dict[Source, str] = {
            "train": f"Training {noun}",
            **({"fitted": f"Fitted {noun}"} if fitted else {}),
            "sample": "Sample",
            "between": "Between two",
            "corners": "Between four",
        }
        self._add_source(noun, selection)
        self._add_fitted(noun, fitted, selection)
        self._add_scenes(noun, field, selection)
        most = field.prior.reverse_steps if field.prior else None
        self._add_sampling(most or UNTRAINED_PRIOR_STEPS, selection)
        self._classes = field.classes
        self.labels: list[Any] = []  # handles of label and guidance, where there are any
        if self._classes:
            self._add_labels(noun, selection)
        self._follow_source()

    def _add_source(self, noun: str, selection: Selection) -> None:
        self.source = self._gui.add_dropdown(
            "Source",
            list(self.sources.values()),
            self.sources[selection.source],
            hint=f"Show a training {noun}, a sample of the prior, or a mix of two or of four training {noun}s",
        )
        self.source.on_update(lambda _: self._source_changed())

    def _add_fitted(self, noun: str, fitted: Sequence[str], selection: Selection) -> None:
        names = list(fitted) or [""]
        self.fitted = self._gui.add_dropdown(
            "Name",
            names,
            selection.name if selection.name in names else names[0],
            hint=f"A {noun} that training has not seen, added to the run by mnif fit-scene",
        )
        self.fitted.on_update(self._report)

    def _add_scenes(self, noun: str, field: GenerativeField, selection: Selection) -> None:
        count = len(field.latents)
        last, alone = max(count - 1, 1), count == 1
        name, why = noun.capitalize(), f"; there is only one training {noun}" if alone else ""
        scene, other = min(selection.scene, last), min(selection.other, last)
        self.scene = self._slider(name, scene, 0, last, 1, f"Number of the training {noun}{why}", disabled=alone)
        self.scene_menu = self._menu(f"{name} by name", self.scene, field.names)
        self.other = self._slider(f"Second {noun}", other, 0, last, 1, f"Training {noun} at mix 1{why}", disabled=alone)
        self.other_menu = self._menu(f"Second {noun} by name", self.other, field.names)
        self.mix = self._slider("Mix", selection.mix, 0.0, 1.0, 0.01, f"0 is the first {noun}, 1 the second")
        self.corners = [
            self._number(
                where,
                min(corner, count - 1),
                f"Training {noun} at the {where.lower()} corner; or choose it in the gallery",
                count - 1,
            )
            for where, corner in zip(CORNERS, selection.corners, strict=True)
        ]
        self.across = self._slider("Across", selection.across, 0.0, 1.0, 0.01, "0 is the left side, 1 the right")
        self.down = self._slider("Down", selection.down, 0.0, 1.0, 0.01, "0 is the top, 1 the bottom")

    def _add_sampling(self, max_steps: int, selection: Selection) -> None:
        self.seed = self._number("Seed", selection.seed, "Each seed is another sample, the same every time")
        self.sampler = self._gui.add_dropdown(
            "Sampler",
            list(SAMPLERS.values()),
            SAMPLERS[selection.sampler],
            hint="DPM-Solver++ and DDIM need few steps; DDPM is the paper's ancestral sampler and needs many; "
            "Neighbours mixes a training latent with one near to it (Eq. 11) and needs no prior",
        )
        self.sampler.on_update(self._report)
        steps = min(selection.steps, max_steps)
        self.steps = self._slider(
            "Steps",
            steps,
            1,
            max_steps,
            1,
            "Reverse diffusion steps: more is finer; priors of other kinds draw at once",
        )
        self.truncation = self._slider(
            "Truncation",
            selection.truncation,
            0.0,
            1.0,
            0.01,
            "1 leaves samples as drawn; less pulls them towards the training mean: more typical, less varied",
        )
        self.next_sample = add_buttons(
            self._gui,
            "Draw",
            ["New sample"],
            lambda *_: self.show_sample(int(self.seed.value) + 1),
            hint="Sample with the next seed, whatever is shown now",
        )

    def _add_labels(self, noun: str, selection: Selection) -> None:
        """Label and guidance, in this order."""
        label = self._gui.add_dropdown(
            "Label",
            [ANY, *self._classes],
            selection.label or ANY,
            hint=f"What kind of {noun} to sample, of those that the training data name",
        )
        label.on_update(self._report)
        hint = "Towards the label: 1 is as learned, more is more typical and less varied, 0 leaves the label out"
        self.labels = [
            label,
            self._slider("Guidance", min(selection.guidance, GUIDANCE_MOST), 0.0, GUIDANCE_MOST, 0.1, hint),
        ]

    def add_directions(self, field: GenerativeField) -> None:
        """Add a folder with a slider for each leading principal direction of the training latents."""
        with self._gui.add_folder("Principal directions", expand_by_default=False):
            if len(field.latents) < 2:
                self._gui.add_markdown("One instance has no directions of variation.")
                return
            for number in range(1, min(DIRECTIONS, *field.latents.shape) + 1):
                hint = (
                    f"Move what is shown along principal direction {number} of the training latents, in standard "
                    "deviations; they vary most along the first"
                )
                self.directions.append(self._slider(f"No. {number}", 0.0, -SPREAD, SPREAD, 0.1, hint))
            add_buttons(
                self._gui, "Move", ["Back to 0"], lambda *_: self.reset_directions(), hint="Set all directions to 0"
            )

    def reset_directions(self) -> None:
        """Set all directions to 0."""
        for slider in self.directions:
            slider.value = 0.0

    def wanted(self) -> Selection:
        """What the controls ask for; whatever does not matter to the source is left as it is by default.

        Raises:
            ConfigError: numbers out of range.
        """
        directions = tuple(float(slider.value) for slider in self.directions)
        moved = directions if any(directions) else ()
        source = key_of(self.source.value, self.sources)
        if source == "train":
            return Selection(source, scene=int(self.scene.value), directions=moved)
        if source == "fitted":
            return Selection(source, name=self.fitted.value, directions=moved)
        if source == "between":
            first, second = int(self.scene.value), int(self.other.value)
            return Selection(source, first, second, float(self.mix.value), directions=moved)
        if source == "corners":
            one, two, three, four = (int(corner.value) for corner in self.corners)
            across, down = float(self.across.value), float(self.down.value)
            return Selection(source, corners=(one, two, three, four), across=across, down=down, directions=moved)
        return replace(self.sample(int(self.seed.value)), directions=moved)

    def sample(self, seed: int) -> Selection:
        """The sample of `seed` as sampler, steps and truncation are set.

        Raises:
            ConfigError: numbers out of range.
        """
        return Selection(
            "sample",
            seed=seed,
            sampler=key_of(self.sampler.value, SAMPLERS),
            steps=int(self.steps.value),
            truncation=float(self.truncation.value),
            **self._labelled(),
        )

    def _labelled(self) -> dict[str, Any]:
        """Label and guidance of a sample, as they are set."""
        if not self.labels or self.labels[0].value == ANY:
            return {}
        label, guidance = self.labels
        return {"label": label.value, "guidance": float(guidance.value)}

    def show_sample(self, seed: int) -> None:
        """Ask for the sample of `seed`."""
        self.seed.value = seed
        self.source.value = self.sources["sample"]

    def show_training(self, scene: int) -> None:
        """Ask for a training instance as it is."""
        self.reset_directions()
        self.scene.value = scene
        self.source.value = self.sources["train"]

    def slots(self) -> dict[str, viser.GuiInputHandle[int]]:
        """Numbers of training instances that the present source mixes, by their labels; none where it mixes none."""
        source = key_of(self.source.value, self.sources)
        if source == "between":
            return {"First": self.scene, "Second": self.other}
        return dict(zip(CORNERS, self.corners, strict=True)) if source == "corners" else {}

    def _source_changed(self) -> None:
        self._follow_source()
        self.changed()

    def _follow_source(self) -> None:
        """Show only the controls that matter to the source."""
        chosen = key_of(self.source.value, self.sources)
        sources: list[tuple[Sequence[Any], tuple[Source, ...]]] = [
            ([self.fitted], ("fitted",)),
            ([self.scene, *self.scene_menu], ("train", "between")),
            ([self.other, *self.other_menu, self.mix], ("between",)),
            ([*self.corners, self.across, self.down], ("corners",)),
            ([self.seed, self.sampler, self.steps, self.truncation, *self.labels], ("sample",)),
        ]
        for handles, where in sources:
            for handle in handles:
                handle.visible = chosen in where

    def _slider(
        self, name: str, value: Any, low: Any, high: Any, step: Any, hint: str, disabled: bool = False
    ) -> viser.GuiInputHandle[Any]:
        slider = self._gui.add_slider(name, low, high, step, value, disabled=disabled, hint=hint)
        slider.on_update(self._report)
        return slider

    def _number(self, name: str, value: int, hint: str, highest: int | None = None) -> viser.GuiInputHandle[int]:
        number = self._gui.add_number(name, value, min=0, max=highest, step=1, hint=hint)
        number.on_update(self._report)
        return number

    def _menu(
        self, name: str, slider: viser.GuiInputHandle[int], names: Sequence[str]
    ) -> "list[viser.GuiDropdownHandle[str]]":
        """A menu of `names` in step with the slider of their numbers; none of too many, or where there is no choice."""
        if not 1 < len(names) <= LONGEST_MENU:
            return []
        labels = menu_of(names)
        menu = self._gui.add_dropdown(name, labels, labels[int(slider.value)], hint="Choose by name; type to search")

        def slid(_: object) -> None:
            if menu.value != labels[int(slider.value)]:
                menu.value = labels[int(slider.value)]
            self.changed()

        def chosen(event: viser.GuiEvent[Any]) -> None:
            # where it only follows the slider there is no client: an older number must not come back
            if event.client_id is not None:
                slider.value = labels.index(menu.value)

        slider.on_update(slid)
        menu.on_update(chosen)
        return [menu]

    def _report(self, _: object) -> None:
        self.changed()


def key_of(label: str, labels: dict[Key, str]) -> Key:
    """The key of a label."""
    return next(key for key, value in labels.items() if value == label)
