"""Results that appear whole or not at all."""

import errno
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from mnif_core.errors import OutputError

NOT_WRITABLE = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS, errno.EACCES, errno.EPERM}


@contextmanager
def writing(place: Path) -> Iterator[None]:
    """Tell of a full disk, or of a place that is read-only, in one line, whatever wrote to it in the block.

    Raises:
        OutputError: it is.
    """
    try:
        yield
    except OSError as error:
        if error.errno not in NOT_WRITABLE:
            raise
        raise OutputError(
            f"{error.filename or place}: cannot be written ({error.strerror}); make room, or choose another place, "
            "and go on from the last checkpoint"
        ) from error


@contextmanager
def whole_file(path: Path) -> Iterator[Path]:
    """A scratch path of the same name, which takes the place of `path` when the block has ended well.

    Raises:
        OutputError: the place cannot be written to.
    """
    with _scratch(path) as scratch:
        yield scratch
        os.replace(scratch, path)


@contextmanager
def whole_files(path: Path) -> Iterator[Path]:
    """As `whole_file`, with all that the block writes beside the scratch path; `path` comes last, as it names them.

    Raises:
        OutputError: the place cannot be written to.
    """
    with _scratch(path) as scratch:
        yield scratch
        beside = sorted(made for made in scratch.parent.iterdir() if made != scratch)
        targets = {made: path.parent / made.name for made in (*beside, scratch)}
        for target in targets.values():
            if target.is_dir():
                raise OutputError(f"{target}: is a folder, where a file is to be written; choose another name")
        for made, target in targets.items():
            os.replace(made, target)


@contextmanager
def whole_folder(path: Path) -> Iterator[Path]:
    """A scratch folder, which becomes `path` when the block has ended well.

    Raises:
        OutputError: the place cannot be written to, or holds something.
    """
    if path.exists() and (not path.is_dir() or any(path.iterdir())):
        raise OutputError(f"{path}: holds something already; choose a folder that does not exist")
    with _scratch(path) as scratch:
        scratch.mkdir()
        yield scratch
        os.replace(scratch, path)


def write_json(path: Path, content: Any) -> Path:
    """Write JSON as a whole file.

    Raises:
        OutputError: the place cannot be written to.
    """
    with whole_file(path) as scratch:
        scratch.write_text(json.dumps(content, indent=1))
    return path


@contextmanager
def _scratch(path: Path) -> Iterator[Path]:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with TemporaryDirectory(prefix=f".{path.name}-", dir=path.parent) as folder:
            yield Path(folder) / path.name
    except OSError as error:
        raise OutputError(f"{path}: cannot be written ({error.strerror or error}); choose another place") from error
