"""What real directories hold: each ends in the right data set or in one clear error."""

import io
import os
import subprocess
import tarfile
import tracemalloc
import zipfile

import pytest
from full_disk import small_disk
from rock_salts import rock_salt, rock_salts, write_zip

from sgan_jax.crystals import members
from sgan_jax.datasets import powder_patterns


def build(path, settings, **changes):
    return powder_patterns.load(powder_patterns.prepare(cif_path=path, **(settings | changes)))


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
