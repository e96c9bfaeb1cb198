"""Builds that are killed, interrupted, damaged, watched, or run out of room."""

import json
import os
import pathlib
import signal
import subprocess

import pytest
from build_program import (
    SLOWLY,
    program,
    stored_bytes,
    wait_for_a_shard,
    wait_for_files,
)
from full_disk import small_disk
from rock_salts import cif_source, rock_salts, write_zip

from sgan_jax.datasets import powder_patterns, preparation, shards

SMALL_SHARDS = "shards.FILES_PER_SHARD = 16\n"


def test_the_same_bytes_in_every_run(tmp_path, settings):
    path = write_zip(tmp_path / "salts.zip", rock_salts(3))
    stored = []
    for run in ("first", "second"):
        subprocess.run(program(settings | {"dir": tmp_path / run}, path), check=True)
        (written,) = (tmp_path / run).rglob("dataset_info.json")
        stored.append(stored_bytes(written.parent))
    assert stored[0] == stored[1]


def test_tensorflow_is_never_imported(tmp_path, settings):
    path = write_zip(tmp_path / "salts.zip", rock_salts(3))
    output = subprocess.run(program(settings, path), check=True, capture_output=True, text=True)
    assert output.stdout == "3 False\n"


def test_a_killed_build_is_gone_on_with(tmp_path, settings, awkward, monkeypatch):
    monkeypatch.setattr(shards, "FILES_PER_SHARD", 16)
    sets = tmp_path / "sets"
    build = subprocess.Popen(program(settings, awkward, SMALL_SHARDS + SLOWLY))
    wait_for_files(sets, "*.array_record*.json", 2)
    build.send_signal(signal.SIGKILL)
    build.wait()
    (work,) = sets.rglob("incomplete.*")
    assert not list(sets.rglob("dataset_info.json"))
    first, second = sorted(work.glob("*.array_record-0000[01]-of-00004"))
    kept = first.stat().st_ino
    second.write_bytes(second.read_bytes()[:-1] + b"?")  # and damaged shards are redone
    folder = preparation.prepare(cif_source(awkward), **(settings | {"processes": 2}))
    assert not work.exists()
    assert (folder / first.name).stat().st_ino == kept
    undisturbed = preparation.prepare(cif_source(awkward), **(settings | {"dir": tmp_path / "b"}))
    assert stored_bytes(folder) == stored_bytes(undisturbed)
    counts = [json.loads((f / "build.json").read_text()) for f in (folder, undisturbed)]
    assert counts[0] | {"seconds": 0} == counts[1] | {"seconds": 0}
    assert (counts[0]["files"], counts[0]["duplicates"], counts[0]["crystals"]) == (64, 2, 61)


def test_a_build_killed_before_its_last_rename_needs_no_more(tmp_path, settings, monkeypatch):
    path = write_zip(tmp_path / "salts.zip", rock_salts(5))

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(pathlib.Path, "rename", killed_at(pathlib.Path.rename, "1.2.0"))
        preparation.prepare(cif_source(path), **settings)
    monkeypatch.setattr(shards, "write", None)
    assert len(powder_patterns.load(preparation.prepare(cif_source(path), **settings))) == 5


def killed_at(rename, name):
    """Return a rename that is interrupted if the target has that name."""

    def call(path, target):
        if pathlib.Path(target).name == name:
            raise KeyboardInterrupt
        return rename(path, target)

    return call


def test_a_full_disk_ends_with_advice_and_the_build_goes_on_when_there_is_room(tmp_path, settings):
    path = write_zip(tmp_path / "salts.zip", rock_salts(60))
    with small_disk(tmp_path / "disk", kilobytes=800) as disk:
        other = disk / "other data"
        other.write_bytes(bytes(450_000))
        command = program(settings | {"dir": disk / "sets"}, path, SMALL_SHARDS)
        ended = subprocess.run(command, capture_output=True, text=True)
        assert "cannot be written to" in ended.stderr.splitlines()[-1]
        assert "No space left" in ended.stderr and "resumes" in ended.stderr
        left = {f.name for f in disk.rglob("*") if f.is_file()} - {".lock", other.name}
        assert left and all(".array_record" in name for name in left)
        assert 2 * sum(name.endswith(".record.json") for name in left) == len(left)  # pairs
        other.unlink()
        subprocess.run(["mount", "-o", "remount,size=2000k", disk], check=True)
        ended = subprocess.run(command, capture_output=True, text=True, check=True)
        assert ended.stdout == "60 False\n"


CTRL_C = "import signal; signal.signal(signal.SIGINT, signal.default_int_handler)"


def test_an_interrupted_build_leaves_nothing(tmp_path, settings):
    path = write_zip(tmp_path / "salts.zip", rock_salts(60))
    sets = tmp_path / "sets"
    build = subprocess.Popen(
        program(settings | {"processes": 2}, path, SLOWLY + CTRL_C),
        start_new_session=True,
        stderr=subprocess.PIPE,
    )
    wait_for_a_shard(sets)
    os.killpg(build.pid, signal.SIGINT)  # as a terminal does: to the workers, too
    error = build.communicate(timeout=60)[1].decode()
    assert build.returncode
    assert error.count("Traceback") == 1, error
    assert not [path for path in sets.rglob("*") if path.is_file() and path.name != ".lock"]


NO_LOCKS = """
import fcntl
def flock(*given):
    raise OSError(95, "Operation not supported")
fcntl.flock = flock
"""


@pytest.mark.parametrize("file_system", ["", NO_LOCKS], ids=["locks", "no locks"])
def test_two_builds_at_once(tmp_path, settings, file_system):
    path = write_zip(tmp_path / "salts.zip", rock_salts(20))
    command = program(settings, path, SLOWLY + file_system)
    builds = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    outputs = [build.communicate(timeout=100)[0] for build in builds]
    assert outputs == ["20 False\n"] * 2
    assert len(list((tmp_path / "sets").rglob("dataset_info.json"))) == 1
    assert not list((tmp_path / "sets").rglob("incomplete.*"))
