"""Collections as large as real ones: the resulting data sets and the memory needed (-m slow)."""

import io
import itertools
import os
import pathlib
import shutil
import subprocess
import tarfile
import zipfile
from collections.abc import Iterator

import pytest
from build_program import program
from rock_salts import rock_salt

pytestmark = pytest.mark.slow

FILES = 100_000
MOST_KB = 1_000_000  # limit for each process of a build; Linux counts in kB
CATIONS = """
    Li Be Na Mg Al Si K Ca Sc Ti V Cr Mn Fe Co Ni Cu Zn Ga Ge Rb Sr Y Zr Nb Mo Ru Rh Pd Ag Cd In Sn
    Sb Cs Ba La Ce Pr Nd
""".split()
ANIONS = "F Cl Br I O S Se Te N P As".split()


def many() -> Iterator[tuple[str, str]]:
    """Yield names and texts of CIFs without duplicates: volumes differ by 2.05 % or more."""
    salts = list(itertools.product(CATIONS, ANIONS))
    for index in range(FILES):
        step, kind = divmod(index, len(salts))
        cation, anion = salts[kind]
        text = rock_salt(round(3.6 * 1.0068**step, 4), f"{cation} {anion}")
        yield f"{index % 1000:03d}/{cation}{anion}{step}.cif", text


@pytest.fixture
def room(tmp_path) -> Iterator[pathlib.Path]:
    """Yield a folder for gigabytes, which pytest would keep, and delete it."""
    yield tmp_path
    shutil.rmtree(tmp_path)


def built(path: pathlib.Path, settings: dict) -> int:
    """Build a set in its own process, checking its memory; return its number of crystals."""
    command = program(settings | {"processes": 0}, path)
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    with process.stdout:
        output = process.stdout.read()
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    print(f"{path.name}: {usage.ru_utime:.0f} s of processors, {usage.ru_maxrss // 1000} MB")
    assert usage.ru_maxrss < MOST_KB
    return int(output.split()[0])


def test_a_folder_of_a_hundred_thousand_cifs(room, settings):
    for name, text in many():
        path = room / "many" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    assert built(room / "many", settings) == FILES


def test_a_tar_gz_of_a_hundred_thousand_cifs(room, settings):
    with tarfile.open(room / "many.tar.gz", "w:gz", compresslevel=1) as archive:
        for name, text in many():
            entry = tarfile.TarInfo(name)
            entry.size = len(text)
            archive.addfile(entry, io.BytesIO(text.encode()))
    assert built(room / "many.tar.gz", settings) == FILES


def test_a_zip_of_five_gigabytes(room, settings):
    reflections = "".join(f"{h} {h // 7} {h // 31} {h * 7.31:.2f} 1.0\n" for h in range(2500))
    more = "loop_\n" + "".join(f"_refln_{x}\n" for x in ("h", "k", "l", "f", "s")) + reflections
    path = room / "many.zip"
    with zipfile.ZipFile(path, "w") as archive:  # not packed
        for name, text in many():
            archive.writestr(name, text + more)
    assert path.stat().st_size > 5e9
    assert built(path, settings) == FILES


def test_a_cif_of_a_million_sites(room, settings):
    folder = room / "large"
    folder.mkdir()
    (folder / "salt.cif").write_text(rock_salt(5.6))
    sites = "".join(f"H H .{i % 1000} .1 .{i // 1000}\n" for i in range(1_000_000))
    (folder / "large.cif").write_text(rock_salt(90.0) + sites)
    assert built(folder, settings | {"max_skipped_fraction": 0.5}) == 1
