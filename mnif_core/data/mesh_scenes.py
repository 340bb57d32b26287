"""A folder of meshes becomes a data set of scenes in SRN layout, by several processes, and goes on where it stopped."""

import multiprocessing
import os
import zlib
from collections import Counter
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from rich.progress import track

from mnif_core.data.srn_writer import HIGHEST, sample_poses, write_instance
from mnif_core.data.voxel_files import MESHES
from mnif_core.errors import ConfigError, DataError, MnifError, OutputError
from mnif_core.files.atomic import whole_folder, write_json
from mnif_core.files.notes import collected_notes
from mnif_core.files.stored_config import parse_json
from mnif_core.meshes.parts import Up
from mnif_core.meshes.textured_mesh import read_textured_mesh

OTHER = {".fbx", ".blend", ".usd", ".usda", ".usdc", ".usdz", ".3ds", ".abc", ".x3d", ".wrl", ".step", ".stp", ".iges"}
"""Meshes in formats that are not read, which are skipped with a word."""
LOWEST = {"hemisphere": 0.0, "sphere": -HIGHEST}


@dataclass(frozen=True)
class RenderSettings:
    """What the pictures of a set follow from.

    Raises:
        ConfigError: a number out of range.
    """

    views: int = 24
    """Pictures of each mesh."""
    size: int = 128
    """Height and width of the pictures in pixels."""
    up: Up = "y"
    """Axis of the files that points up: y in most formats, z in printing and CAD."""
    cameras: Literal["hemisphere", "sphere"] = "hemisphere"
    """Where the views are spread: from the horizon to 80 degrees above it, or as far below as well."""
    seed: int = 0
    """Of the cameras; each mesh's follow from it and the mesh's name."""
    test_share: float = 0.0
    """Share of the meshes that go to the test split; a mesh's name alone decides."""

    def __post_init__(self) -> None:
        if self.views < 1 or self.size < 1 or self.seed < 0 or not 0.0 <= self.test_share < 1.0:
            raise ConfigError(
                f"views {self.views}, size {self.size}, seed {self.seed}, test share {self.test_share:g}: choose at "
                "least 1 view of 1 pixel, a seed of 0 or more, and a share below 1"
            )


@dataclass(frozen=True)
class RenderedMeshes:
    """What became of a folder of meshes."""

    rendered: int
    """Instances made now."""
    present: int
    """Instances that an earlier call had finished."""
    bad: list[str]
    """One line for each mesh that was skipped."""
    notes: list[str]
    """One line for each mesh rendered now that is not drawn as its file says."""


def render_meshes(
    meshes: Path, output: Path, settings: RenderSettings | None = None, workers: int | None = None
) -> RenderedMeshes:
    """Render every mesh below `meshes` into `output`, in SRN layout, as `<folder's name>_train` and `_test`.

    An instance appears when it is whole. A call that was stopped is repeated to go on; bad meshes are skipped.

    Args:
        meshes: searched with all below it.
        output: a new folder, or one that a call with the same settings has begun.
        settings: of the pictures. None: the defaults.
        workers: processes. None: one a core.

    Raises:
        ConfigError: `output` was begun with other settings.
        DataError: no mesh there, none readable, or a process died.
        OutputError: `output` cannot be written to.
    """
    settings = settings or RenderSettings()
    folders = _instance_folders(meshes, output, settings)
    _require_same_settings(output, settings)
    left = {mesh: folder for mesh, folder in folders.items() if not folder.exists()}
    bad: list[str] = []
    notes: list[str] = []
    strange = [f"{path}: {path.suffix} is not read; export it as .glb" for path in _files(meshes, OTHER)]
    with ProcessPoolExecutor(workers or os.cpu_count(), multiprocessing.get_context("spawn")) as pool:
        tasks = [pool.submit(_render, mesh, folder, settings) for mesh, folder in left.items()]
        try:
            for task in track(as_completed(tasks), "Rendering meshes", total=len(tasks)):
                problem, said = task.result()
                bad += [] if problem is None else [problem]
                notes += said
        except BrokenProcessPool as error:
            raise DataError(
                f"{meshes}: a process died, of too little memory or of a mesh that its reader cannot bear; "
                "run again to go on, with --workers 1 to see how far it comes"
            ) from error
        finally:
            pool.shutdown(cancel_futures=True)
    if len(bad) == len(folders):
        raise DataError(f"{meshes}: none of its {len(bad)} meshes could be rendered; the first: {bad[0]}")
    return RenderedMeshes(len(left) - len(bad), len(folders) - len(left), sorted(bad + strange), sorted(notes))


def _render(mesh: Path, folder: Path, settings: RenderSettings) -> tuple[str | None, list[str]]:
    """Render one mesh; what is wrong with it, if anything, and what is to be said of it.

    Raises:
        OutputError: the place cannot be written to.
    """
    rng = np.random.default_rng([settings.seed, zlib.crc32(folder.name.encode())])
    try:
        with collected_notes() as notes:
            read = read_textured_mesh(mesh, settings.up)
        poses = sample_poses(rng, settings.views, LOWEST[settings.cameras])
        with whole_folder(folder) as scratch:
            write_instance(scratch, read, poses, settings.size)
    except OutputError:
        raise
    except MnifError as error:
        return str(error), []
    return None, notes


def _instance_folders(meshes: Path, output: Path, settings: RenderSettings) -> dict[Path, Path]:
    """Each mesh's instance folder, named after the mesh's path.

    Raises:
        DataError: no mesh there.
    """
    files = _files(meshes, MESHES)
    if not files:
        raise DataError(f"{meshes}: no meshes here; put {', '.join(sorted(MESHES))} files into it")
    names = ["_".join(file.relative_to(meshes).with_suffix("").parts) for file in files]
    shared = {name for name, count in Counter(names).items() if count > 1}
    folders = {}
    for file, name in zip(files, names, strict=True):
        name += f"_{file.suffix[1:]}" if name in shared else ""
        draw = zlib.crc32(f"split {name}".encode()) / 2**32
        split = "test" if draw < settings.test_share else "train"
        folders[file] = output / f"{meshes.resolve().name}_{split}" / name
    return folders


def _files(folder: Path, suffixes: set[str]) -> list[Path]:
    """All below a folder that end in one of `suffixes`, in any case."""
    return sorted(path for path in folder.rglob("*") if path.suffix.lower() in suffixes and path.is_file())


def _require_same_settings(output: Path, settings: RenderSettings) -> None:
    """Write the settings into a new set; compare them with those of one that was begun."""
    manifest = output / "render.json"
    wanted = asdict(settings)
    if not manifest.exists():
        write_json(manifest, wanted)
        return
    try:
        begun = parse_json(manifest.read_text())
    except (OSError, ValueError):
        begun = None
    if begun != wanted:
        raise ConfigError(f"{manifest}: of other settings than these; repeat its own, or choose another folder")
