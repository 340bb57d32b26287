"""A browser that is slow to read keeps its connection, whatever is sent to it meanwhile."""

import asyncio
import importlib.metadata
import socket
import time

import msgspec
import pytest
import viser
from websockets.frames import Frame, Opcode

from mnif_core.viewing.connections import _in_turn, wait_in_turn
from tests.free_port import free_port

CAMERA = {
    "type": "ViewerCameraMessage",
    "wxyz": [1.0, 0.0, 0.0, 0.0],
    "position": [0.0, 0.0, 3.0],
    "fov": 0.7,
    "aspect": 1.0,
    "look_at": [0.0, 0.0, 0.0],
    "up_direction": [0.0, 1.0, 0.0],
}
CONTENT, TIMES = bytes(1 << 20), 30
HANDSHAKE = (
    "GET / HTTP/1.1\r\nHost: here\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Version: 13\r\n\r\n"
)


@pytest.mark.skipif(importlib.metadata.version("viser") >= "1", reason="viser 1 has another server")
def test_a_slow_browser_gets_everything() -> None:
    port = free_port()
    wait_in_turn(port)
    server = viser.ViserServer(host="127.0.0.1", port=port, verbose=False)
    line = server.gui.add_markdown("")
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=20) as browser:
            browser.sendall(HANDSHAKE.encode())
            browser.sendall(Frame(Opcode.BINARY, msgspec.msgpack.encode(CAMERA)).serialize(mask=True))
            while not server.get_clients():
                time.sleep(0.01)
            client = next(iter(server.get_clients().values()))
            for number in range(TIMES):  # the browser reads nothing meanwhile
                client.send_file_download("mesh.ply", CONTENT)
                line.content = f"line {number} of many"
                time.sleep(0.03)
            everything = bytearray()
            while len(everything) < TIMES * len(CONTENT) or f"line {TIMES - 1} of many".encode() not in everything:
                part = browser.recv(1 << 20)
                assert part, "the connection was ended"
                everything += part
    finally:
        server.stop()


def test_connections_to_other_servers_wait_as_ever() -> None:
    class Connection:
        def __init__(self, *address: object) -> None:
            self.local_address, self.inside, self.most = address or None, 0, 0

    async def drain(connection: Connection) -> None:
        connection.inside += 1
        connection.most = max(connection.most, connection.inside)
        await asyncio.sleep(0)
        connection.inside -= 1

    async def two_senders(connection: Connection) -> int:
        await asyncio.gather(*[_in_turn(drain)(connection) for _ in range(2)])
        return connection.most

    ours = free_port()
    wait_in_turn(ours)
    assert asyncio.run(two_senders(Connection("127.0.0.1", ours))) == 1
    assert asyncio.run(two_senders(Connection("127.0.0.1", -1))) == 2
    assert asyncio.run(two_senders(Connection())) == 2
