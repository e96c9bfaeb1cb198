import copy
import gc
import gzip
import io
import os
import tarfile
import zipfile

import pytest
from cif_text import ROCK_SALT, cif_text, cube, named

from sgan_jax.crystals import cif, members

GOOD = cif_text(cube(5.64), named("F m -3 m"), ROCK_SALT)
NAMES = ["a.cif", "b/c.CIF", "b/d.cif.gz"]


def _bytes(name):
    return gzip.compress(GOOD) if name.endswith(".gz") else GOOD


@pytest.fixture
def folder(tmp_path):
    path = tmp_path / "folder"
    (path / "b").mkdir(parents=True)
    for name in NAMES:
        (path / name).write_bytes(_bytes(name))
    (path / "readme.txt").write_text("no crystal")
    (path / "b" / "._c.cif").write_bytes(b"\0\0\0 what macOS leaves behind")
    (path / "z.cif").mkdir()
    return path


def _zip(folder, target):
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        for path in sorted(folder.rglob("*"), reverse=True):
            archive.write(path, path.relative_to(folder))
    return target


def _tar(folder, target, mode):
    with tarfile.open(target, mode) as archive:
        for name in [*NAMES, "readme.txt"]:
            archive.add(folder / name, f"./{name}")
    return target


def test_a_dangling_link_is_a_skipped_file(folder):
    (folder / "link.cif").symlink_to("nowhere.cif")
    skipped = []
    assert len(list(cif.read_crystals(folder, skipped=skipped))) == len(NAMES)
    assert [(entry.file, entry.reason) for entry in skipped] == [("link.cif", "unreadable file")]


@pytest.mark.parametrize("kind", ["folder", "zip", "tar", "tar.gz", "tar.xz"])
def test_folders_and_archives_give_the_same_crystals(folder, tmp_path, kind):
    path = {
        "folder": lambda: folder,
        "zip": lambda: _zip(folder, tmp_path / "x.zip"),
        "tar": lambda: _tar(folder, tmp_path / "x.tar", "w"),
        "tar.gz": lambda: _tar(folder, tmp_path / "x.tar.gz", "w:gz"),
        "tar.xz": lambda: _tar(folder, tmp_path / "x.txz", "w:xz"),
    }[kind]()
    crystals = list(cif.read_crystals(path))
    assert [crystal.id for crystal in crystals] == ["a", "b/c", "b/d"]
    assert {crystal.formula for crystal in crystals} == {"NaCl"}
    assert {crystal.source for crystal in crystals} == {str(path)}


def test_one_file_packed_or_not(folder):
    assert [crystal.id for crystal in cif.read_crystals(folder / "a.cif")] == ["a"]
    assert [crystal.id for crystal in cif.read_crystals(folder / "b/d.cif.gz")] == ["d"]


def test_a_file_of_any_name_is_read_when_asked_for(folder):
    (folder / "a.cif").rename(folder / "structure.txt")
    assert [crystal.id for crystal in cif.read_crystals(folder / "structure.txt")] == [
        "structure.txt"
    ]


def test_members_are_sorted_whatever_order_they_came_in(tmp_path):
    path = tmp_path / "x.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for name in ("2.cif", "10.cif", "1.cif"):
            archive.writestr(name, GOOD)
    assert [member.name for member in members.cif_members(path)] == ["1.cif", "10.cif", "2.cif"]


def test_a_bomb_is_not_unpacked(tmp_path, monkeypatch):
    monkeypatch.setattr(members, "MAX_BYTES", 2**20)
    path = tmp_path / "x.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a.cif", b" " * (2**20 + 1))
        archive.writestr("b.cif.gz", gzip.compress(b" " * 2**24))
        archive.writestr("c.cif", GOOD)
    skipped = []
    assert [crystal.id for crystal in cif.read_crystals(path, skipped=skipped)] == ["c"]
    assert [(entry.file, entry.reason) for entry in skipped] == [
        ("a.cif", "too large"),
        ("b.cif.gz", "too large"),
    ]


def test_broken_members_do_not_stop_the_others(tmp_path):
    path = tmp_path / "x.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("a.cif", GOOD)
        archive.writestr("b.cif.gz", gzip.compress(GOOD)[:-20])
        archive.writestr("c.cif.gz", b"not packed at all")
        archive.writestr("d.cif", GOOD)
    data = bytearray(path.read_bytes())
    data[data.index(b"5.64")] ^= 1  # the checksum of a.cif is wrong now
    path.write_bytes(data)
    skipped = []
    assert [crystal.id for crystal in cif.read_crystals(path, skipped=skipped)] == ["d"]
    assert [entry.file for entry in skipped] == ["a.cif", "b.cif.gz", "c.cif.gz"]
    assert {entry.reason for entry in skipped} == {"unreadable file"}
    with pytest.raises(cif.CifError, match=r"a\.cif: unreadable file"):
        list(cif.read_crystals(path))


def test_a_zip_whose_entries_share_their_bytes_is_refused_as_a_whole(tmp_path):
    path = tmp_path / "x.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("a.cif", GOOD)
        (entry,) = archive.filelist
        for i in range(20):  # as in Fifield's bombs (2019)
            again = copy.copy(entry)
            again.filename = f"{i}.cif"
            archive.filelist.append(again)
    with pytest.raises(cif.CifError, match="too large: its entries overlap"):
        list(cif.read_crystals(path, skipped=[]))


def test_a_tar_that_unpacks_to_far_more_than_it_should_is_left_where_it_does(tmp_path, monkeypatch):
    monkeypatch.setattr(members, "_FREE_BYTES", 2**20)
    path = tmp_path / "x.tar.xz"
    with tarfile.open(path, "w:xz") as archive:
        for name, content in (("a.cif", GOOD), ("zeros", bytes(2**23)), ("b.cif", GOOD)):
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content))
    assert 2**23 > 500 * path.stat().st_size
    read = []
    with pytest.raises(cif.CifError, match="too large"):
        read += (member.name for member in members.cif_members(path))
    monkeypatch.undo()
    assert [member.name for member in members.cif_members(path)] == ["a.cif", "b.cif"]


def test_a_tar_takes_no_memory_for_the_files_it_has_given(tmp_path):
    path = tmp_path / "x.tar"
    with tarfile.open(path, "w") as archive:
        for i in range(50):
            archive.addfile(tarfile.TarInfo(f"{i}.cif"))
    del archive
    gc.collect()  # what other tests have left
    for member in members.cif_members(path):
        if member.name == "49.cif":
            # By type: isinstance asks objects for __class__, and lazy modules of others then warn.
            assert sum(type(one) is tarfile.TarInfo for one in gc.get_objects()) <= 4


def test_a_damaged_header_is_not_the_end_of_a_tar(tmp_path):
    path = tmp_path / "x.tar"
    with tarfile.open(path, "w") as archive:
        for name in ("a.cif", "b.cif"):
            archive.addfile(tarfile.TarInfo(name))
    data = bytearray(path.read_bytes())
    data[data.index(b"b.cif")] ^= 1
    path.write_bytes(data)
    with pytest.raises(cif.CifError, match="damaged at byte"):
        list(cif.read_crystals(path, skipped=[]))


@pytest.mark.parametrize("cut", [0.3, 0.9])
def test_cut_archives_raise_one_kind_of_error(folder, tmp_path, cut):
    for path in (
        _zip(folder, tmp_path / "x.zip"),
        _tar(folder, tmp_path / "x.tar.gz", "w:gz"),
    ):
        data = path.read_bytes()
        path.write_bytes(data[: int(len(data) * cut)])
        with pytest.raises(cif.CifError):
            list(cif.read_crystals(path))


def test_nothing_to_read_is_said_even_with_a_list(tmp_path):
    (tmp_path / "empty").mkdir()
    with pytest.raises(cif.CifError, match="no file named"):
        list(cif.read_crystals(tmp_path / "empty", skipped=[]))
    with pytest.raises(cif.CifError, match="no such file"):
        list(cif.read_crystals(tmp_path / "absent.zip", skipped=[]))


def test_tar_members_that_are_no_files_are_passed_over(tmp_path):
    path = tmp_path / "x.tar"
    with tarfile.open(path, "w") as archive:
        for name, kind in (("link.cif", tarfile.SYMTYPE), ("pipe.cif", tarfile.FIFOTYPE)):
            entry = tarfile.TarInfo(name)
            entry.type, entry.linkname = kind, "/etc/passwd"
            archive.addfile(entry)
        entry = tarfile.TarInfo("good.cif")
        entry.size = len(GOOD)
        archive.addfile(entry, io.BytesIO(GOOD))
    assert [member.name for member in members.cif_members(path)] == ["good.cif"]


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs pipes")
def test_pipes_in_a_folder_are_passed_over(folder):
    os.mkfifo(folder / "pipe.cif")
    assert [member.name for member in members.cif_members(folder)] == NAMES
