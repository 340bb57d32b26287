"""A display for the panel whose sampling can be held up, and a browser for it."""

import threading
from collections.abc import Callable
from typing import Any

import viser
from torch import Tensor

from mnif_core.errors import ConfigError
from mnif_core.generative_field import GenerativeField
from mnif_core.unseen.saved_scenes import SavedScene
from mnif_core.viewing.selection import Selection
from mnif_core.viewing.steering import Steering
from tests.small_field import small_field
from tests.viser_server import until


class HeldDisplay:
    """Samples wait for `gate`; seeds 101 and 103 fail. `steps` counts training."""

    def __init__(self, instances: int = 30, prior: bool = True, kind: str = "image") -> None:
        self.saved = small_field(kind, instances, prior)
        self.added: dict[str, SavedScene] = {}
        self.lock = threading.Lock()
        self.gate = threading.Event()
        self.gate.set()
        self.asked: list[int | None] = []
        self.history: list[tuple[Selection, Tensor]] = []
        self.steps, self.looked_at = 0, False
        if self.saved.prior is not None:
            self.draw = self.saved.sample_latents
            self.saved.sample_latents = self.sample_latents  # type: ignore[method-assign, assignment]

    def sample_latents(self, count: int, seed: int | None = None, *settings: Any) -> Tensor:
        self.asked.append(seed)
        assert not self.lock.locked(), "sampling holds the lock that training needs"
        self.gate.wait()
        if seed == 101:
            raise ConfigError("no such sample; choose another")
        if seed == 103:
            raise RuntimeError("out of memory")
        return self.draw(count, seed, *settings)

    def field(self) -> GenerativeField:
        return self.saved

    @property
    def fitted(self) -> dict[str, SavedScene]:
        return self.added

    def version(self, selection: Selection) -> int:
        return self.steps

    def held(self) -> threading.Lock:
        return self.lock

    def watched(self) -> bool:
        return self.looked_at

    def show(self, selection: Selection, latent: Tensor, wanted: Callable[[], bool]) -> bool:
        with self.lock:
            if not wanted():
                return False
            self.history.append((selection, latent))
        return True

    @property
    def shown(self) -> Selection:
        return self.history[-1][0]


class Browser:
    """A browser that keeps what it downloads."""

    downloads: dict[str, bytes] = {}

    def send_file_download(self, name: str, content: bytes) -> None:
        self.downloads[name] = content


def begin(server: viser.ViserServer, display: HeldDisplay, selection: Selection | None = None) -> Steering:
    steering = Steering(server, display, selection or Selection())
    steering.start()
    until(lambda: steering.served)
    return steering
