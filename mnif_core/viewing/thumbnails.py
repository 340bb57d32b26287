"""Small pictures of instances, made one after the other in the background."""

import base64
import io
import logging
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from PIL import Image
from torch import Tensor

from mnif_core.viewing.display import Display
from mnif_core.viewing.selection import Selection, latent_of, networks_of

KEPT = 1024  # pictures in memory, the least recently seen left out
REMAKE = 15.0  # seconds until a picture that training has overtaken is made anew
REST = 4.0  # times as long as a picture has taken, before the next while the field trains


@dataclass(frozen=True)
class Thumbnail:
    """A picture as a data URL, empty where none could be made; the version that it shows; when it was made."""

    url: str
    version: int
    made: float


class Thumbnails:
    """Pictures on demand: ask with `want`, look with `get`; `ready` is called after each.

    One thread makes them, only what was asked for last and only while a browser looks on. It holds the weights just
    for the moment of mixing an instance's network, and rests in between while the field trains.
    """

    def __init__(self, display: Display, ready: Callable[[], None]) -> None:
        self._display, self._ready = display, ready
        self._wanted: tuple[Selection, ...] = ()
        self._made: OrderedDict[Selection, Thumbnail] = OrderedDict()
        self._changed = threading.Event()

    def want(self, selections: Iterable[Selection]) -> None:
        """Make these next, in this order, and nothing that was asked for before."""
        self._wanted = tuple(selections)
        self._changed.set()

    def get(self, selection: Selection) -> Thumbnail | None:
        """The picture of `selection`, perhaps overtaken by training; none if it was not made yet."""
        return self._made.get(selection)

    def is_current(self, selection: Selection) -> bool:
        """Whether there is a picture of `selection` and training has not changed it."""
        made = self._made.get(selection)
        return made is not None and made.version == self._display.version(selection)

    def start(self) -> None:
        """Begin to make pictures."""
        threading.Thread(target=self._work, name="thumbnails", daemon=True).start()

    def _work(self) -> None:
        while True:
            self._changed.wait(1.0)
            self._changed.clear()
            while self._display.watched() and (selection := self._next()) is not None:
                began, version = time.monotonic(), self._display.version(selection)
                self._keep(selection, Thumbnail(self._picture(selection), version, time.monotonic()))
                self._ready()
                if self._display.version(selection) != version:
                    time.sleep(REST * (time.monotonic() - began))

    def _next(self) -> Selection | None:
        wanted, now = self._wanted, time.monotonic()
        missing = (selection for selection in wanted if selection not in self._made)
        overtaken = (
            selection
            for selection in wanted
            if selection in self._made and not self.is_current(selection) and now - self._made[selection].made > REMAKE
        )
        return next(missing, None) or next(overtaken, None)

    def _picture(self, selection: Selection) -> str:
        try:
            field = self._display.field()
            latent = latent_of(field, selection, self._display.fitted)
            with self._display.held():
                networks = networks_of(field, selection, latent, self._display.fitted)
            return data_url(field.signal.draw(networks, field.signal.thumbnail).pictures[0])
        except Exception:
            logging.getLogger(__name__).exception("no thumbnail of %s", selection)
            return ""

    def _keep(self, selection: Selection, thumbnail: Thumbnail) -> None:
        self._made[selection] = thumbnail
        self._made.move_to_end(selection)
        while len(self._made) > KEPT:
            self._made.popitem(last=False)


def data_url(picture: Tensor) -> str:
    """A picture `[height, width, 3]` in [0, 1] as JPEG in a URL."""
    coded = io.BytesIO()
    Image.fromarray((picture.clamp(0, 1) * 255).round().byte().cpu().numpy()).save(coded, format="JPEG", quality=88)
    return "data:image/jpeg;base64," + base64.b64encode(coded.getvalue()).decode()
