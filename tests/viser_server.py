"""A viser server without a browser, and patience for what happens in its threads."""

import contextlib
import time
from collections.abc import Callable, Iterator

import viser

from tests.free_port import free_port

PATIENCE = 20.0


@contextlib.contextmanager
def viser_server() -> Iterator[viser.ViserServer]:
    """A server on a free port of this machine."""
    server = viser.ViserServer(host="127.0.0.1", port=free_port(), verbose=False)
    yield server
    server.stop()


def until(condition: Callable[[], object]) -> None:
    """Wait for a condition; fail where it does not come true."""
    end = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < end, "what was waited for did not happen"
        time.sleep(0.005)
