"""What a camera without a scene of its own shows, from nerfstudio's commands: MNIF_SHOW."""

import os
from collections.abc import Sequence

from mnif_core.viewing.selection import Selection

VARIABLE = "MNIF_SHOW"


def selection_from_environment(names: Sequence[str] = ()) -> Selection:
    """What the environment variable MNIF_SHOW asks for (see `Selection.parse`); training scene 0 without it.

    Args:
        names: of the training scenes.

    Raises:
        ConfigError: text of another form, or a name that no scene has, or several.
    """
    text = os.environ.get(VARIABLE)
    return Selection.parse(text, names) if text else Selection()
