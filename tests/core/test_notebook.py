"""A field in a notebook: the README's cells run, show a sheet and a page, and leave nothing open."""

import base64
import io
import re
import subprocess
import sys
import urllib.request
from pathlib import Path
from typing import Any

import pytest
from IPython.core.interactiveshell import InteractiveShell
from PIL import Image

from mnif_core.errors import ConfigError
from tests.core.export.known_fields import random_field

README = Path(__file__).parents[2] / "README.md"


def test_the_readmes_cells_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    random_field("image", prior=True).save(tmp_path / "field")
    found = re.search(r"## In a notebook\n\n```python\n(.*?)```", README.read_text(), re.DOTALL)
    assert found is not None
    text, changed = re.subn(r'"outputs/[^"]*"', repr(str(tmp_path / "field")), found[1])
    assert changed == 1
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path / "ipython"))
    shell: Any = InteractiveShell()  # type: ignore[no-untyped-call]
    shown: list[str] = []

    def keep(data: dict[str, Any] | None, _: object = None) -> None:
        shown.extend([] if data is None else [data["text/html"]])

    monkeypatch.setattr(shell.displayhook, "write_format_data", keep)
    for cell in text.split("\n\n"):
        if "stop()" in cell:
            page = shell.user_ns["page"]
            with urllib.request.urlopen(page.url, timeout=20) as answer:
                assert b"<html" in answer.read().lower()
        assert shell.run_cell(cell, store_history=True).success
    sheet, frame = shown
    assert "parameters of one instance" in sheet and f'src="{page.url}"' in frame
    with pytest.raises(OSError):
        urllib.request.urlopen(page.url, timeout=5)


@pytest.mark.parametrize(("kind", "rows"), [("image", 2), ("voxel", 2), ("scene", 1)])
def test_a_sheet_and_a_table(kind: str, rows: int) -> None:
    field = random_field(kind, prior=rows == 2)
    text = field._repr_html_()
    found = re.search(r"data:image/png;base64,([^\"]*)", text)
    assert found is not None
    picture = Image.open(io.BytesIO(base64.b64decode(found[1])))
    assert picture.height == rows * 130
    assert f'<td style="text-align: left">{len(field.latents)}</td>' in text and "(2, 32, 6)" in text
    assert repr(field).startswith(f"GenerativeField(3 {field.signal.noun}s, mixture, latents of 6, ")


def test_the_core_stays_light() -> None:
    code = "import sys, mnif_core; print([name for name in ('viser', 'IPython', 'trimesh') if name in sys.modules])"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"


def test_what_is_not_there_is_one_line() -> None:
    field = random_field("image")
    for show, message in (("train:9", "choose one of 0 to 2"), ("nothing", "nothing")):
        with pytest.raises(ConfigError, match=message) as caught:
            field.view(show)
        assert "\n" not in str(caught.value)
