"""Draws `.github/rooms.svg` from the imports of the packages: one box a room, each above all that it imports.

python .github/draw_rooms.py
"""

import ast
from collections.abc import Iterator
from graphlib import TopologicalSorter
from pathlib import Path

ROOT = Path(__file__).parents[1]
PICTURE = ROOT / ".github" / "rooms.svg"
PLUGIN, CORE = "mnif_nerfstudio", "mnif_core"
CENTRE = "generative_field"  # the one file that stands among the rooms
BOX, GAP, ROW = (132, 34), 20, 74  # pixels


def room_of(name: str) -> str | None:
    """The room that a dotted module is in; None: a file beside the rooms."""
    package, *rest = name.split(".")
    if package == PLUGIN:
        return PLUGIN
    room = rest[0] if package == CORE and rest else ""
    return room if room == CENTRE or (ROOT / CORE / room / "__init__.py").exists() and room else None


def imports(file: Path) -> Iterator[str]:
    """Our own modules that `file` imports, wherever in it; what is no module counts as the module that it is in."""
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module:
            inner = [f"{node.module}.{name.name}" for name in node.names]
            found = {name if is_module(name) else node.module for name in inner}
        elif isinstance(node, ast.Import):
            found = {name.name for name in node.names}
        else:
            continue
        yield from sorted(name for name in found if name.split(".")[0] in (CORE, PLUGIN))


def is_module(name: str) -> bool:
    """Whether a file or a folder of ours has this dotted name."""
    path = ROOT.joinpath(*name.split("."))
    return path.with_suffix(".py").exists() or (path / "__init__.py").exists()


def arrows() -> dict[str, set[str]]:
    """For every room the rooms that its files import."""
    found: dict[str, set[str]] = {}
    for file in sorted(path for package in (CORE, PLUGIN) for path in (ROOT / package).rglob("*.py")):
        room = room_of(".".join(file.relative_to(ROOT).with_suffix("").parts))
        if room:
            targets = {room_of(name) for name in imports(file)} - {room, None}
            found.setdefault(room, set()).update(target for target in targets if target)
    return found


def reach(room: str, graph: dict[str, set[str]]) -> set[str]:
    """All rooms that can be come to from `room` by arrows."""
    return graph[room].union(*(reach(target, graph) for target in graph[room]))


def picture() -> str:
    """The SVG. Only arrows that no longer way replaces are drawn."""
    graph = arrows()
    height: dict[str, int] = {}
    for room in TopologicalSorter(graph).static_order():
        height[room] = 1 + max((height[target] for target in graph[room]), default=-1)
    top = max(height.values())
    rows = [sorted(room for room in graph if height[room] == top - row) for row in range(top + 1)]
    width = max(len(row) for row in rows) * (BOX[0] + GAP) + GAP
    place = {
        room: (width / 2 + (column - (len(row) - 1) / 2) * (BOX[0] + GAP), GAP + number * ROW)
        for number, row in enumerate(rows)
        for column, room in enumerate(row)
    }
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {2 * GAP + top * ROW + BOX[1]}" '
        'font-family="sans-serif" font-size="13" text-anchor="middle">',
        '<rect width="100%" height="100%" fill="#ffffff"/>',
        '<marker id="tip" viewBox="0 0 8 8" refX="8" refY="4" markerWidth="7" markerHeight="7" orient="auto">'
        '<path d="M0 0 L8 4 L0 8 z" fill="#8a94a6"/></marker>',
    ]
    for room in sorted(graph):
        longer = set().union(*(reach(target, graph) for target in graph[room]))
        for target in sorted(graph[room] - longer):
            (x, y), (to_x, to_y) = place[room], place[target]
            lines.append(
                f'<path d="M{x:g} {y + BOX[1]:g} C{x:g} {y + BOX[1] + 22:g} {to_x:g} {to_y - 22:g} {to_x:g} {to_y:g}" '
                'fill="none" stroke="#8a94a6" marker-end="url(#tip)"/>'
            )
    for room, (x, y) in sorted(place.items()):
        fill = {PLUGIN: "#ffe3c2", CENTRE: "#d6ecd2"}.get(room, "#dfe8f7")
        lines += [
            f'<rect x="{x - BOX[0] / 2:g}" y="{y:g}" width="{BOX[0]}" height="{BOX[1]}" rx="5" fill="{fill}"/>',
            f'<text x="{x:g}" y="{y + 22:g}">{room}</text>',
        ]
    return "\n".join([*lines, "</svg>", ""])


if __name__ == "__main__":
    PICTURE.write_text(picture(), encoding="utf-8")
