"""Files that other files name: found however other machines and programs have written the name."""

import os
from collections.abc import Iterable
from pathlib import Path
from urllib.parse import unquote


def find_named(name: str, folder: Path, suffixes: Iterable[str] = ()) -> Path | None:
    """The file that a file in `folder` calls `name`.

    Names are taken as written, then with slashes for backslashes, with `%20` and the like read, in other letter case,
    and at last by what remains of them behind each slash in turn, since folders are moved with all that they hold.

    Args:
        name: relative or absolute, of any system.
        folder: where the naming file lies.
        suffixes: that are tried behind a name that is no file's, for writers that leave them out.
    """
    plain = name.strip().strip("\"'").removeprefix("file://")
    slashed = plain.replace("\\", "/")
    steps = unquote(slashed).split("/")
    tails = ["/".join(steps[start:]) for start in range(1, len(steps))]
    for spelling in dict.fromkeys((plain, slashed, unquote(slashed), *tails)):
        for suffix in ("", *suffixes):
            found = _in_any_case(folder, spelling + suffix)
            if found is not None:
                return found
    return None


def _in_any_case(folder: Path, name: str) -> Path | None:
    """The file `name`, seen from `folder`, whose letters may differ in case."""
    try:
        if (folder / name).is_file():
            return folder / name
        here = folder
        for step in Path(name).parts:
            if step == ".." or (here / step).exists():
                here = here / step
            else:
                alike = sorted(entry for entry in os.listdir(here) if entry.casefold() == step.casefold())
                if not alike:
                    return None
                here = here / alike[0]
        return here if here.is_file() else None
    except (OSError, ValueError):  # a name that no file can have
        return None
