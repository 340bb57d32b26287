"""A page of a saved field: `mnif view`."""

import socket

import viser

from mnif_core.errors import ConfigError
from mnif_core.generative_field import GenerativeField
from mnif_core.viewing.live_displays import ImageDisplay, SceneDisplay
from mnif_core.viewing.markup import plain
from mnif_core.viewing.page_displays import MeshDisplay, PageDisplay, PictureDisplay
from mnif_core.viewing.selection import NONE_FITTED, Fitted, Selection
from mnif_core.viewing.steering import Steering

DISPLAYS: dict[str, type[PageDisplay]] = {"image": ImageDisplay, "voxel": MeshDisplay, "scene": SceneDisplay}
"""Kind of signal -> how a page shows its instances; `PictureDisplay` for all others."""


def open_page(
    field: GenerativeField, title: str, selection: Selection, host: str, port: int, fitted: Fitted = NONE_FITTED
) -> viser.ViserServer:
    """Serve a page of `field` until the server is stopped.

    Args:
        field: of any modality.
        title: shown above the controls.
        selection: what is shown first.
        host: address to listen at.
        port: to listen at.
        fitted: scenes that were fitted to the field after training, by name.

    Raises:
        ConfigError: the port is taken, or nobody may listen at that address.
    """
    _require_free(host, port)
    server = viser.ViserServer(host=host, port=port, verbose=False)
    server.gui.configure_theme(control_layout="fixed", control_width="large", show_logo=False, show_share_button=False)
    display = DISPLAYS.get(field.signal.kind, PictureDisplay)(server, field, fitted)
    noun = field.signal.noun
    count = f"{len(field.latents)} training {noun}{'' if len(field.latents) == 1 else 's'}"
    server.gui.add_markdown(f"#### {plain(title)}\n\n{plain(f'{count}. {display.moving}')}")
    steering = Steering(server, display, selection)
    with server.gui.add_folder("View"):
        display.add_controls()
    steering.start()
    return server


def _require_free(host: str, port: int) -> None:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except (OSError, OverflowError) as error:
            reason = getattr(error, "strerror", None) or error
            raise ConfigError(f"cannot serve at {host}:{port} ({reason}); choose another --port or --host") from error
