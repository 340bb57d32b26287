"""Keeps the connection of a browser that is slow to read.

viser sends to a browser from two queues: one for all browsers, one for its own pictures and downloads. While a slow
browser makes both wait, websockets' server fails an assertion of its own and ends the connection, and with it a
download.
"""

import asyncio
from weakref import WeakKeyDictionary

from websockets.legacy.protocol import WebSocketCommonProtocol

_drain = WebSocketCommonProtocol.drain
_turns: WeakKeyDictionary[WebSocketCommonProtocol, asyncio.Lock] = WeakKeyDictionary()


async def _drain_in_turn(connection: WebSocketCommonProtocol) -> None:
    async with _turns.setdefault(connection, asyncio.Lock()):
        await _drain(connection)


def wait_in_turn() -> None:
    """Let senders to one browser wait in turn, on every connection of this process."""
    WebSocketCommonProtocol.drain = _drain_in_turn  # type: ignore[method-assign, assignment]
