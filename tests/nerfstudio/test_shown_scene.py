"""What MNIF_SHOW accepts, and what it says about bad text."""

import subprocess
import sys

import pytest

from mnif_core.errors import ConfigError
from mnif_nerfstudio.shown_scene import SAMPLERS, ShownScene


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("train:3", ShownScene("train", scene=3)),
        ("sample:7", ShownScene("sample", seed=7)),
        ("between:3,9,0.25", ShownScene("between", scene=3, other=9, mix=0.25)),
    ],
)
def test_parse_reads_every_form(text: str, shown: ShownScene) -> None:
    assert ShownScene.parse(text) == shown


@pytest.mark.parametrize("text", ["", "car", "train", "train:x", "train:1.5", "sample:", "between:3,9", "render:1"])
def test_parse_names_the_forms(text: str) -> None:
    with pytest.raises(ConfigError) as caught:
        ShownScene.parse(text)
    message = str(caught.value)
    assert "\n" not in message
    assert repr(text) in message
    for form in ("train:3", "sample:7", "between:3,9,0.5"):
        assert form in message


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("train:-1", "scene -1"),
        ("sample:-2", "seed is -2"),
        ("between:3,9,1.5", "mix is 1.5"),
        ("between:3,9,nan", "mix is nan"),
        ("between:3,-9,0.5", "scene -9"),
    ],
)
def test_parse_names_the_number_out_of_range(text: str, reason: str) -> None:
    with pytest.raises(ConfigError, match=reason) as caught:
        ShownScene.parse(text)
    assert "\n" not in str(caught.value)


def test_sampler_and_steps_are_checked() -> None:
    with pytest.raises(ConfigError, match="euler"):
        ShownScene(sampler="euler")  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match="0 steps"):
        ShownScene(steps=0)


def test_environment_chooses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MNIF_SHOW", "sample:4")
    assert ShownScene.from_environment() == ShownScene("sample", seed=4)
    monkeypatch.setenv("MNIF_SHOW", "")
    assert ShownScene.from_environment() == ShownScene()
    monkeypatch.delenv("MNIF_SHOW")
    assert ShownScene.from_environment() == ShownScene()


def test_describe_tells_all_that_matters() -> None:
    names = ["sedan", "van", "pickup"]
    assert "2" in ShownScene("train", scene=2).describe(names)
    assert "pickup" in ShownScene("train", scene=2).describe(names)
    between = ShownScene("between", scene=0, other=1, mix=0.25).describe(names)
    assert "sedan" in between and "van" in between and "25" in between
    sample = ShownScene("sample", seed=7, sampler="ddim", steps=40).describe(names)
    assert "7" in sample and SAMPLERS["ddim"] in sample and "40" in sample


def test_import_is_light() -> None:
    code = "import sys, mnif_nerfstudio.shown_scene as s; print(s.__file__, 'viser' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split()[-1] == "False"
