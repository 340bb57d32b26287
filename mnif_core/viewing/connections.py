"""Keeps the connection of a browser that is slow to read.

viser sends to a browser from two queues: one for all browsers, one for its own pictures and downloads. While a slow
browser makes both wait, the websockets server of viser 0 fails an assertion of its own and ends the connection, and
with it a download. viser 1 has another server.

viser hands out neither its connections nor its server of websockets, so the method that waits is replaced for all
connections, once our page or panel is made; those of other ports wait as ever.
"""

import asyncio
import sys
from collections.abc import Awaitable, Callable
from typing import Any
from weakref import WeakKeyDictionary

_ports: set[int] = set()
_turns: WeakKeyDictionary[Any, asyncio.Lock] = WeakKeyDictionary()


def wait_in_turn(port: int) -> None:
    """Let senders to one browser wait in turn, on every connection to the server at `port` of this process."""
    _ports.add(port)
    server = sys.modules.get("websockets.legacy.protocol")
    if server is None or getattr(server.WebSocketCommonProtocol.drain, "in_turn", False):
        return
    server.WebSocketCommonProtocol.drain = _in_turn(server.WebSocketCommonProtocol.drain)


def _in_turn(drain: Callable[[Any], Awaitable[None]]) -> Callable[[Any], Awaitable[None]]:
    async def drain_in_turn(connection: Any) -> None:
        address = connection.local_address
        if not isinstance(address, tuple) or address[1] not in _ports:
            return await drain(connection)
        async with _turns.setdefault(connection, asyncio.Lock()):
            await drain(connection)

    drain_in_turn.in_turn = True  # type: ignore[attr-defined]
    return drain_in_turn
