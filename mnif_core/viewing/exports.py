"""Buttons that hand what is shown to the browser as a file: a mesh, a picture, its latent."""

import inspect
import logging
import tempfile
import threading
from collections.abc import Callable
from pathlib import Path
from typing import cast

import viser
from torch import Tensor, nn

from mnif_core.errors import MnifError
from mnif_core.export.instance_files import export_instance
from mnif_core.export.painting import PAINTERS
from mnif_core.export.solid import SOLIDS
from mnif_core.generative_field import GenerativeField
from mnif_core.networks.instance_networks import InstanceNetworks
from mnif_core.networks.modulation import Modulation
from mnif_core.prior.labels import file_part
from mnif_core.sheets import save_png
from mnif_core.viewing.buttons import add_buttons
from mnif_core.viewing.display import Display
from mnif_core.viewing.markup import plain
from mnif_core.viewing.selection import Selection, networks_of

CELLS, PIXELS = 128, 512  # along a side, of meshes and of views, where the export starts
TEXELS = 1024  # along a side of a texture
Shown = tuple[Selection, Tensor]


class Exports:
    """Buttons in the folder that is being filled; the file lands where the browser puts downloads.

    Args:
        gui: of the server.
        display: of whose field an instance is exported.
        shown: what browsers show now, and its latent `[1, h]`; none before anything is shown.
    """

    def __init__(self, gui: viser.GuiApi, display: Display, shown: Callable[[], Shown | None]) -> None:
        self._display, self._shown = display, shown
        signal = display.field().signal
        if signal.kind in SOLIDS:
            kinds, what, name, value = ["glb", "ply", "onnx", "npz"], "a mesh", "Cells", CELLS
            hint = "Cells along each side of the cube in which the mesh is found: more is finer and slower"
        else:
            kinds, what, name, value = ["png", "onnx", "npz"], "a picture", "Height", PIXELS
            hint = "Rows of the picture, in pixels: the field has no resolution of its own"
        self.detail = gui.add_number(name, value, min=8, max=4096, step=8, hint=hint)
        hint = f"glb: colours in a picture of {TEXELS} x {TEXELS}, in place of one at each vertex"
        self.texture = gui.add_checkbox("Texture", False, visible=signal.kind in PAINTERS, hint=hint)
        self.files = add_buttons(
            gui,
            "Download",
            kinds,
            self._start,
            hint=f"The {signal.noun} that is shown, as {what}; onnx holds its network, npz its latent",
        )
        self.status = gui.add_markdown("")

    def _start(self, kind: str, client: viser.ClientHandle | None) -> None:
        shown = self._shown()
        if client is None or shown is None:
            return
        # a mesh takes seconds, viser's own threads serve every browser
        threading.Thread(target=self._export, args=(client, kind, *shown), daemon=True).start()

    def _export(self, client: viser.ClientHandle, kind: str, selection: Selection, latent: Tensor) -> None:
        name = f"{file_name(selection)}.{kind}"
        self._say(f"Writing {name} ...")
        try:
            content = self._content(name, selection, latent)
        except MnifError as error:
            self._say(f"Not written: {error}")
            return
        except Exception as error:
            logging.getLogger(__name__).exception("%s was not written", name)
            self._say(f"Not written: {type(error).__name__}: {error}")
            return
        # viser 1 would only offer a link
        takes = inspect.signature(client.send_file_download).parameters
        client.send_file_download(name, content, **({"save_immediately": True} if "save_immediately" in takes else {}))
        self._say(f"Written: {name}, {len(content) / 1024:.0f} KB, among your browser's downloads.")

    def _say(self, text: str) -> None:
        self.status.content = plain(text)

    def _content(self, name: str, selection: Selection, latent: Tensor) -> bytes:
        with self._display.held():
            live = self._display.field()
            networks = networks_of(live, selection, latent, self._display.fitted)
        # of this network alone, which training no longer moves
        field = GenerativeField(cast(Modulation, OneNetwork(networks)), live.latents, live.signal)
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / name
            if path.suffix == ".png":
                save_png(live.signal.picture(networks, int(self.detail.value)), path)
            else:
                texture = TEXELS if self.texture.value and path.suffix == ".glb" else None
                export_instance(field, latent[0], path, int(self.detail.value), name=path.stem, texture=texture)
            return path.read_bytes()


class OneNetwork(nn.Module):
    """A modulation that gives the same network for every latent."""

    def __init__(self, networks: InstanceNetworks) -> None:
        super().__init__()
        self._networks = networks

    def instance(self, _: Tensor) -> InstanceNetworks:
        """The network `[1]`."""
        return self._networks


def file_name(selection: Selection) -> str:
    """A short name for the file of `selection`, without suffix."""
    names = {
        "train": f"training-{selection.scene}",
        "fitted": f"fitted-{selection.name}",
        "sample": f"sample-{selection.seed}{file_part(selection.label)}",
        "between": f"between-{selection.scene}-{selection.other}-{selection.mix:g}",
        "corners": "between-" + "-".join(map(str, selection.corners)),
    }
    return names[selection.source] + ("-moved" if any(selection.directions) else "")
