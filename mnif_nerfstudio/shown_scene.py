"""What a camera without a scene of its own shows, from nerfstudio's commands: MNIF_SHOW."""

import os

from mnif_core.viewing.selection import Selection

VARIABLE = "MNIF_SHOW"


def selection_from_environment() -> Selection:
    """What the environment variable MNIF_SHOW asks for (see `Selection.parse`); training scene 0 without it.

    Raises:
        ConfigError: text of another form.
    """
    text = os.environ.get(VARIABLE)
    return Selection.parse(text) if text else Selection()
