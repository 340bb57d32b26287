"""What readers and long work say to a person: one line each, through one logger, `mnif_core.notes`.

Lines are printed as long as nobody collects them. A program that uses the library listens by a handler on that logger
or on one above it, and silences it by `logging.getLogger("mnif_core.notes").setLevel(logging.ERROR)`.
"""

import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager

SHOWN = 8  # of many notes

logger = logging.getLogger("mnif_core.notes")


def note(line: str) -> None:
    """Say what was left out or decided without asking, `<path>: <what was done>`: a warning, on standard error."""
    logger.warning("%s", line)


def tell(line: str) -> None:
    """Say how far something has come or what it found: information, on standard output."""
    logger.info("%s", line)


@contextmanager
def collected_notes() -> Iterator[list[str]]:
    """Lines of this block, from all threads of this process, instead of their being printed."""
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
    """Note the first of many lines, and then how many there are."""
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


class _Printer(logging.Handler):
    def emit(self, record: logging.LogRecord) -> None:
        """Print the line to what the streams are by now, since progress bars stand in for them, unless collected."""
        if logger.propagate:
            stream = sys.stderr if record.levelno >= logging.WARNING else sys.stdout
            print(record.getMessage(), file=stream, flush=True)


logger.setLevel(logging.INFO)
logger.addHandler(_Printer())
