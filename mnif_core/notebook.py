"""A field in a notebook: what it is at a glance, and its page beside the cells."""

import base64
import html
import io
import socket

import numpy as np
from PIL import Image
from torch import Tensor

from mnif_core.field_facts import facts
from mnif_core.generative_field import GenerativeField
from mnif_core.open_page import OpenPage
from mnif_core.sheets import arrange, tiles

COLUMNS = 6  # instances in a row of the sheet


def card(field: GenerativeField) -> str:
    """HTML of a row of training instances, a row of samples where there is a prior, and a table of what the field is.

    Samples are those of seed 0.
    """
    shown, rows = list(tiles(field, field.latents[:COLUMNS])), f"training {field.signal.noun}s"
    if field.prior is not None:
        shown += [shown[0].new_ones(shown[0].shape)] * (-len(shown) % COLUMNS)
        shown += list(tiles(field, field.sample_latents(COLUMNS, seed=0)))
        rows += ", then samples"
    said = facts(field) | {"prior": "none" if field.prior is None else field.prior.title, "pictures": rows}
    lines = "".join(f"<tr>{_cell(name)}{_cell(fact)}</tr>" for name, fact in said.items())
    sheet = f'<img src="{_data_url(arrange(shown, COLUMNS))}" alt="{html.escape(rows)}" style="max-width: 100%">'
    return f"<div>{sheet}<table>{lines}</table></div>"


def _cell(text: str) -> str:
    return f'<td style="text-align: left">{html.escape(text)}</td>'


def _data_url(picture: Tensor) -> str:
    buffer = io.BytesIO()
    Image.fromarray(np.asarray((picture.clamp(0, 1) * 255).round().byte().cpu())).save(buffer, format="PNG")
    return f"data:image/png;base64,{base64.b64encode(buffer.getvalue()).decode()}"


def open_beside(field: GenerativeField, show: str, port: int | None) -> OpenPage:
    """Serve the page of `mnif view` to this machine, without waiting for its end.

    Args:
        field: of any modality.
        show: what is shown first, as `mnif view --show`.
        port: where. None: any that is free.

    Raises:
        ConfigError: no such instance, or the port is taken.
    """
    from mnif_core.viewing.page import open_page
    from mnif_core.viewing.selection import Selection, base_latent

    selection, host = Selection.parse(show), "127.0.0.1"
    base_latent(field, selection)
    if port is None:
        with socket.socket() as probe:
            probe.bind((host, 0))
            port = probe.getsockname()[1]
    server = open_page(field, f"{field.signal.noun}s", selection, host, port)
    return OpenPage(f"http://{host}:{port}", server.stop)
