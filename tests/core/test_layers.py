"""Imports point one way: plugin to core, and in the core from commands down to errors; never in a circle."""

import runpy
from collections.abc import Callable, Iterator
from graphlib import TopologicalSorter
from pathlib import Path

import mnif_core

LAYERS = (
    {"cli"},
    {"commands"},
    {"evaluation"},
    {"notebook"},
    {"viewing", "training"},
    {"export"},
    {"unseen"},
    {"sheets", "official", "fitting", "field_facts"},
    {"generative_field"},
    {"presets", "field_folder", "saved_run"},
    {"preset_config"},
    {"data"},
    {"signals"},
    {"latents"},
    {"prior"},
    {"rendering", "networks", "meshes"},
    {"files"},
    {"extras", "freed_memory", "seeds", "spread", "open_page", "_waiting"},
    {"errors"},
)
"""Rooms and files at the top of the core; each imports from layers below its own alone."""

CORE = Path(mnif_core.__file__).parent
imports: Callable[[Path], Iterator[str]] = runpy.run_path(str(CORE.parent / ".github/draw_rooms.py"))["imports"]
HEIGHT = {room: -number for number, layer in enumerate(LAYERS) for room in layer}


def test_every_arrow_points_down() -> None:
    upward = []
    for file in CORE.rglob("*.py"):
        room = file.relative_to(CORE).with_suffix("").parts[0]
        if room == "__init__":
            continue
        for name in imports(file):
            package, _, inside = name.partition(".")
            target = inside.partition(".")[0]
            if package != "mnif_core" or (target and target != room and HEIGHT[target] >= HEIGHT[room]):
                upward.append(f"{file.relative_to(CORE.parent)} imports {name}")
    assert not upward, "\n".join(upward)


def test_no_file_is_in_a_circle() -> None:
    arrows = {}
    for file in [*CORE.rglob("*.py"), *(CORE.parent / "mnif_nerfstudio").rglob("*.py")]:
        if file.name != "__init__.py":
            arrows[".".join(file.relative_to(CORE.parent).with_suffix("").parts)] = set(imports(file))
    list(TopologicalSorter(arrows).static_order())  # raises CycleError, which names the files
