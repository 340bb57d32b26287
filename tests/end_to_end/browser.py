"""Headless Chromium for tests: where it is, and how its screenshots compare."""

import os
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
SECONDS = 900


def find_browser() -> str:
    """Path of a Chromium."""
    found = next((path for name in BROWSERS if (path := shutil.which(name))), None)
    return found or pytest.skip(f"no Chromium on the PATH (looked for {', '.join(BROWSERS)})")


def find_node_modules() -> Path:
    """Folder that holds playwright-core: one of NODE_PATH, or npm's global folder."""
    if shutil.which("node") is None:
        pytest.skip("no node on the PATH")
    folders = os.environ.get("NODE_PATH", "").split(os.pathsep)
    if shutil.which("npm"):
        folders.append(subprocess.run(["npm", "root", "-g"], capture_output=True, text=True).stdout.strip())
    found = next((Path(folder) for folder in folders if folder and (Path(folder) / "playwright-core").is_dir()), None)
    return found or pytest.skip("no playwright-core; npm install -g playwright-core, or set NODE_PATH to its folder")


def drive(script: str, *arguments: object) -> subprocess.CompletedProcess[str]:
    """Run one of the scripts beside this file."""
    return subprocess.run(
        ["node", str(Path(__file__).with_name(script)), *map(str, arguments)],
        env={**os.environ, "NODE_PATH": str(find_node_modules())},
        capture_output=True,
        text=True,
        timeout=SECONDS,
    )


def same_picture(folder: Path, one: str, other: str) -> bool:
    """Less than one grey level apart in the mean: viewers code their pictures as JPEG of varying quality."""
    images = [np.asarray(Image.open(folder / f"{name}.png").convert("RGB"), dtype=float) for name in (one, other)]
    first, second = (image[15:140, :135] for image in images)  # left of the control panel
    return float(np.abs(first - second).mean()) < 1.0
