"""Pages of thumbnails: training instances, and samples by seed; a click shows or chooses one."""

import threading
from collections.abc import Callable

import viser

from mnif_core.viewing.buttons import add_buttons
from mnif_core.viewing.controls import Controls
from mnif_core.viewing.display import Display
from mnif_core.viewing.markup import Markup, Tile, gallery
from mnif_core.viewing.selection import Selection
from mnif_core.viewing.thumbnails import Thumbnails

COLUMNS, ROWS = 4, 3  # of pictures on a page
TILES = COLUMNS * ROWS
LABELS = [f"Picture {place + 1}" for place in range(TILES)]
LAST_SEED = 2**31  # beyond which no page of samples goes


class Gallery:
    """A page of thumbnails in the folder that is being filled. Only the page in view is ever made.

    viser's pictures take no clicks, its buttons do: each picture presses a button out of sight.
    """

    def __init__(self, gui: viser.GuiApi, display: Display, controls: Controls, thumbnails: Thumbnails) -> None:
        field = display.field()
        self._display, self._controls, self._thumbnails = display, controls, thumbnails
        self._noun, self._count = field.signal.noun, len(field.latents)
        self._start, self._page = 0, list[Selection]()
        self._choosing = threading.Lock()  # clicks come from several threads, and the page is drawn by another
        self._turning = threading.RLock()  # a late update of the number must not undo a turn
        self.kind = gui.add_dropdown(
            "Pictures of",
            [f"Training {self._noun}s", "Samples"],
            hint=f"Training {self._noun}s as the field knows them, or samples by seed; click one to show it",
        )
        self.slot = gui.add_dropdown(
            "Click sets", ["First"], visible=False, hint="Which of the mixed ones the next click chooses"
        )
        self.grid = Markup(gui)
        self.grid.show(gallery([], COLUMNS))
        self._buttons = [gui.add_button(label, hint="Show this picture of the gallery") for label in LABELS]
        for place, button in enumerate(self._buttons):
            button.on_click(lambda _, place=place: self._choose(self._start + place))  # type: ignore[misc]
        self.first = gui.add_number(
            "First", 0, min=0, max=LAST_SEED, step=TILES, hint="Number of the first picture; type any to go there"
        )
        self.turn = add_buttons(
            gui, "Page", ["Back", "Next"], self._turn, hint="Turn the page; pictures are made as you look"
        )
        self.kind.on_update(lambda _: self._go_to(lambda: 0))
        self.first.on_update(lambda _: self._go_to(lambda: int(self.first.value)))

    @property
    def of_samples(self) -> bool:
        """Whether samples are shown, not training instances."""
        return self.kind.value == "Samples"

    def page(self) -> list[Selection]:
        """What the page in view shows from now on.

        Raises:
            ConfigError: samples, with settings out of range.
        """
        if self.of_samples:
            self._page = [self._controls.sample(seed) for seed in self._numbers()]
        else:
            self._page = [Selection("train", scene=scene) for scene in self._numbers()]
        return self._page

    def draw(self, shown: Selection | None) -> None:
        """Draw the page as far as its pictures are made, `shown` framed."""
        slots = self._controls.slots() if not self.of_samples else {}
        with self._choosing:
            self._offer(slots)
        names = self._display.field().names
        tiles = []
        for selection, label in zip(self._page, LABELS, strict=False):
            made, number = self._thumbnails.get(selection), selection.scene
            title = f"{number}: {names[number]}"
            if selection.source == "sample":
                number, title = selection.seed, f"sample of seed {selection.seed}"
            overtaken = "" if made is None or self._thumbnails.is_current(selection) else " (older)"
            url = made.url if made else ""
            tiles.append(Tile(url, f"{number}{overtaken}", title, label, selection == shown))
        self.grid.show(gallery(tiles, COLUMNS))

    def _numbers(self) -> range:
        return range(self._start, self._start + TILES if self.of_samples else min(self._start + TILES, self._count))

    def _turn(self, way: str, _: object) -> None:
        self._go_to(lambda: self._start + (TILES if way == "Next" else -TILES))

    def _go_to(self, start: Callable[[], int]) -> None:
        last = LAST_SEED if self.of_samples else (self._count - 1) // TILES * TILES
        with self._turning:
            self._start = max(0, min(start(), last))
            if self.first.value != self._start:
                self.first.value = self._start
        self._controls.changed()

    def _choose(self, number: int) -> None:
        if self.of_samples:
            self._controls.show_sample(number)
            return
        if number >= self._count:
            return
        slots = self._controls.slots()
        if not slots:
            self._controls.show_training(number)
            return
        names = list(slots)
        with self._choosing:
            self._offer(slots)
            here = names.index(self.slot.value)
            slots[names[here]].value = number
            self.slot.value = names[(here + 1) % len(names)]

    def _offer(self, slots: dict[str, viser.GuiInputHandle[int]]) -> None:
        """Let clicks choose one of `slots`, if there are any."""
        if slots and tuple(slots) != self.slot.options:
            self.slot.options = list(slots)
        self.slot.visible = bool(slots)
