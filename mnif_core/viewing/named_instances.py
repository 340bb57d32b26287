"""Training instances by number, by name, or by a part of a name."""

from collections.abc import Sequence

from mnif_core.errors import ConfigError

LISTED = 5  # names in an error


def instance_number(text: str, names: Sequence[str]) -> int:
    """The instance that `text` tells: its number, its name, or a part of its name that no other has in any case.

    Raises:
        ValueError: no number, where there are no names.
        ConfigError: no instance of such a name, or several.
    """
    try:
        return int(text)
    except ValueError:
        if not names:
            raise
    if text in names:
        return names.index(text)
    matches = [name for name in names if text and text.casefold() in name.casefold()]
    if not matches:
        raise ConfigError(f"no name has '{text}'; choose {_listed(names)}, or a number from 0 to {len(names) - 1}")
    if len(matches) > 1:
        raise ConfigError(f"{len(matches)} names have '{text}'; choose one of {_listed(matches)}")
    return names.index(matches[0])


def menu_of(names: Sequence[str]) -> list[str]:
    """What a menu calls the instances: each by number and name, so that no two are the same."""
    return [f"{number}: {name}" for number, name in enumerate(names)]


def _listed(names: Sequence[str]) -> str:
    return ", ".join(names[:LISTED]) + (", ..." if len(names) > LISTED else "")
