"""A server of the panel, with one browser."""

from collections.abc import Iterator

import pytest
import viser

from tests.core.viewing.held_display import Browser
from tests.viser_server import viser_server


@pytest.fixture(scope="module")
def server() -> Iterator[viser.ViserServer]:
    with viser_server() as server:
        server._connected_clients[0] = Browser()  # type: ignore[assignment]
        yield server
