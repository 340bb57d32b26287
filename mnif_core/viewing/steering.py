"""Controls, gallery, nearest training instance and exports, and the thread that serves the latest choice.

Callbacks only note that something changed. One thread finds the latent, shows it, and says what is shown; a choice that
has moved on meanwhile is never shown.
"""

import logging
import threading
import time
from dataclasses import dataclass

import viser
from torch import Tensor

from mnif_core.errors import MnifError
from mnif_core.latents.geometry import typical_gap
from mnif_core.latents.novelty import nearest
from mnif_core.viewing.buttons import add_buttons
from mnif_core.viewing.connections import wait_in_turn
from mnif_core.viewing.controls import Controls
from mnif_core.viewing.display import Display
from mnif_core.viewing.exports import Exports
from mnif_core.viewing.gallery import Gallery
from mnif_core.viewing.markup import Element, Markup, Tile, plain, tile_grid
from mnif_core.viewing.selection import Selection, is_stand_in, latent_of
from mnif_core.viewing.thumbnails import Thumbnails

RESAMPLE = 15.0  # seconds until a shown sample that training has overtaken is drawn anew
UNTRAINED = "The prior is not trained: a Gaussian draw, not a sample. Train stage 2 for samples."


@dataclass(frozen=True)
class Served:
    """What browsers show now.

    Attributes:
        selection: as chosen.
        latent: `[1, h]`.
        text: that says what it is.
        version: of the training that it shows.
        neighbour: nearest training instance.
        distance: to it, between latents.
        gap: how far training instances lie from one another, see `typical_gap`.
        when: it was served, in seconds of the monotonic clock.
    """

    selection: Selection
    latent: Tensor
    text: str
    version: int
    neighbour: int
    distance: float
    gap: float
    when: float


class Steering:
    """The whole panel, in the folder that is being filled.

    Args:
        server: whose browsers show the display.
        display: what is steered.
        selection: where the controls start.
    """

    def __init__(self, server: viser.ViserServer, display: Display, selection: Selection) -> None:
        wait_in_turn(server.get_port())
        gui, field = server.gui, display.field()
        self._display = display
        self._noun = field.signal.noun
        self._changed = threading.Event()
        self._changed.set()
        self._drawing = threading.Lock()  # two threads draw, and neither may end with what the other has overtaken
        self.served: Served | None = None
        self.status = gui.add_markdown("")
        self.status_text = ""
        self.controls = Controls(gui, field, sorted(display.fitted), selection, self._changed.set)
        self.relatives = Markup(gui, visible=False)
        self.to_nearest = add_buttons(
            gui,
            "Nearest",
            ["Show it"],
            lambda *_: self._show_nearest(),
            hint=f"Show the training {self._noun} whose latent is nearest to what is shown",
            visible=False,
        )
        self.thumbnails = Thumbnails(display, self._draw)
        with gui.add_folder("Gallery"):
            self.gallery = Gallery(gui, display, self.controls, self.thumbnails)
        self.controls.add_directions(field)
        with gui.add_folder("Take away"):
            self.exports = Exports(gui, display, self._shown)

    def start(self) -> None:
        """Begin to serve."""
        self.thumbnails.start()
        threading.Thread(target=self._work, name="steering", daemon=True).start()

    def say(self, text: str, mark: str = "") -> None:
        """Replace the status line, with `mark` before it in bold."""
        self.status_text = f"{mark} {text}".strip()
        self.status.content = f"**{mark}** {plain(text)}" if mark else plain(text)

    def _work(self) -> None:
        while True:
            self._changed.wait(1.0)
            if not self._changed.is_set() and not self._is_overtaken():
                continue
            self._changed.clear()
            for task in (self._serve, self._want_pictures):
                try:
                    task()
                except MnifError as error:
                    self.say(str(error), "Not shown:")
                except Exception as error:
                    logging.getLogger(__name__).exception("the viewer could not show what was chosen")
                    self.say(f"{type(error).__name__}: {error}", "Not shown:")

    def _is_overtaken(self) -> bool:
        """Whether training has moved a shown sample on, some while ago. Training instances move by themselves."""
        served = self.served
        if served is None or served.selection.source != "sample" or not self._display.watched():
            return False
        return time.monotonic() - served.when > RESAMPLE and self._display.version(served.selection) != served.version

    def _serve(self) -> None:
        """Show what the controls ask for, unless they have moved on meanwhile: then this runs again."""
        selection = self.controls.wanted()
        if self.served is not None and self.served.selection == selection and not self._is_overtaken():
            self.say(self.served.text, "Shown:")
            return
        if selection.source == "sample":
            self.say("Sampling ...")
        field, version = self._display.field(), self._display.version(selection)
        latent = latent_of(field, selection, self._display.fitted)
        neighbour = int(nearest(latent, field.latents))
        distance = float((latent[0] - field.latents[neighbour]).norm())
        if not self._display.show(selection, latent, lambda: selection == self.controls.wanted()):
            return
        text = f"{selection.describe(field.names, self._noun, field.prior)}."
        if is_stand_in(field, selection):
            text = f"{text} {UNTRAINED}"
        self.served = Served(
            selection, latent, text, version, neighbour, distance, typical_gap(field.latents), time.monotonic()
        )
        self.say(text, "Shown:")

    def _shown(self) -> tuple[Selection, Tensor] | None:
        return None if self.served is None else (self.served.selection, self.served.latent)

    def _want_pictures(self) -> None:
        """Ask for the pictures in view, nearest first."""
        served = self.served
        near = []
        if served is not None and not served.selection.is_trained_on:
            scenes = (served.neighbour, *served.selection.mixed)
            near = [Selection("train", scene=scene) for scene in scenes] + [served.selection]
        self.thumbnails.want([*near, *self.gallery.page()])
        self._draw()

    def _draw(self) -> None:
        with self._drawing:
            self._draw_served()

    def _draw_served(self) -> None:
        served = self.served
        self.gallery.draw(served.selection if served is not None else None)
        relevant = served is not None and not served.selection.is_trained_on
        self.relatives.visible = self.to_nearest.visible = relevant
        if served is None or not relevant:
            return
        names = self._display.field().names
        words = (
            f"Nearest training {self._noun}: {names[served.neighbour]}, {served.distance:.3g} away in the latents "
            f"(between training {self._noun}s and their nearest: {served.gap:.3g})."
        )
        near = [
            Tile(self._url(served.selection), "shown", "what is shown"),
            self._training_tile(served.neighbour, "nearest"),
        ]
        mixed = [self._training_tile(scene, "mixed") for scene in served.selection.mixed]
        said = Element("p", [words])
        self.relatives.show(Element("div", [said, tile_grid(near, 4), tile_grid(mixed, 4)]))

    def _training_tile(self, scene: int, role: str) -> Tile:
        name = self._display.field().names[scene]
        return Tile(self._url(Selection("train", scene=scene)), f"{role}: {scene}", name)

    def _url(self, selection: Selection) -> str:
        made = self.thumbnails.get(selection)
        return made.url if made else ""

    def _show_nearest(self) -> None:
        if self.served is not None:
            self.controls.show_training(self.served.neighbour)
