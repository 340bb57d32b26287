"""`ns-install-cli` for `ns-train` alone, in the folder that HOME names, and without importing nerfstudio anew."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any


def install_completions(entrypoint: Callable[[], object]) -> None:
    """Run nerfstudio's installer; where it would start `ns-train`, a fork of this process calls `entrypoint`."""
    from nerfstudio.scripts.completions import install

    def printed(args: list[str], **_: Any) -> "subprocess.CompletedProcess[str]":
        read, write = os.pipe()
        child = os.fork()
        if child == 0:
            os.dup2(write, 1)
            sys.argv, code = args, 1
            try:
                entrypoint()
            except SystemExit as stop:
                code = int(stop.code or 0)
            finally:
                sys.stdout.flush()
                os._exit(code)
        os.close(write)
        with open(read) as pipe:
            text = pipe.read()
        code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        return subprocess.CompletedProcess(args, code, text, "")

    module: Any = install
    module.__file__ = str(Path(os.environ["HOME"]) / "scripts" / "completions" / "install.py")
    module._get_all_entry_points = lambda: ["ns-train"]
    module.subprocess.run = printed
    module.entrypoint()
