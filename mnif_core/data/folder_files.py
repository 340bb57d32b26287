"""Folders of files, one instance each, searched with all below them."""

from collections import Counter
from collections.abc import Callable, Collection, Sequence
from pathlib import Path
from typing import TypeVar

from rich.progress import track

from mnif_core.errors import DataError
from mnif_core.extras import require_format
from mnif_core.files.notes import collected_notes, note, tell

Item = TypeVar("Item")


def read_folder(
    folder: Path,
    suffixes: set[str],
    read: Callable[[Path], Item],
    what: str,
    skip_bad: bool,
    refused: Collection[str] = (),
) -> tuple[list[Item], list[str]]:
    """Read every file that ends in one of `suffixes`, in order of its path; hidden ones are left out.

    What `read` notes is said after the last file, one line a file, and then how many files that concerns.

    Args:
        folder: where to search.
        suffixes: in lower case, with their dot.
        read: one file; raises DataError.
        what: plural name of what is read, for messages.
        skip_bad: leave files that raise out, and say how many, instead of stopping at the first.
        refused: suffixes of such files as `read` refuses with advice, so that they are not left out in silence.

    Returns:
        What was read, and each file's path in the folder.

    Raises:
        DataError: nothing there, or nothing readable; or the first bad file's own.
        DependencyError: the package that reads one of the formats is not installed, whatever `skip_bad` says.
    """
    everything = sorted(path for path in folder.rglob("*") if not _is_hidden(path.relative_to(folder)))
    files = [path for path in everything if path.suffix.lower() in {*suffixes, *refused} and path.is_file()]
    if not files:
        raise DataError(
            f"{folder}: no {what} here{_found(everything)}; put {', '.join(sorted(suffixes))} files into it"
        )
    for file in files:
        require_format(file)
    items, names, said = [], [], []
    for file in track(files, f"Reading {what}"):
        try:
            with collected_notes() as notes:
                items.append(read(file))
            names.append(str(file.relative_to(folder)))
            said += [f"{file}: {'; '.join(line.removeprefix(f'{file}: ') for line in notes)}"] if notes else []
        except DataError as error:
            if not skip_bad:
                raise DataError(f"{error}, or pass --skip-bad") from error
    for line in said:
        note(line)
    if not items:
        raise DataError(f"{folder}: none of its {len(files)} {what} is readable; replace them")
    if said:
        tell(f"{folder}: {len(said)} of {len(files)} {what} are not read as they are; a line for each is above")
    if len(items) < len(files):
        tell(f"{folder}: {len(files) - len(items)} of {len(files)} {what} are unreadable and left out")
    return items, names


def _is_hidden(path: Path) -> bool:
    """Whether archives and file managers left it, such as `._a.png` and `__MACOSX/a.png`."""
    return any(part.startswith(".") or part == "__MACOSX" for part in path.parts)


def _found(paths: Sequence[Path]) -> str:
    """The commonest suffixes, to be told what was not looked at."""
    counts = Counter(path.suffix.lower() or path.name for path in paths if path.is_file())
    return f", but {', '.join(f'{count} {suffix}' for suffix, count in counts.most_common(3))}" if counts else ""
