"""What stands ready for nerfstudio's documentation is of the code as it is."""

import re
import runpy
import sys
from pathlib import Path

from mnif_nerfstudio.methods import mnif, mnif_mid, mnif_tiny
from tests.benchmarks.variants import found_before, table

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / ".github" / "nerfstudio"
PAGE = (FOLDER / "mnif.md").read_text(encoding="utf-8")
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
METHODS = (mnif, mnif_mid, mnif_tiny)


def test_the_entry_is_of_our_methods() -> None:
    entry = runpy.run_path(str(FOLDER / "external_method.py"))["MNIF"]
    assert entry.configurations == [(method.config.method_name, method.description) for method in METHODS]
    assert entry.pip_package == PROJECT["name"] and f"pip install {PROJECT['name']}" in entry.instructions


def test_every_method_is_registered() -> None:
    registered = PROJECT["entry-points"]["nerfstudio.method_configs"]
    assert set(registered) == {method.config.method_name for method in METHODS}


def test_the_page_names_methods_and_pictures_that_exist() -> None:
    registered = set(PROJECT["entry-points"]["nerfstudio.method_configs"])
    assert set(re.findall(r"ns-train (mnif[\w-]*)", PAGE)) <= registered
    assert all(f"`{name}`" in PAGE for name in registered)
    pictures = re.findall(r"!\[[^]]+\]\(([^)]+)\)", PAGE)
    assert len(pictures) >= 3 and all((FOLDER / picture).is_file() for picture in pictures)


def test_the_tables_are_the_scripts() -> None:
    assert table(found_before(), ["scene"]) in PAGE, "run python -m tests.benchmarks.variants"
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    assert table(found_before()) in readme, "run python -m tests.benchmarks.variants"
