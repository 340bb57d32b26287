"""A viser server without a browser, and patience for what happens in its threads."""

import asyncio
import contextlib
import inspect
import time
from collections.abc import Callable, Iterator
from typing import Any

import viser
from viser._messages import GuiUpdateMessage

from tests.free_port import free_port

PATIENCE = 20.0


@contextlib.contextmanager
def viser_server() -> Iterator[viser.ViserServer]:
    """A server on a free port of this machine."""
    server = viser.ViserServer(host="127.0.0.1", port=free_port(), verbose=False)
    yield server
    server.stop()


def until(condition: Callable[[], object], seconds: float = PATIENCE) -> None:
    """Wait for a condition; fail where it does not come true."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "what was waited for did not happen"
        time.sleep(0.005)


def press(handle: Any, option: object, client: int = 0) -> None:
    """What viser does when a browser presses a button, before version 1 and since."""
    state = handle._impl
    message = GuiUpdateMessage(state.uuid if hasattr(state, "uuid") else state.id, {"value": option})
    handled = state.gui_api._handle_gui_updates(client, message)
    if inspect.isawaitable(handled):
        asyncio.run_coroutine_threadsafe(handled, state.gui_api._event_loop).result()  # type: ignore[arg-type]


def inputs(server: viser.ViserServer) -> dict[str, Any]:
    """All controls of a server, by viser's names for them."""
    gui: Any = server.gui
    found = gui._gui_input_handle_from_uuid if hasattr(gui, "_resolve_client") else gui._gui_input_handle_from_id
    return dict(found)


def label_of(handle: Any) -> str:
    """What a control is called."""
    return handle.label if hasattr(handle, "label") else handle._impl.label


def hint_of(handle: Any) -> str | None:
    """What a control says of itself."""
    return handle.hint if hasattr(handle, "hint") else handle._impl.hint
