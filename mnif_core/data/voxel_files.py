"""Shapes from disk: IM-NET's hdf5, the authors' `.pth`, grids, meshes. All checked."""

import os
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import repeat
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from rich.progress import track

from mnif_core.data.array_files import array_names, read_array
from mnif_core.data.folder_files import read_folder
from mnif_core.data.surface_points import POINTS, near_surface_cells, points_of_each
from mnif_core.data.voxelise import FILL, Fill, voxelise
from mnif_core.errors import DataError, MnifError
from mnif_core.extras import require_format
from mnif_core.files.notes import tell
from mnif_core.meshes.mesh_files import read_surface
from mnif_core.signals.shading import values_of
from mnif_core.signals.voxels import VoxelObservations, VoxelSignal

MESHES = {".obj", ".ply", ".stl", ".glb", ".gltf", ".off", ".3mf", ".dae"}
GRIDS = {".binvox", ".npz", ".npy"}
IM_NET_RESOLUTION = 256  # cells along a side
DEMO_CARS = 160  # instances
UNPACKED = 1100  # bytes that one packed by hdf5 may become: a little more than the best that its packing does


def load_voxels(data: Any, resolution: int, skip_bad: bool = False, fill: Fill = FILL) -> VoxelObservations:
    """Shapes of `data`, each known at 16,384 points near its surface.

    Args:
        data: an IM-NET `.hdf5` file (`points_64`, `values_64`), the authors' `data_points_int_{split}.pth` (with
            `data_values_{split}.pth` beside it), an `.npz` or `.npy` file of boolean grids `[n, r, r, r]` (`voxels`;
            or packed, `bits` `[n, e^3 / 8]`), a folder of grids (`.binvox`, `.npz`, `.npy`) and meshes, or None for
            demo cars.
        resolution: of grids made from meshes. Grids keep their own.
        skip_bad: leave unreadable files of a folder out, and say how many, instead of stopping at the first.
        fill: what open meshes become.

    Raises:
        DataError: nothing there, or something of another shape, type or range.
        DependencyError: the package that reads its format is not installed.
    """
    if data is None:
        return _demo_cars(resolution)
    path = Path(data)
    if not path.exists():
        raise DataError(f"{path}: no such file or folder; pass meshes, grids, IM-NET's hdf5 or the authors' .pth")
    if path.is_dir():
        return _from_folder(path, resolution, skip_bad, fill)
    readers: dict[str, Callable[[Path], VoxelObservations]] = {
        ".hdf5": _from_hdf5,
        ".h5": _from_hdf5,
        ".pth": _from_pth,
        ".npz": _from_array,
        ".npy": _from_array,
    }
    if path.suffix not in readers:
        raise DataError(f"{path}: cannot read '{path.suffix}' as a set of shapes; pass a folder, {', '.join(readers)}")
    require_format(path)
    return readers[path.suffix](path)


def from_grids(grids: Sequence[NDArray[np.bool_]], names: Sequence[str], fill: Fill = FILL) -> VoxelObservations:
    """Observations of whole grids, all of one resolution."""
    signal = VoxelSignal(len(grids[0]), fill)
    count = points_of_each(len(grids), signal.resolution)
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        drawn = pool.map(near_surface_cells, grids, range(len(grids)), repeat(count))
        cells, inside = zip(*track(drawn, "Sampling near surfaces", total=len(grids)), strict=True)
    bits = np.stack([np.packbits(grid) for grid in grids])
    points = torch.from_numpy(np.stack(cells))
    values = torch.from_numpy(values_of(np.stack(inside)))
    return VoxelObservations(points, values, signal.resolution, names, signal, torch.from_numpy(bits))


def _demo_cars(resolution: int) -> VoxelObservations:
    import trimesh

    from mnif_core.data.demo.car_shapes import car_mesh, sample_paint, sample_shape

    def solid(car: int) -> NDArray[np.bool_]:
        rng = np.random.default_rng([0, car])
        mesh = car_mesh(sample_shape(rng), sample_paint(rng))
        return voxelise(trimesh.Trimesh(mesh.vertices, mesh.triangles, process=False), resolution, f"car_{car:04d}")

    names = [f"car_{car:04d}" for car in range(DEMO_CARS)]
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        grids = list(track(pool.map(solid, range(DEMO_CARS)), "Making solid demo cars", total=DEMO_CARS))
    return from_grids(grids, names)


def _from_folder(folder: Path, resolution: int, skip_bad: bool, fill: Fill) -> VoxelObservations:
    grids, names = read_folder(
        folder, MESHES | GRIDS, lambda file: _read_shape(file, resolution, fill), "shapes", skip_bad
    )
    usual, _ = Counter(len(grid) for grid in grids).most_common(1)[0]
    odd = [name for name, grid in zip(names, grids, strict=True) if len(grid) != usual]
    if odd and not skip_bad:
        side = len(grids[names.index(odd[0])])
        raise DataError(
            f"{folder / odd[0]}: grid of {side} cells a side among {usual}; use one resolution, or pass --skip-bad"
        )
    if odd:
        tell(f"{folder}: {len(odd)} of {len(grids)} shapes are unreadable beside grids of {usual} cells a side")
    kept = [(grid, name) for grid, name in zip(grids, names, strict=True) if len(grid) == usual]
    return from_grids([grid for grid, _ in kept], [name for _, name in kept], fill)


def _read_shape(file: Path, resolution: int, fill: Fill) -> NDArray[np.bool_]:
    import trimesh

    suffix = file.suffix.lower()
    if suffix in (".npz", ".npy"):
        return _checked_grids(file, read_array(file, "voxels")[None])[0]
    if suffix == ".binvox":
        return _checked_grids(file, _read_binvox(file)[None])[0]
    mesh = trimesh.Trimesh(*read_surface(file), process=False)
    mesh.merge_vertices()
    return voxelise(mesh, resolution, str(file), fill)


def _read_binvox(file: Path) -> NDArray[Any]:
    import trimesh

    try:
        _require_sane_binvox(file)
        with file.open("rb") as stream:
            return np.asarray(trimesh.exchange.binvox.load_binvox(stream).matrix)
    except MnifError:
        raise
    except Exception as error:  # trimesh's reader raises whatever damaged headers lead it to
        raise DataError(
            f"{file}: not a readable shape ({' '.join(str(error).split())}); repair or remove it"
        ) from error


def _require_sane_binvox(file: Path) -> None:
    """Refuse a header whose grid would not be read anyway, before anything is allocated for it."""
    with file.open("rb") as stream:
        lines = stream.read(1 << 12).split(b"data", 1)[0].splitlines()
    sides = [int(side) for line in lines if line.startswith(b"dim") for side in line.split()[1:]]
    if len(sides) != 3 or not all(2 <= side <= IM_NET_RESOLUTION for side in sides):
        raise DataError(f"{file}: dim {sides} are not three sides of 2 to {IM_NET_RESOLUTION} cells; save a cubic grid")


def _from_array(path: Path) -> VoxelObservations:
    array = read_array(path, "voxels" if "voxels" in array_names(path) else "bits")
    if array.ndim == 2 and array.dtype == np.uint8:
        resolution = round((array.shape[1] * 8) ** (1 / 3))
        if resolution**3 != array.shape[1] * 8:
            raise DataError(f"{path}: {array.shape[1]} bytes a shape are no packed cube; pack r * r * r cells")
        array = np.unpackbits(array, axis=1).reshape(-1, resolution, resolution, resolution)
    grids = _checked_grids(path, array)
    return from_grids(list(grids), [f"{path.stem}_{i:06d}" for i in range(len(grids))])


def _checked_grids(path: Path, array: NDArray[Any]) -> NDArray[np.bool_]:
    if array.ndim != 4 or len(set(array.shape[1:])) != 1 or not 2 <= array.shape[1] <= IM_NET_RESOLUTION:
        raise DataError(f"{path}: shape {array.shape} is not [n, r, r, r] with r up to 256; save cubic grids")
    if array.dtype != bool:
        _require_binary(path, array)
    return array.astype(bool)


def _require_binary(path: Path, values: NDArray[Any]) -> None:
    if not np.isin(np.unique(values), (0, 1)).all():
        raise DataError(f"{path}: values outside {{0, 1}}; save occupancy, 0 outside and 1 inside")


def _from_hdf5(path: Path) -> VoxelObservations:
    import h5py

    try:
        with h5py.File(path, "r") as file:
            missing = {"points_64", "values_64"} - set(file)
            if missing:
                raise DataError(f"{path}: no {' and '.join(sorted(missing))}; pass IM-NET's all_vox256_img_*.hdf5")
            found = [file[name] for name in ("points_64", "values_64")]
            claimed, size = sum(each.nbytes for each in found), path.stat().st_size
            if claimed > UNPACKED * size:
                raise DataError(f"{path}: claims {claimed} bytes in a file of {size}; fetch it anew")
            points, values = (each[:] for each in found)
    except DataError:
        raise
    except Exception as error:  # hdf5's library raises errors of every kind
        raise DataError(f"{path}: not a whole hdf5 file ({' '.join(str(error).split())}); fetch it anew") from error
    return _im_net(path, points, values)


def _from_pth(path: Path) -> VoxelObservations:
    beside = path.with_name(path.name.replace("data_points_int_", "data_values_"))
    if "data_points_int_" not in path.name or not beside.exists():
        raise DataError(f"{path}: pass data_points_int_<split>.pth with data_values_<split>.pth beside it")
    arrays = []
    for file in (path, beside):
        try:
            loaded = torch.load(file, map_location="cpu", weights_only=True)
        except Exception as error:  # torch raises pickle, zip and runtime errors alike
            raise DataError(f"{file}: not a file of plain tensors; save it again with torch.save") from error
        if not isinstance(loaded, (torch.Tensor, np.ndarray)):
            raise DataError(f"{file}: holds a {type(loaded).__name__}, not a tensor; save the points alone")
        arrays.append(np.asarray(loaded))
    return _im_net(path, *arrays)


def _im_net(path: Path, points: NDArray[Any], values: NDArray[Any]) -> VoxelObservations:
    """Checked observations of IM-NET's arrays: points in a 256^3 grid, their occupancy."""
    count = len(points)
    for name, array, shape in (("points", points, (count, POINTS, 3)), ("values", values, (count, POINTS, 1))):
        if array.shape != shape or array.dtype != np.uint8:
            raise DataError(f"{path}: {name} are {array.dtype} {array.shape}, not uint8 [n, {POINTS}, {shape[2]}]")
    if count < 2:
        raise DataError(f"{path}: holds {count} shapes; pass a set with at least two")
    _require_binary(path, values)
    names = [f"{path.stem}_{i:06d}" for i in range(count)]
    sides = torch.from_numpy(values_of(values[..., 0].astype(bool)))
    return VoxelObservations(torch.from_numpy(points), sides, IM_NET_RESOLUTION, names, VoxelSignal(64))
