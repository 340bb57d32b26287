"""Optional packages: one line names the extra of one that is missing; pyproject says what the code imports."""

import ast
import re
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

from mnif_core.cli import main
from mnif_core.commands.basis_picture import bases
from mnif_core.data.voxel_files import load_voxels
from mnif_core.errors import DependencyError
from mnif_core.evaluation.metrics.extractors import inception_extractor
from mnif_core.export.instance_files import export_instance
from mnif_core.extras import EXTRAS, FORMATS, require
from mnif_core.meshes.textured_mesh import read_textured_mesh
from tests.core.export.known_fields import random_field

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

ROOT = Path(__file__).parents[2]
CPU = torch.device("cpu")


def exported(path: Path, **options: int) -> None:
    export_instance(random_field("voxel"), torch.zeros(6), path, **options)  # type: ignore[arg-type]


ROADS: list[tuple[str, str, Callable[[Path], object]]] = [
    ("collada", "plate.dae", lambda path: read_textured_mesh(path, "y")),
    ("collada", "PLATE.DAE", lambda path: load_voxels(path.parent, 16)),
    ("collada", "z.dae", lambda path: load_voxels(path.parent, 16, skip_bad=True)),
    ("fast_simplification", "car.glb", lambda path: exported(path, faces=9)),
    ("h5py", "shapes.hdf5", lambda path: load_voxels(path, 16)),
    ("h5py", "shapes.h5", lambda path: load_voxels(path, 16)),
    ("imageio_ffmpeg", "car.mp4", exported),
    ("matplotlib", "bases.png", lambda path: bases(random_field("image"), path)),
    ("onnx", "car.onnx", exported),
    ("torch_fidelity", "weights.pth", lambda path: inception_extractor(path, CPU)),
]
"""Module that is hidden, file that needs it, and the road that takes the file."""


@pytest.mark.parametrize(("module", "file", "road"), ROADS)
def test_one_line_names_the_extra(
    module: str, file: str, road: Callable[[Path], object], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, module, None)
    (tmp_path / "a.stl").write_text("not a mesh, which would be said if it were read first")
    (tmp_path / file).write_text("")
    package, extra = EXTRAS[module]
    with pytest.raises(DependencyError) as raised:
        road(tmp_path / file)
    line = f"{tmp_path / file}: needs the package {package}; pip install 'mnif-nerfstudio[{extra}]'"
    assert str(raised.value) == line


def test_every_extra_has_a_road() -> None:
    assert {module for module, _, _ in ROADS} == set(EXTRAS) >= set(FORMATS.values())


def test_an_export_that_cannot_be_written_is_refused_before_the_run_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "onnx", None)
    assert main(["export", str(tmp_path / "no_run"), str(tmp_path / "car.onnx")]) == 1
    needed = "needs the package onnx; pip install 'mnif-nerfstudio[onnx]'"
    assert capsys.readouterr().err == f"mnif: {tmp_path / 'car.onnx'}: {needed}\n"


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        ("raise ImportError('libusual.so:\\n no such file')", "libusual.so: no such file"),
        ("import not_there_either", "No module named 'not_there_either'"),
    ],
)
def test_a_package_that_is_there_but_broken_is_told_apart(
    source: str, reason: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "broken_one.py").write_text(source)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setitem(EXTRAS, "broken_one", ("broken-one", "onnx"))
    with pytest.raises(DependencyError) as raised:
        require("broken_one", Path("car.onnx"))
    assert str(raised.value) == f"car.onnx: the package broken-one does not import ({reason}); install it anew"


PROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
OPTIONAL: dict[str, list[str]] = PROJECT["optional-dependencies"]
OURS = {"mnif_core", "mnif_nerfstudio", "tests"}
UNLIKE = {
    "IPython": "ipython",
    "PIL": "pillow",
    "yaml": "pyyaml",
    "skimage": "scikit-image",
    "sklearn": "scikit-learn",
}  # packages not named as their modules
UNLIKE |= {module: package for module, (package, _) in EXTRAS.items()}
NOT_FROM_THE_INDEX = {"tinycudann", "triton"}  # built by hand; comes with torch where it is of use
UNSEEN = {"tensorboard"}  # which torch.utils.tensorboard imports
NERFSTUDIOS = {"open3d"}  # which nerfstudio's own exporter is asked for


def packages(requirements: list[str]) -> set[str]:
    """Names, without versions."""
    return {re.split(r"[<>=!~;\s]", requirement, maxsplit=1)[0] for requirement in requirements}


def imports(tree: ast.AST, always: bool = True) -> Iterator[tuple[str, bool]]:
    """Modules from elsewhere, and whether they are imported with the file: not in functions, not for types alone."""
    for node in ast.iter_child_nodes(tree):
        named: list[str] = []
        if isinstance(node, ast.Import):
            named = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            named = [str(node.module)]
        for name in (name.partition(".")[0] for name in named):
            if name not in OURS | NOT_FROM_THE_INDEX | sys.stdlib_module_names:
                yield UNLIKE.get(name, name.replace("_", "-")), always
        lazy = isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        typing = isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"
        yield from imports(node, always and not lazy and not typing)


def imported(*folders: str) -> set[tuple[str, bool]]:
    files = [file for folder in folders for file in (ROOT / folder).rglob("*.py")]
    return {found for file in files for found in imports(ast.parse(file.read_text()))}


HARD = packages(PROJECT["dependencies"])


def test_hard_dependencies_are_what_code_imports_wherever_it_goes() -> None:
    found = imported("mnif_core", "mnif_nerfstudio")
    optional = {package for package, _ in EXTRAS.values()}
    assert {package for package, always in found if always} <= HARD
    assert {package for package, _ in found} <= HARD | optional
    assert {package for package, _ in found} >= HARD - UNSEEN
    assert not HARD & optional


def test_each_extra_brings_its_package_and_all_brings_every_one() -> None:
    for package, extra in EXTRAS.values():
        assert packages(OPTIONAL[extra]) == {package}
    extras = {extra for _, extra in EXTRAS.values()}
    assert set(OPTIONAL) == extras | {"all", "test"}
    assert OPTIONAL["all"] == [f"mnif-nerfstudio[{','.join(sorted(extras))}]"]


def test_what_tests_import_is_installed_with_them() -> None:
    assert "mnif-nerfstudio[all]" in OPTIONAL["test"]
    there = HARD | packages([requirement for extra in OPTIONAL.values() for requirement in extra])
    assert {package for package, _ in imported("tests")} <= there | NERFSTUDIOS
