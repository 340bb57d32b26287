"""Packs many instances into one folder of arrays, once: built aside, moved in whole, checked before every use.

A cache folder holds `images.npy` (uint8 `[views, height, width, 3]`), `foreground.npy` (uint32, pixel indices of all
views one after another), `cameras.safetensors` and `store.json`, which says what the others are, the colour of a plain
background, and the box that holds all objects before it.
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
from typing import Any, BinaryIO

import numpy as np
from filelock import FileLock
from nerfstudio.utils.rich_utils import CONSOLE
from numpy.typing import NDArray
from rich.progress import track
from safetensors.numpy import save_file

from mnif_core.data.instances import Instance, check_alike, named_files, read_instance
from mnif_core.data.silhouettes import TOLERANCE, WHITE, border, differs, plain_colour
from mnif_core.data.visual_hull import hull_box
from mnif_core.errors import DataError
from mnif_core.files.notes import collected_notes, say_some
from mnif_core.files.picture_files import one_size
from mnif_core.files.stored_config import parse_json
from mnif_core.rendering.cameras import CameraReading
from mnif_core.spread import spread_indices
from mnif_nerfstudio.packed_silhouettes import PackedSilhouettes

FORMAT = 5  # version of the files; others are packed anew
HEAD = 128  # bytes of an array file before its values
JUDGED = 64  # views whose borders tell whether the background is plain
THREADS = 4  # that decode pictures
AHEAD = 64  # pictures decoded before they are written: bounds memory


def content_key(instances: Sequence[Path], reading: CameraReading) -> str:
    """Name for what the instances hold and how it is read: every file's path, size and time of change.

    Reads no file but those of transforms, which name others.

    Raises:
        DataError: as `named_files`.
    """
    digest = hashlib.sha256(f"{FORMAT} {TOLERANCE} {reading}".encode())
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
        for file in named_files(instance):
            state = file.stat()
            digest.update(f"{file.resolve()} {state.st_size} {state.st_mtime_ns}\n".encode())
    return digest.hexdigest()[:24]


def is_whole(folder: Path) -> bool:
    """Whether `folder` is a finished cache: files as large as they were written, all but pixels of the same content."""
    try:
        description = parse_json((folder / "store.json").read_bytes())
        return bool(description.pop("digest") == _digest(folder, description))
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return False


def _digest(folder: Path, description: dict[str, Any]) -> str:
    """Of what `store.json` says, of the cameras, and of sizes and heads of the arrays, whose pixels are too many."""
    digest = hashlib.sha256(json.dumps(description).encode())
    digest.update((folder / "cameras.safetensors").read_bytes())
    for name in ("images.npy", "foreground.npy"):
        with (folder / name).open("rb") as file:
            digest.update(f"{name} {os.fstat(file.fileno()).st_size}".encode() + file.read(HEAD))
    return digest.hexdigest()


def cached(instances: Sequence[Path], cache: Path, reading: CameraReading) -> Path:
    """Folder with the packed instances, made if it is not there or not whole. One process packs, others wait for it.

    Raises:
        DataError: an instance is malformed, a picture damaged, sizes differ, or the cache cannot be written.
    """
    folder = cache / "scenes" / content_key(instances, reading)
    if is_whole(folder):
        return folder
    scratch = folder.with_name(".building")
    try:
        scratch.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(folder.with_name(".lock")):
            if is_whole(folder):  # another process was faster
                return folder
            for leftover in (scratch, folder):  # of a killed process, or damaged since
                shutil.rmtree(leftover, ignore_errors=True)
            try:
                scratch.mkdir()
                _build(instances, scratch, reading)
                os.rename(scratch, folder)
            finally:
                shutil.rmtree(scratch, ignore_errors=True)
    except OSError as error:
        raise DataError(
            f"{folder.parent}: cannot write here ({error.strerror or error}); make room, or set MNIF_CACHE to a folder"
        ) from error
    return folder


def _build(paths: Sequence[Path], folder: Path, reading: CameraReading) -> None:
    reported = track(paths, "Reading cameras", console=CONSOLE, transient=True)
    with collected_notes() as notes:
        instances = [read_instance(path, reading) for path in reported]
    say_some(notes, f"notes on {len(paths)} scenes")
    check_alike(instances, paths)
    width, height = one_size(paths, [(instance.width, instance.height) for instance in instances], "scenes")
    counts = [len(instance.image_filenames) for instance in instances]
    files = [file for instance in instances for file in instance.image_filenames]
    background = _pack(instances, height, width, folder)
    cameras = {
        "camera_to_worlds": np.concatenate([instance.camera_to_worlds for instance in instances]),
        "intrinsics": np.concatenate([instance.intrinsics for instance in instances]),
        "foreground_offsets": _pack_foreground(WHITE if background is None else background, folder),
        "views_per_scene": np.array(counts, dtype=np.int64),
    }
    save_file(cameras, folder / "cameras.safetensors")
    description: dict[str, Any] = {
        "scene_names": [instance.name for instance in instances],
        "image_filenames": ["/".join(file.parts[-3:]) for file in files],
        "background": None if background is None else background.tolist(),
        "box": None if background is None else _box(cameras, folder, height, width),
    }
    description["digest"] = _digest(folder, description)
    (folder / "store.json").write_text(json.dumps(description))


def _box(
    cameras: dict[str, NDArray[Any]], folder: Path, height: int, width: int
) -> tuple[tuple[float, ...], tuple[float, ...]] | None:
    """What holds all objects, by their silhouettes."""
    foreground = np.load(folder / "foreground.npy", mmap_mode="r", allow_pickle=False)
    scenes = PackedSilhouettes(cameras, foreground, height, width)
    return hull_box(scenes, track(range(len(scenes)), "Finding the space of all scenes", console=CONSOLE))


def _pack(instances: Sequence[Instance], height: int, width: int, folder: Path) -> NDArray[np.uint8] | None:
    """Write all pictures, view by view; returns the colour `[3]` of their plain background, if they have one.

    Plain writes, since a memory map of a full disk kills the process.
    """
    views = [(instance, view) for instance in instances for view in range(len(instance.image_filenames))]
    judged, borders = set(spread_indices(len(views), JUDGED).tolist()), []
    with (folder / "images.npy").open("wb") as images:
        _write_header(images, np.dtype(np.uint8), (len(views), height, width, 3))
        pictures = track(_decoded(views), "Packing views", total=len(views), console=CONSOLE)
        for number, ((instance, view), picture) in enumerate(zip(views, pictures, strict=True)):
            if picture.shape != (height, width, 3):
                raise DataError(
                    f"{instance.image_filenames[view]}: has changed while it was read; run the command again"
                )
            images.write(picture.tobytes())
            if number in judged:
                borders.append(border(picture))
    return plain_colour(np.concatenate(borders))


def _pack_foreground(background: NDArray[np.uint8], folder: Path) -> NDArray[np.int64]:
    """Write the pixels of all pictures that are not background; returns where each view's start, and the end."""
    ends = [0]
    with tempfile.TemporaryFile(dir=folder) as unnumbered:
        for picture in np.load(folder / "images.npy", mmap_mode="r", allow_pickle=False):
            pixels = np.flatnonzero(differs(picture, background))
            unnumbered.write(pixels.astype(np.uint32).tobytes())
            ends.append(ends[-1] + len(pixels))
        unnumbered.seek(0)
        with (folder / "foreground.npy").open("wb") as foreground:  # its header needs the number of pixels
            _write_header(foreground, np.dtype(np.uint32), (ends[-1],))
            shutil.copyfileobj(unnumbered, foreground, 1 << 24)
    return np.array(ends, dtype=np.int64)


def _write_header(file: BinaryIO, dtype: np.dtype[Any], shape: tuple[int, ...]) -> None:
    header = {"descr": np.lib.format.dtype_to_descr(dtype), "fortran_order": False, "shape": shape}
    np.lib.format.write_array_header_1_0(file, header)


def _decoded(views: Sequence[tuple[Instance, int]]) -> Iterator[NDArray[np.uint8]]:
    """Pictures in order, a bounded number decoded ahead by threads (decoding leaves the interpreter's lock)."""
    with ThreadPoolExecutor(THREADS) as pool:
        remaining = iter(views)
        pending = [pool.submit(instance.decode, view) for instance, view in islice(remaining, AHEAD)]
        while pending:
            yield pending.pop(0).result()
            pending += [pool.submit(instance.decode, view) for instance, view in islice(remaining, 1)]
