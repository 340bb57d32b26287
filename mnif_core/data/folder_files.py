"""Folders of files, one instance each, searched with all below them."""

from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from rich.progress import track

from mnif_core.errors import DataError

Item = TypeVar("Item")


def read_folder(
    folder: Path, suffixes: set[str], read: Callable[[Path], Item], what: str, skip_bad: bool
) -> tuple[list[Item], list[str]]:
    """Read every file that ends in one of `suffixes`, in order of its path.

    Args:
        folder: where to search.
        suffixes: in lower case, with their dot.
        read: one file; raises DataError.
        what: plural name of what is read, for messages.
        skip_bad: leave files that raise out, and say how many, instead of stopping at the first.

    Returns:
        What was read, and each file's path in the folder.

    Raises:
        DataError: nothing there, or nothing readable; or the first bad file's own.
    """
    files = sorted(path for path in folder.rglob("*") if path.suffix.lower() in suffixes and path.is_file())
    if not files:
        raise DataError(f"{folder}: no {what} here; put {', '.join(sorted(suffixes))} files into it")
    items, names = [], []
    for file in track(files, f"Reading {what}"):
        try:
            items.append(read(file))
            names.append(str(file.relative_to(folder)))
        except DataError as error:
            if not skip_bad:
                raise DataError(f"{error}, or pass --skip-bad") from error
    if not items:
        raise DataError(f"{folder}: none of its {len(files)} {what} is readable; replace them")
    if len(items) < len(files):
        print(f"{folder}: {len(files) - len(items)} of {len(files)} {what} are unreadable and left out", flush=True)
    return items, names
