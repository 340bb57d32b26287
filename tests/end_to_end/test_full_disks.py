"""A disk that fills up, data that cannot be written to, two runs that build one cache: nothing half-written is used."""

import shutil
from pathlib import Path

import pytest

from tests.end_to_end.conftest import CANNOT_MOUNT, Finished, Tools, assert_ok, assert_one_line, short_run


def mounted(finished: Finished) -> Finished:
    """What a command with mounts has left, where they could be made."""
    if finished.code == CANNOT_MOUNT:
        pytest.skip("mounts need the rights of root")
    return finished


def small_disk(folder: Path, size: str) -> list[object]:
    """Arguments of `mount` for a disk that holds little."""
    folder.mkdir()
    return ["-t", "tmpfs", "-o", f"size={size}", "tmpfs", folder]


def test_a_run_on_a_full_disk_says_so(tools: Tools, few_cars: Path, tmp_path: Path) -> None:
    disk = tmp_path / "disk"
    finished = mounted(tools.run(*short_run(few_cars, disk), mounts=[small_disk(disk, "600k")]))
    assert_one_line(finished, "CheckpointError", disk, "cannot be written")


def test_a_cache_that_does_not_fit_is_named(tools: Tools, few_cars: Path, tmp_path: Path) -> None:
    disk, cache = tmp_path / "disk", {"MNIF_CACHE": str(tmp_path / "disk/cache")}
    run = short_run(few_cars, tmp_path)
    finished = mounted(tools.run(*run, environment=cache, mounts=[small_disk(disk, "100k")]))
    assert finished.code != 0 and "Traceback" not in finished.output
    [said] = [line for line in finished.output.splitlines() if "DataError" in line]
    assert all(word in said for word in (str(disk), "No space left on device", "MNIF_CACHE"))


def test_data_are_never_written_to(tools: Tools, few_cars: Path, tmp_path: Path) -> None:
    data = shutil.copytree(few_cars, tmp_path / "data")
    read_only = [["--bind", data, data], ["-o", "remount,ro,bind", data]]
    few = ["--pipeline.fit-steps", 2, "--pipeline.prior-steps", 2]
    assert_ok(mounted(tools.run(*short_run(data, tmp_path, *few), mounts=read_only)))


def test_two_runs_build_one_cache(tools: Tools, few_cars: Path, tmp_path: Path) -> None:
    data, cache = shutil.copytree(few_cars, tmp_path / "data"), {"MNIF_CACHE": str(tmp_path / "cache")}
    few = ["--pipeline.fit-steps", 2, "--pipeline.prior-steps", 2]
    runs = [tools.start(*short_run(data, tmp_path / name, *few), environment=cache) for name in ("one", "other")]
    for run in runs:
        assert_ok(run.wait())
    assert len([folder for folder in (tmp_path / "cache/scenes").iterdir() if folder.is_dir()]) == 1
