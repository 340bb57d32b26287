"""What the controls steer: nerfstudio's viewer of a field in training, or a page of a saved one."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Protocol

from torch import Tensor

from mnif_core.generative_field import GenerativeField
from mnif_core.viewing.selection import Fitted, Selection


class Display(Protocol):
    """Shows one instance at a time, of a field that may still be in training."""

    def field(self) -> GenerativeField:
        """The field as it is now; its weights may move on."""

    @property
    def fitted(self) -> Fitted:
        """Scenes that were fitted to the field after training, by name."""

    def version(self, selection: Selection) -> int:
        """A number that grows whenever training changes what `selection` shows."""

    def held(self) -> AbstractContextManager[object]:
        """Keep the weights as they are for a moment: training waits, so copy and leave."""

    def watched(self) -> bool:
        """Whether a browser looks on."""

    def show(self, selection: Selection, latent: Tensor, wanted: Callable[[], bool]) -> bool:
        """Show `latent` `[1, h]` in every browser, unless `wanted` says no at the last moment; whether it did."""
