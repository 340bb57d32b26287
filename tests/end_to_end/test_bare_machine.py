"""What the main roads load: nothing of open3d, and no shared library that neither wheels nor every system bring."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.end_to_end.conftest import ROOT

HIDE_OPEN3D = """
import importlib.abc, sys
from pathlib import Path

class Hidden(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] == "open3d":
            raise ImportError("open3d is hidden")

sys.meta_path.insert(0, Hidden())
"""

COMMANDS = """
import nerfstudio.scripts.eval, nerfstudio.scripts.render, nerfstudio.scripts.train
import nerfstudio.scripts.viewer.run_viewer
import mnif_nerfstudio.methods, mnif_nerfstudio.report
"""

ROADS = """
folder = Path(sys.argv[1])

import torch
import trimesh
from mnif_core.cli import main
from mnif_core.data.demo.car_scenes import make_demo_cars
from mnif_core.data.mesh_scenes import RenderSettings, render_meshes
from mnif_core.data.voxel_files import load_voxels

if __name__ == "__main__":
    (folder / "meshes").mkdir()
    for name in ("a", "b", "c", "d"):
        trimesh.creation.icosphere(2).export(folder / "meshes" / f"{name}.ply")
    assert render_meshes(folder / "meshes", folder / "set", RenderSettings(views=2, size=16), 1).rendered == 4
    make_demo_cars(folder / "cars", cars=2, views=2, size=16)
    assert len(load_voxels(folder / "meshes", 16).names) == 4
    run = str(folder / "run")
    train = ["voxel", "--data", str(folder / "meshes"), "--output-dir", run, "--resolution", "16", "--device", "cpu"]
    assert main([*train, "--fit-length", "2", "--prior-length", "2"]) == 0
    assert main(["sample", run, "--count", "1", "--resolution", "8", "--device", "cpu"]) == 0
    assert main(["evaluate", run, "--data", str(folder / "meshes"), "--samples", "4", "--device", "cpu"]) == 0
    assert "open3d" not in sys.modules
    print("libraries", *sorted({line.split()[-1] for line in open("/proc/self/maps") if ".so" in line}), sep="\\n")
"""

EVERY_SYSTEM = {"ld-linux-x86-64", "ld-linux-aarch64", "libc", "libm", "libdl", "librt", "libpthread", "libutil"}
EVERY_SYSTEM |= {"libgcc_s", "libstdc++", "libz", "libcrypt", "libnsl", "libresolv", "libanl", "libmvec"}
PYTHONS_OWN = {"libffi", "libssl", "libcrypto", "liblzma", "libbz2", "libsqlite3", "libuuid", "libexpat", "libreadline"}
PYTHONS_OWN |= {"libncursesw", "libtinfo", "libtirpc", "libgdbm", "libpanelw", "libpython"}
LOADED_WHERE_THERE = {"libfribidi"}  # Pillow sets text by it


def run(script: Path, source: str) -> str:
    """What a program prints in which open3d cannot be imported."""
    script.write_text(HIDE_OPEN3D + source)
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "CUDA_VISIBLE_DEVICES": ""}
    command = [sys.executable, str(script), str(script.parent)]
    finished = subprocess.run(command, capture_output=True, text=True, env=environment)
    assert finished.returncode == 0, finished.stderr[-3000:]
    return finished.stdout


def test_nerfstudios_commands_with_this_method_do_not_import_open3d(tmp_path: Path) -> None:
    run(tmp_path / "commands.py", COMMANDS)


@pytest.mark.skipif(not Path("/proc/self/maps").exists(), reason="libraries are listed in /proc/self/maps, of Linux")
def test_main_roads_need_only_what_wheels_and_every_system_bring(tmp_path: Path) -> None:
    libraries = run(tmp_path / "roads.py", ROADS).partition("libraries\n")[2].split()
    assert any("embree" in library for library in libraries)
    own = (sys.prefix, sys.base_prefix, str(tmp_path))
    foreign = {library for library in libraries if not library.startswith(own)}
    names = {re.split(r"\.so|-?\d\.\d", Path(library).name)[0] for library in foreign}
    assert not names - EVERY_SYSTEM - PYTHONS_OWN - LOADED_WHERE_THERE, sorted(foreign)
