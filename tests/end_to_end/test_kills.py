"""kill -9 at twenty moments spread over a run: it goes on from its checkpoint and ends bit for bit as without.

    pytest tests/end_to_end/test_kills.py --run-slow -s

prints a table of where each kill fell. A new kind of run is a row of `KINDS`.
"""

import random
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from safetensors.torch import load_file

from mnif_core.training.checkpoint import read_checkpoint
from tests.end_to_end.conftest import Tools, assert_ok
from tests.srn_fixture import write_srn

KILLS = 20
FIT, PRIOR = 60, 60
PICTURES = "--fit-length", FIT, "--prior-length", PRIOR, "--checkpoint-every", 7, "--device", "cpu"
SCENES = (
    "--experiment-name", "run", "--timestamp", "now", "--pipeline.fit-steps", FIT, "--pipeline.prior-steps", PRIOR,
    "--steps-per-save", 7, "--machine.device-type", "cpu",
)  # fmt: skip


@dataclass(frozen=True)
class Kind:
    """A kind of run.

    Attributes:
        data: writes its data into a folder and returns their path.
        start: the command that trains on data (first) into an output folder (second).
        resume: what it takes besides, to go on in the run's folder (first).
        folder: of a run, in its output folder.
        reached: the stage and step of the last checkpoint in a run's folder; none before there is one.
    """

    data: Callable[[Path], Path]
    start: Callable[[Path, Path], list[object]]
    resume: Callable[[Path], list[object]]
    folder: str
    reached: Callable[[Path], tuple[int, int] | None]


def pictures(folder: Path) -> Path:
    images = np.random.default_rng(0).integers(0, 255, (20, 8, 8, 3), dtype=np.uint8)
    np.savez(folder / "pictures.npz", images=images)
    return folder / "pictures.npz"


def solids(folder: Path) -> Path:
    rows, columns, layers = np.indices((16, 16, 16))
    np.save(folder / "solids.npy", np.stack([(rows + columns + layers) % 16 < 4 + n for n in range(8)]))
    return folder / "solids.npy"


def checkpoint_of(run: Path) -> tuple[int, int] | None:
    path = run / "checkpoint.safetensors"
    return (lambda state: (state.stage, state.step))(read_checkpoint(path)[1]) if path.exists() else None


def nerfstudio_checkpoint_of(run: Path) -> tuple[int, int] | None:
    steps = [int(path.stem.split("-")[1]) + 1 for path in (run / "nerfstudio_models").glob("*.ckpt")]
    return (1 + (max(steps) > FIT), max(steps)) if steps else None


def core_run(command: str) -> Callable[[Path, Path], list[object]]:
    return lambda data, output: ["mnif", command, "--data", data, "--output-dir", output / "run", *PICTURES]


KINDS = {
    "images": Kind(pictures, core_run("image"), lambda _: ["--resume"], "run", checkpoint_of),
    "solids": Kind(solids, core_run("voxel"), lambda _: ["--resume"], "run", checkpoint_of),
    "scenes": Kind(
        write_srn,
        lambda data, output: ["ns-train", "mnif-tiny", "--data", data, "--output-dir", output, *SCENES],
        lambda run: ["--load-dir", run / "nerfstudio_models"],
        "run/mnif-tiny/now",
        nerfstudio_checkpoint_of,
    ),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", KINDS)
def test_twenty_kills(tools: Tools, tmp_path: Path, name: str) -> None:
    kind, chance = KINDS[name], random.Random(0)
    (tmp_path / "data").mkdir()
    data = kind.data(tmp_path / "data")
    began = time.monotonic()
    assert_ok(tools.run(*kind.start(data, tmp_path / "whole")))
    seconds = time.monotonic() - began
    whole = load_file(tmp_path / "whole" / kind.folder / "field" / "model.safetensors")
    for number in range(KILLS):
        output = tmp_path / str(number)
        moment = seconds * (number + chance.random()) / KILLS
        running = tools.start(*kind.start(data, output))
        time.sleep(moment)
        if running.ended:
            print(f"{name}: kill {number:2d} at {moment:5.2f} s: the run had ended")
        else:
            running.kill()
        reached = kind.reached(output / kind.folder)
        resume = kind.resume(output / kind.folder) if reached else []
        assert_ok(tools.run(*kind.start(data, output), *resume))
        again = load_file(output / kind.folder / "field" / "model.safetensors")
        print(f"{name}: kill {number:2d} at {moment:5.2f} s, checkpoint (stage, step) {reached}: resumed to the end")
        assert again.keys() == whole.keys()
        differ = [key for key, value in whole.items() if not value.equal(again[key])]
        assert not differ, (number, reached, differ)
