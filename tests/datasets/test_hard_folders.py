"""Folders as they occur in practice: each gives the right data set or one clear error."""

import errno
import io
import os
import subprocess
import tarfile
import tracemalloc
import zipfile

import pytest
from build_program import program
from full_disk import small_disk
from rock_salts import cif_source, rock_salt, rock_salts, write_zip

from sgan_jax.crystals import members
from sgan_jax.datasets import outcomes, powder_patterns, preparation, tables


def build(path, settings, **changes):
    return powder_patterns.load(preparation.prepare(cif_source(path), **(settings | changes)))


def skipped(tmp_path) -> dict[str, str]:
    (path,) = (tmp_path / "sets").rglob("skipped.tsv")
    lines = path.read_text().splitlines()[1:]
    return {line.split("\t")[0]: line.split("\t")[1] for line in lines}


def test_a_zip_that_unpacks_to_far_more_than_it_should_costs_its_file_alone(tmp_path, settings):
    path = write_zip(tmp_path / "salts.zip", rock_salts(9))
    with zipfile.ZipFile(path, "a", zipfile.ZIP_DEFLATED) as archive:
        with archive.open("bomb.cif", "w") as file:
            for _ in range(10):
                file.write(bytes(members.MAX_BYTES // 2))
    assert path.stat().st_size < 1_000_000
    tracemalloc.start()
    data = build(path, settings)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert len(data) == 9
    assert skipped(tmp_path) == {"bomb.cif": "too large"}
    assert peak < 4 * members.MAX_BYTES


def test_a_cif_of_very_many_sites_costs_its_file_alone(tmp_path, settings):
    sites = "".join(f"H{i} H 0.{i:06d} 0.1 0.2\n" for i in range(60_000))
    files = rock_salts(9) | {"salts/large.cif": rock_salt(90.0) + sites}
    assert len(build(write_zip(tmp_path / "salts.zip", files), settings)) == 9
    assert skipped(tmp_path) == {"salts/large.cif": "too large"}


def test_a_cell_of_very_many_reflections_costs_its_file_alone(tmp_path, settings):
    files = rock_salts(9) | {"salts/large.cif": rock_salt(999.0).replace("F m -3 m", "P 1")}
    assert len(build(write_zip(tmp_path / "salts.zip", files), settings)) == 9
    assert skipped(tmp_path) == {"salts/large": "too large"}


def test_a_crystal_that_takes_too_long_costs_itself_alone(tmp_path, settings, monkeypatch):
    files = rock_salts(9) | {"salts/slow.cif": rock_salt(90.0).replace("F m -3 m", "P 1")}
    path = write_zip(tmp_path / "salts.zip", files)
    build(write_zip(tmp_path / "salt.zip", rock_salts(1)), settings | {"dir": tmp_path / "warm"})
    monkeypatch.setattr(outcomes, "MAX_SECONDS", 0.2)
    assert len(build(path, settings)) == 9
    assert skipped(tmp_path) == {"salts/slow": "too slow"}


def test_a_file_that_takes_too_long_to_read_is_skipped(tmp_path, settings, monkeypatch):
    sites = "".join(f"H{i} H 0.{i:06d} 0.1 0.2\n" for i in range(9000))
    path = write_zip(tmp_path / "slow.zip", {"slow.cif": rock_salt(90.0) + sites})
    monkeypatch.setattr(outcomes, "MAX_SECONDS", 0.05)
    with pytest.raises(ValueError, match=r"too slow \(1\).*slow\.cif.*more than 0\.05 s"):
        build(path, settings)


def test_a_name_that_is_no_unicode_is_read_and_listed(tmp_path, settings):
    folder = tmp_path / "salts"
    folder.mkdir()
    try:
        (folder / os.fsdecode(b"Gr\xfcn.cif")).write_text(rock_salt(5.6))
        (folder / os.fsdecode(b"Gr\xfcnes.cif")).write_text("")
    except OSError:
        pytest.skip("names on this disk are Unicode")
    assert build(folder, settings | {"max_skipped_fraction": 0.5}).catalogue.ids == "Gr\\xfcn"
    assert skipped(tmp_path) == {"Gr\\xfcnes.cif": "empty file"}


def test_a_tar_gz_is_a_folder_is_a_zip(tmp_path, settings):
    files = rock_salts(12)
    with tarfile.open(tmp_path / "salts.tar.gz", "w:gz") as archive:
        for name, text in files.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(text)
            archive.addfile(entry, io.BytesIO(text.encode()))
            target = tmp_path / "folder" / name
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(text)
    paths = (tmp_path / "salts.tar.gz", tmp_path / "folder")
    sets = [build(path, settings) for path in paths]
    first, second = (sorted(data.catalogue.ids.tolist()) for data in sets)
    assert first == second and len(first) == 12


def test_a_folder_that_cannot_be_written_to_is_named(tmp_path, settings):
    path = write_zip(tmp_path / "salts.zip", rock_salts(3))
    with small_disk(tmp_path / "disk", kilobytes=100) as disk:
        subprocess.run(["mount", "-o", "remount,ro", disk], check=True)
        with pytest.raises(OSError, match=r"disk/sets.*[Rr]ead-only.*data\.dir"):
            build(path, settings, dir=disk / "sets")


def test_crystals_in_a_read_only_folder_are_read(tmp_path, settings):
    with small_disk(tmp_path / "disk", kilobytes=1000) as disk:
        for name, text in rock_salts(3).items():
            (disk / os.path.basename(name)).write_text(text)
        subprocess.run(["mount", "-o", "remount,ro", disk], check=True)
        assert len(build(disk, settings)) == 3


NO_LARGE_FILES = """
import resource
resource.setrlimit(resource.RLIMIT_FSIZE, (30_000, 30_000))
"""


def test_a_file_that_the_system_does_not_let_grow_leaves_nothing(tmp_path, settings):
    """Like a full disk or a quota, but needs no permission to mount one."""
    path = write_zip(tmp_path / "salts.zip", rock_salts(60))
    command = program(settings, path, NO_LARGE_FILES)
    ended = subprocess.run(command, capture_output=True, text=True)
    assert "cannot be written to" in ended.stderr.splitlines()[-1]
    assert "data.dir" in ended.stderr
    assert not [f for f in (tmp_path / "sets").rglob("*") if f.is_file() and f.name != ".lock"]


def test_a_disk_that_is_full_after_the_last_shard_leaves_shards_alone(
    tmp_path, settings, monkeypatch
):
    path = write_zip(tmp_path / "salts.zip", rock_salts(5))

    def full(target, *_):
        target.write_text("half of a ta")
        raise OSError(errno.ENOSPC, "No space left on device", str(target))

    with monkeypatch.context() as patch:
        patch.setattr(tables, "_write", full)
        with pytest.raises(OSError, match=r"No space left.*resumes"):
            build(path, settings)
    left = [f.name for f in (tmp_path / "sets").rglob("*") if f.is_file() and f.name != ".lock"]
    assert len(left) == 2 and all(".array_record" in name for name in left)
    monkeypatch.setattr(outcomes, "example", None)  # everything is already computed
    assert len(build(path, settings)) == 5
