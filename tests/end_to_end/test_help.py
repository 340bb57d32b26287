"""What nerfstudio's users meet first: help that explains every option, and completion by `ns-install-cli`."""

import re
from pathlib import Path

import pytest

from tests.end_to_end.conftest import ROOT, Tools, assert_ok

WIDTH = {"COLUMNS": "100"}


def explained(text: str) -> dict[str, str]:
    """Options of a help text with what is said of each, defaults left out."""
    found: dict[str, str] = {}
    option = None
    for line in re.sub(r"\x1b\[[0-9;]*m", "", text).splitlines():
        named = re.match(r"│ (?:-h, )?(--\S+)", line)
        if named:
            option = named.group(1)
            beside = re.search(r"\s{2,}(\S.*)", line[named.end() :].rstrip("│ "))  # where there is room
            found[option] = f"{beside.group(1)} " if beside else ""
        elif option is not None and line.startswith("│       "):
            found[option] += line.strip("│ ") + " "
        elif line.startswith("╰"):
            option = None
    return {option: re.sub(r"\(default:.*\)", "", said).strip() for option, said in found.items()}


@pytest.mark.parametrize("method", ["mnif", "mnif-tiny"])
def test_every_option_of_a_method_is_explained(tools: Tools, method: str) -> None:
    finished = tools.run("ns-train", method, "--help", environment=WIDTH)
    assert_ok(finished)
    options = explained(finished.output)
    assert len(options) > 100 and {"--pipeline.model.num-bases", "--pipeline.fit-steps"} <= set(options)
    assert not [option for option, said in options.items() if not said]
    assert "shared-by" not in finished.output, "what a run keeps for itself is no option"
    page = (ROOT / ".github" / "nerfstudio" / "mnif.md").read_text(encoding="utf-8")
    assert set(re.findall(r"`(--[\w.-]+)", page)) <= set(options)


def test_every_option_of_the_dataparser_is_explained(tools: Tools) -> None:
    finished = tools.run("ns-train", "mnif", "srn", "--help", environment=WIDTH)
    assert_ok(finished)
    options = explained(finished.output)
    assert set(options) >= {"--axes", "--normalise", "--category", "--held-out-views"}
    assert not [option for option, said in options.items() if not said]


def test_completion_is_installed_with_our_methods(tools: Tools, tmp_path: Path) -> None:
    (tmp_path / ".bashrc").write_text("# mine\n")
    environment = {"HOME": str(tmp_path), "CONDA_PREFIX": str(tmp_path / "none")}
    assert_ok(tools.run("ns-install-cli", environment=environment))
    script = (tmp_path / "scripts" / "completions" / "bash" / "_ns-train").read_text()
    assert "mnif-tiny" in script and "--pipeline.model.num-bases" in script
    assert "completions/setup.bash" in (tmp_path / ".bashrc").read_text()
