"""nerfstudio's commands for tests, and one small finished run that several tests look at."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from mnif_core.data.demo.car_scenes import make_demo_cars

FIT_STEPS, PRIOR_STEPS = 200, 60
CANNOT_MOUNT = 77  # exit code of a command whose mounts need more rights
ROOT = Path(__file__).parents[2]


@dataclass
class Finished:
    """What a command left: exit code and everything it printed."""

    code: int
    output: str

    @property
    def last_line(self) -> str:
        """The last line printed."""
        return self.output.rstrip().splitlines()[-1]


def assert_ok(finished: Finished) -> None:
    """Fail with the end of the output where a command has failed."""
    assert finished.code == 0, finished.output[-4000:]


def assert_one_line(finished: Finished, *parts: object) -> None:
    """Check that a command has failed with one line that holds all `parts`."""
    assert finished.code != 0
    assert "Traceback" not in finished.output, finished.output[-3000:]
    for part in parts:
        assert str(part) in finished.last_line


@dataclass
class Running:
    """A command under way."""

    pid: int
    log: Path

    @property
    def output(self) -> str:
        """Printed so far."""
        return self.log.read_text(errors="replace") if self.log.exists() else ""

    @property
    def ended(self) -> bool:
        """Whether the process is gone."""
        try:
            os.kill(self.pid, 0)
        except ProcessLookupError:
            return True
        return False

    def kill(self) -> None:
        """kill -9."""
        os.kill(self.pid, signal.SIGKILL)
        while not self.ended:
            time.sleep(0.05)

    def until(self, condition: Callable[[], object], seconds: float = 300) -> None:
        """Wait for a condition that comes true while the command runs; fails the test where it does not."""
        end = time.monotonic() + seconds
        while not condition():
            assert not self.ended and time.monotonic() < end, self.output[-3000:]
            time.sleep(0.02)

    def wait(self, seconds: float = 400) -> Finished:
        """Wait for the end; fails the test where it does not come."""
        until = time.monotonic() + seconds
        while not self.ended:
            if time.monotonic() > until:
                self.kill()
                pytest.fail(f"no end after {seconds} s:\n{self.output[-3000:]}")
            time.sleep(0.1)
        code = Path(f"{self.log}.exit")
        return Finished(int(code.read_text()) if code.exists() else -1, self.output)


@dataclass
class Tools:
    """nerfstudio's commands, each in a fork of one process that has them imported."""

    server: subprocess.Popen[str]
    folder: Path
    count: int = field(default=0)

    def start(
        self,
        *argv: object,
        environment: dict[str, str] | None = None,
        without_lpips: bool = False,
        mounts: Sequence[Sequence[object]] = (),
    ) -> Running:
        """Start a command and return at once; `mounts`, arguments of `mount`, are there for it alone."""
        self.count += 1
        log = self.folder / f"{self.count:03d}.log"
        request = {
            "argv": [str(a) for a in argv],
            "log": str(log),
            "environment": environment or {},
            "without_lpips": without_lpips,
            "mounts": [[str(argument) for argument in mount] for mount in mounts],
        }
        assert self.server.stdin is not None and self.server.stdout is not None
        self.server.stdin.write(json.dumps(request) + "\n")
        self.server.stdin.flush()
        return Running(int(self.server.stdout.readline()), log)

    def run(self, *argv: object, seconds: float = 400, **options: object) -> Finished:
        """Run a command to its end."""
        return self.start(*argv, **options).wait(seconds)  # type: ignore[arg-type]


@pytest.fixture(scope="session")
def tools(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Tools]:
    folder = tmp_path_factory.mktemp("logs")
    errors = (folder / "server.log").open("w")
    server = subprocess.Popen(
        [sys.executable, "-m", "tests.end_to_end.tool_server"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=errors,
        text=True,
        env={
            **os.environ,
            "CUDA_VISIBLE_DEVICES": os.environ.get("CUDA_VISIBLE_DEVICES", ""),
            "PYTHONPATH": str(ROOT),
        },
        cwd=folder,
    )
    assert server.stdout is not None
    assert server.stdout.readline().strip() == "ready", (folder / "server.log").read_text()[-3000:]
    yield Tools(server, folder)
    server.terminate()


@pytest.fixture(scope="session")
def few_cars(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """12 cars x 9 views at 32 x 32."""
    return make_demo_cars(tmp_path_factory.mktemp("data") / "few_cars", cars=12, views=9, size=32)


def short_run(data: Path, output: Path, *options: object) -> list[object]:
    """Arguments of an `ns-train mnif-tiny` of a few seconds, its folder `output / "run" / "mnif-tiny" / "now"`."""
    return [
        "ns-train", "mnif-tiny", "--data", data, "--output-dir", output, "--experiment-name", "run",
        "--timestamp", "now", "--pipeline.fit-steps", FIT_STEPS, "--pipeline.prior-steps", PRIOR_STEPS,
        "--pipeline.datamanager.scenes-per-step", 12, "--steps-per-save", 20, *options,
    ]  # fmt: skip


@pytest.fixture(scope="session")
def trained(tools: Tools, few_cars: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Finished]:
    """A finished short run: its folder and what it printed."""
    output = tmp_path_factory.mktemp("outputs")
    finished = tools.run(*short_run(few_cars, output))
    assert_ok(finished)
    return output / "run" / "mnif-tiny" / "now", finished


@pytest.fixture(scope="session")
def tiny_run(trained: tuple[Path, Finished]) -> Path:
    """The folder of a finished short run."""
    return trained[0]
