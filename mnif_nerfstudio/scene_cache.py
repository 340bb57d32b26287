"""Packs many instances into one folder of arrays, once: built aside, moved in whole, checked before every use.

A cache folder holds `images.npy` (uint8 `[views, height, width, 3]`), `foreground.npy` (uint32, pixel indices of all
views one after another), `cameras.safetensors` and `store.json`.
"""

import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
from nerfstudio.utils.rich_utils import CONSOLE
from numpy.typing import NDArray
from PIL import Image
from rich.progress import track
from safetensors.numpy import save_file

from mnif_core.errors import DataError
from mnif_nerfstudio.srn_dataparser import Instance, read_instance

FORMAT = 1
BACKGROUND = 250  # a pixel whose channels all reach this is background
THREADS = 4
AHEAD = 64  # pictures decoded before they are written: bounds memory


def default_cache() -> Path:
    """Folder of all caches: `$MNIF_CACHE`, or `~/.cache/mnif-nerfstudio`."""
    return Path(os.environ.get("MNIF_CACHE") or Path.home() / ".cache" / "mnif-nerfstudio")


def content_key(instances: Sequence[Path]) -> str:
    """Name for what the instances hold: every file's path, size and time of change. Reads no file."""
    digest = hashlib.sha256(f"{FORMAT} {BACKGROUND}".encode())
    for instance in instances:
        for folder in (instance, instance / "rgb", instance / "pose"):
            try:
                entries = sorted((e for e in os.scandir(folder) if e.is_file()), key=lambda e: e.name)
            except OSError:
                continue  # read_instance says what is missing
            digest.update(str(folder.resolve()).encode())
            for entry in entries:
                state = entry.stat()
                digest.update(f"{entry.name} {state.st_size} {state.st_mtime_ns}\n".encode())
    return digest.hexdigest()[:24]


def is_whole(folder: Path) -> bool:
    """Whether `folder` is a finished cache whose files have the sizes they were written with."""
    try:
        sizes = json.loads((folder / "store.json").read_text())["file_sizes"]
        return all((folder / name).stat().st_size == size for name, size in sizes.items())
    except (OSError, ValueError, KeyError, TypeError):
        return False


def cached(instances: Sequence[Path], cache: Path) -> Path:
    """Folder with the packed instances, made if it is not there or not whole.

    Raises:
        DataError: an instance is malformed, a picture damaged, sizes differ, or the cache cannot be written.
    """
    folder = cache / "scenes" / content_key(instances)
    if is_whole(folder):
        return folder
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        scratch = Path(tempfile.mkdtemp(prefix=".building-", dir=folder.parent))
    except OSError as error:
        raise DataError(f"{folder.parent}: cannot write here ({error.strerror}); set MNIF_CACHE to a folder") from error
    try:
        _build(instances, scratch)
        if folder.exists():  # stale or damaged
            shutil.rmtree(folder, ignore_errors=True)
        try:
            os.rename(scratch, folder)
        except OSError:
            if not is_whole(folder):  # else another process was faster
                raise
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    return folder


def _build(paths: Sequence[Path], folder: Path) -> None:
    instances = [read_instance(path) for path in track(paths, "Reading cameras", console=CONSOLE, transient=True)]
    first = instances[0]
    for path, instance in zip(paths, instances, strict=True):
        if (instance.width, instance.height) != (first.width, first.height):
            raise DataError(
                f"{path}: {instance.width} x {instance.height} pixels among scenes of {first.width} x {first.height}; "
                "bring all to one size"
            )
    counts = [len(instance.image_filenames) for instance in instances]
    views = sum(counts)
    images = np.lib.format.open_memmap(
        folder / "images.npy", mode="w+", dtype=np.uint8, shape=(views, first.height, first.width, 3)
    )
    files = [file for instance in instances for file in instance.image_filenames]
    foreground: list[NDArray[np.uint32]] = []
    for index, picture in enumerate(track(_decoded(files), "Packing views", total=views, console=CONSOLE)):
        images[index] = picture
        foreground.append(np.flatnonzero((picture < BACKGROUND).any(-1)).astype(np.uint32))
    images.flush()
    np.save(folder / "foreground.npy", np.concatenate(foreground))
    cameras = {
        "camera_to_worlds": np.concatenate([instance.camera_to_worlds for instance in instances]),
        "intrinsics": np.repeat(np.stack([_intrinsics(i) for i in instances]), counts, axis=0),
        "foreground_offsets": np.cumsum([0, *[len(pixels) for pixels in foreground]]).astype(np.int64),
        "views_per_scene": np.array(counts, dtype=np.int64),
    }
    save_file(cameras, folder / "cameras.safetensors")
    description: dict[str, Any] = {
        "format": FORMAT,
        "scene_names": [instance.name for instance in instances],
        "file_sizes": {file.name: file.stat().st_size for file in folder.iterdir()},
    }
    (folder / "store.json").write_text(json.dumps(description))


def _intrinsics(instance: Instance) -> NDArray[np.float32]:
    return np.array([instance.fx, instance.fy, instance.cx, instance.cy], dtype=np.float32)


def _decoded(files: Sequence[Path]) -> Iterator[NDArray[np.uint8]]:
    """Pictures in order, a bounded number decoded ahead by threads (decoding leaves the interpreter's lock)."""
    with ThreadPoolExecutor(THREADS) as pool:
        remaining = iter(files)
        pending = [pool.submit(decode, file) for file in islice(remaining, AHEAD)]
        while pending:
            yield pending.pop(0).result()
            pending += [pool.submit(decode, file) for file in islice(remaining, 1)]


def decode(path: Path) -> NDArray[np.uint8]:
    """Pixels `[height, width, 3]`, transparency laid over white.

    Raises:
        DataError: truncated or damaged.
    """
    try:
        with Image.open(path) as picture:
            if "A" in picture.getbands() or "transparency" in picture.info:
                over = picture.convert("RGBA")
                return np.asarray(Image.alpha_composite(Image.new("RGBA", over.size, "white"), over).convert("RGB"))
            return np.asarray(picture.convert("RGB"))
    except (OSError, SyntaxError, ValueError) as error:
        raise DataError(f"{path}: truncated or damaged picture; restore it, or remove the view and its pose") from error
