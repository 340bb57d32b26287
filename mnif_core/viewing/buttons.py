"""Rows of buttons with a hint, which viser's single buttons do not show.

Types of handles are quoted where they take arguments: not all versions of viser let them.
"""

from collections.abc import Callable, Sequence

import viser


def add_buttons(
    gui: viser.GuiApi,
    label: str,
    options: Sequence[str],
    pressed: Callable[[str, viser.ClientHandle | None], None],
    hint: str,
    visible: bool = True,
) -> "viser.GuiButtonGroupHandle[str]":
    """Add a row of buttons to the folder that is being filled.

    Args:
        gui: of the server.
        label: left of the row.
        options: what the buttons say.
        pressed: takes what the button says, and the browser in which it was pressed.
        hint: shown when the mouse rests on the row.
        visible: from the start.
    """
    group: viser.GuiButtonGroupHandle[str] = gui.add_button_group(label, list(options), visible=visible, hint=hint)
    # viser 0 reports a button only if another one was pressed before: so nothing is ever left as the last one
    group.value = ""
    latest = ""

    def on_click(event: "viser.GuiEvent[viser.GuiButtonGroupHandle[str]]") -> None:
        nonlocal latest
        if event.client_id is None:  # set below, not pressed in a browser
            return
        # two presses at once: the other one may have emptied the value already
        latest = option = group.value or latest
        group.value = ""
        pressed(option, event.client)

    group.on_click(on_click)
    return group
