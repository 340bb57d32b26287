"""Imports point one way: plugin to core, and in the core from commands down to errors; never in a circle."""

import ast
from collections.abc import Iterator
from graphlib import TopologicalSorter
from pathlib import Path

import mnif_core

LAYERS = (
    {"cli"},
    {"commands"},
    {"evaluation"},
    {"viewing", "training"},
    {"export"},
    {"unseen"},
    {"sheets", "official", "fitting"},
    {"generative_field"},
    {"presets", "field_folder"},
    {"data"},
    {"signals"},
    {"latents"},
    {"prior"},
    {"rendering", "networks", "meshes"},
    {"files"},
    {"extras", "seeds", "spread", "_waiting"},
    {"errors"},
)
"""Rooms and files at the top of the core; each imports from layers below its own alone."""

CORE = Path(mnif_core.__file__).parent
HEIGHT = {room: -number for number, layer in enumerate(LAYERS) for room in layer}


def imports(file: Path) -> Iterator[str]:
    """Dotted names of our own that `file` imports, wherever in it; names out of a package are files of it."""
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.ImportFrom) and node.module and node.module.startswith("mnif_"):
            for name in node.names:
                inner = CORE.parent / Path(*node.module.split("."), f"{name.name}.py")
                yield f"{node.module}.{name.name}" if inner.exists() else node.module
        elif isinstance(node, ast.Import):
            yield from (name.name for name in node.names if name.name.startswith("mnif_"))


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
