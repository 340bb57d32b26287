"""Packages that one road alone needs: an extra brings each, and where it is missing one line names the extra."""

import importlib
from pathlib import Path

from mnif_core.errors import DependencyError

EXTRAS = {
    "collada": ("pycollada", "collada"),
    "fast_simplification": ("fast-simplification", "faces"),
    "h5py": ("h5py", "hdf5"),
    "imageio_ffmpeg": ("imageio-ffmpeg", "films"),
    "matplotlib": ("matplotlib", "bases"),
    "onnx": ("onnx", "onnx"),
    "torch_fidelity": ("torch-fidelity", "inception"),
}
"""Of each module the package that has it, and the extra that brings it."""

FORMATS = {".dae": "collada", ".h5": "h5py", ".hdf5": "h5py", ".mp4": "imageio_ffmpeg", ".onnx": "onnx"}
"""Modules that files are read or written by, by their suffix in lower case."""


def require(module: str, path: Path) -> None:
    """Make sure that a module of `EXTRAS` is there, before the work starts that needs it.

    Args:
        module: what is going to be imported.
        path: file that is read or written by it, for the message.

    Raises:
        DependencyError: it is not installed, or does not import.
    """
    package, extra = EXTRAS[module]
    try:
        importlib.import_module(module)
    except ModuleNotFoundError as error:
        if error.name != module:
            raise _broken(package, path, error) from error
        raise DependencyError(f"{path}: needs the package {package}; pip install 'mnif-nerfstudio[{extra}]'") from error
    except ImportError as error:
        raise _broken(package, path, error) from error


def require_format(path: Path) -> None:
    """Make sure that what only files of this suffix need is there.

    Raises:
        DependencyError: it is not.
    """
    module = FORMATS.get(path.suffix.lower())
    if module is not None:
        require(module, path)


def _broken(package: str, path: Path, error: ImportError) -> DependencyError:
    reason = " ".join(str(error).split())
    return DependencyError(f"{path}: the package {package} does not import ({reason}); install it anew")
