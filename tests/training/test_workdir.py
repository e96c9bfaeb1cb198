import errno
import os
import pathlib
import shutil
import subprocess
import sys

import pytest
from full_disk import small_disk

from sgan_jax.training import workdir

ROOT = pathlib.Path(__file__).parents[2]
HOLDER = """
import pathlib, sys
from sgan_jax.training import workdir
with workdir.held(pathlib.Path(sys.argv[1])):
    print("held", flush=True)
    sys.stdin.read()
"""


def test_one_process_at_a_time_and_a_killed_one_holds_nothing(tmp_path):
    run = tmp_path / "runs" / "one"
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(run)],
        cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert holder.stdout.readline() == "held\n"
    with (
        pytest.raises(
            workdir.WorkdirError, match=rf"one is in use by process {holder.pid} on {os.uname()[1]}"
        ),
        workdir.held(run),
    ):
        pytest.fail("held twice")
    holder.kill()
    holder.communicate()
    with workdir.held(run) as check:
        check()
        assert (run / workdir.LOCK).read_text().startswith(f"process {os.getpid()} on ")
    with workdir.held(run):  # and once more, after an orderly end
        pass


def test_a_file_system_without_locks_will_do(tmp_path, monkeypatch):
    def no_locks(file, operation):
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

    monkeypatch.setattr(workdir.fcntl, "flock", no_locks)
    with workdir.held(tmp_path) as check:
        check()


@pytest.mark.parametrize("again", [False, True])
def test_a_folder_that_vanishes_is_noticed(tmp_path, again):
    """Also if another of the same name has taken its place."""
    run = tmp_path / "run"
    with (
        pytest.raises(workdir.WorkdirError, match=f"{run} has vanished"),
        workdir.held(run) as check,
    ):
        run.rename(tmp_path / "elsewhere")
        if again:
            shutil.copytree(tmp_path / "elsewhere", run)
        check()


def test_what_fails_in_a_folder_that_has_vanished_is_explained_by_that(tmp_path):
    run = tmp_path / "run"
    with pytest.raises(workdir.WorkdirError, match=f"{run} has vanished"), workdir.held(run):
        shutil.rmtree(run)
        (run / "metrics.jsonl").open("a")


def test_a_full_disk_is_named_with_what_is_free(tmp_path):
    with small_disk(tmp_path / "disk", kilobytes=1000) as disk:
        expected = rf"{disk}/run is full: 0\.[012] MB are free .* make space"
        with pytest.raises(workdir.WorkdirError, match=expected), workdir.held(disk / "run"):
            with (disk / "run/metrics.jsonl").open("wb", buffering=0) as file:
                while True:
                    file.write(bytes(100_000))


def test_a_read_only_disk_is_named(tmp_path):
    with small_disk(tmp_path / "disk", kilobytes=1000) as disk:
        subprocess.run(["mount", "-o", "remount,ro", str(disk)], check=True)
        with (
            pytest.raises(workdir.WorkdirError, match=r"run cannot be written to \(Read-only"),
            workdir.held(disk / "run"),
        ):
            pytest.fail("written to")


def test_a_folder_of_someone_else_is_named(tmp_path):
    if os.geteuid() == 0:
        pytest.skip("nothing is forbidden to root")
    tmp_path.chmod(0o555)
    with (
        pytest.raises(workdir.WorkdirError, match=r"cannot be written to \(Permission denied\)"),
        workdir.held(tmp_path / "run"),
    ):
        pytest.fail("written to")


def test_a_file_in_the_place_of_the_folder_is_named(tmp_path):
    (tmp_path / "run").touch()
    with (
        pytest.raises(workdir.WorkdirError, match="run is not a folder"),
        workdir.held(tmp_path / "run"),
    ):
        pytest.fail("held")


@pytest.mark.parametrize(
    "error",
    [
        FileNotFoundError("data.cif_path: there is no file x.zip"),
        PermissionError(errno.EACCES, "Permission denied", "/elsewhere/crystals.zip"),
        OSError(errno.ENOSPC, "No space left on device", "/elsewhere/data/1.array_record"),
    ],
)
def test_errors_about_other_places_stay_what_they_are(tmp_path, error):
    with pytest.raises(type(error)) as raised, workdir.held(tmp_path):
        raise error
    assert raised.value is error
