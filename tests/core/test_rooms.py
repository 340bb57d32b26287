"""The README's picture of the rooms is of the code as it is."""

import runpy
from pathlib import Path

GITHUB = Path(__file__).parents[2] / ".github"


def test_the_picture_of_the_rooms_is_up_to_date() -> None:
    drawn = runpy.run_path(str(GITHUB / "draw_rooms.py"))["picture"]()
    assert (GITHUB / "rooms.svg").read_text() == drawn, "imports have changed: run python .github/draw_rooms.py"
