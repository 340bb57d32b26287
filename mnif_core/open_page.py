"""A page that is served in the background of a program."""

from collections.abc import Callable
from dataclasses import dataclass

ROWS = 720  # pixels of the page in a notebook


@dataclass(frozen=True)
class OpenPage:
    """A page that stays open until it is stopped, or the program ends. A notebook shows it below its cell."""

    url: str
    """Where this machine's browser finds it."""
    stop: Callable[[], None]
    """Ends it."""

    def _repr_html_(self) -> str:
        return (
            f'<iframe src="{self.url}" width="100%" height="{ROWS}" style="border: 0"></iframe>'
            f'<a href="{self.url}" target="_blank">{self.url}</a>'
        )
