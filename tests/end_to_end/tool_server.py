"""Runs nerfstudio's commands in forks of one process that has imported them: an import costs up to half a minute.

Reads one JSON request a line, `{"argv": [tool, ...], "log": path, "environment": {}, "without_lpips": bool,
"mounts": [arguments of mount, ...]}`, forks, and answers with the child's process id. The child writes its exit code
to `<log>.exit`.
"""

import ctypes
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from typing import Any

from nerfstudio.scripts import eval as ns_eval
from nerfstudio.scripts import render, train
from nerfstudio.scripts.viewer import run_viewer

from mnif_core import cli as mnif
from tests.end_to_end.conftest import CANNOT_MOUNT
from tests.end_to_end.forked_completions import install_completions
from tests.end_to_end.open3d_library import preload_libusb


def _export() -> None:
    preload_libusb()
    from nerfstudio.scripts import exporter  # imports open3d, which nothing else may need

    exporter.entrypoint()


ENTRYPOINTS: dict[str, Callable[[], object]] = {
    "mnif": lambda: sys.exit(mnif.main()),
    "ns-train": train.entrypoint,
    "ns-eval": ns_eval.entrypoint,
    "ns-render": render.entrypoint,
    "ns-export": _export,
    "ns-viewer": run_viewer.entrypoint,
    "ns-install-cli": lambda: install_completions(train.entrypoint),
}


def _replace_lpips() -> None:
    """nerfacto fetches LPIPS weights when it is built, which an offline test cannot."""
    import torch
    import torchmetrics.image.lpip

    module: Any = torchmetrics.image.lpip
    module.LearnedPerceptualImagePatchSimilarity = lambda **_: torch.nn.Identity()


def _mount(mounts: list[list[str]]) -> bool:
    """Mount for this process alone, where the system lets it."""
    new_mounts = 0x20000
    if mounts and ctypes.CDLL(None).unshare(new_mounts) != 0:
        return False
    return all(subprocess.run(["mount", *arguments], check=False).returncode == 0 for arguments in mounts)


def _child(request: dict[str, Any]) -> int:
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.default_int_handler)  # ignored where the tests run in the background
    log = os.open(request["log"], os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    os.dup2(log, 1)
    os.dup2(log, 2)
    os.environ.update(request.get("environment", {}))
    if request.get("without_lpips"):
        _replace_lpips()
    if not _mount(request.get("mounts", [])):
        return CANNOT_MOUNT
    sys.argv = request["argv"]
    try:
        ENTRYPOINTS[sys.argv[0]]()
    except SystemExit as stop:
        return int(stop.code or 0) if not isinstance(stop.code, str) else 1
    except BaseException:
        sys.excepthook(*sys.exc_info())
        return 1
    return 0


def main() -> None:
    """Serve until standard input closes."""
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    print("ready", flush=True)
    for line in sys.stdin:
        request = json.loads(line)
        pid = os.fork()
        if pid == 0:
            code = _child(request)
            sys.stdout.flush()
            sys.stderr.flush()
            with open(request["log"] + ".exit", "w") as file:
                file.write(str(code))
            os._exit(code)
        print(pid, flush=True)


if __name__ == "__main__":
    main()
