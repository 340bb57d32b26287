"""What a user can mend is one line where it ends one of nerfstudio's commands, which catch nothing themselves.

Every such error is raised after the command has set up a config of ours. None of our code runs around all of that, so
the line is printed by the process's last hook, and the hook is set when that config is set up: not on import, not in
programs of other people, and for our own errors only.
"""

import sys
from collections.abc import Callable
from pathlib import Path
from types import TracebackType

from mnif_core.errors import MnifError

Hook = Callable[[type[BaseException], BaseException, TracebackType | None], object]


def errors_in_one_line() -> None:
    """If this process is one of nerfstudio's commands, let the MnifError that ends it be one line on standard error."""
    if _is_command(sys.argv[0]) and not getattr(sys.excepthook, "one_line", False):
        sys.excepthook = _one_line_or(sys.excepthook)


def _is_command(program: str) -> bool:
    """Whether `program` is `ns-train` or the like, or the file that `python -m nerfstudio.scripts.train` runs."""
    path = Path(program)
    return path.name.startswith("ns-") or "/nerfstudio/scripts/" in path.as_posix()


def _one_line_or(previous: Hook) -> Hook:
    def one_line(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
        if issubclass(kind, MnifError):
            print(f"{kind.__name__}: {error}", file=sys.stderr)
        else:
            previous(kind, error, trace)

    one_line.one_line = True  # type: ignore[attr-defined]
    return one_line
