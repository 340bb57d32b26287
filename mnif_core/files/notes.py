"""What a reader left out or decided by itself: one line a file, `<path>: <what was done>`, for a person to see."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager

SHOWN = 8  # of many notes

logger = logging.getLogger("mnif_core.data")


def note(line: str) -> None:
    """Say `line`: to whoever collects notes, or else on standard error (logging's last resort)."""
    logger.warning("%s", line)


@contextmanager
def collected_notes() -> Iterator[list[str]]:
    """Notes of this block, from all threads of this process, instead of their being printed."""
    lines: list[str] = []
    collector = _Collector(lines)
    propagate, logger.propagate = logger.propagate, False
    logger.addHandler(collector)
    try:
        yield lines
    finally:
        logger.removeHandler(collector)
        logger.propagate = propagate


def say_some(lines: list[str], what: str) -> None:
    """Say the first of many notes, and then how many there are."""
    for line in lines[:SHOWN]:
        note(line)
    if len(lines) > SHOWN:
        note(f"{len(lines)} {what}, of which the first {SHOWN} are above")


class _Collector(logging.Handler):
    def __init__(self, lines: list[str]) -> None:
        super().__init__()
        self.lines = lines

    def emit(self, record: logging.LogRecord) -> None:
        """Keep the line."""
        self.lines.append(record.getMessage())
