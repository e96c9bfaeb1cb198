"""A file of crystals cut in two: nothing lost, nothing twice, no structure type in both."""

import pathlib
import zipfile

import pytest
from rock_salts import rock_salt

from sgan_jax.datasets import hold_out

GROUPS = {"rock_salt": "F m -3 m", "blende": "F -4 3 m", "another": "F d -3 m"}


def zip_of_three_types(path: pathlib.Path) -> dict[str, bytes]:
    """Write a zip of ten crystals of each group and one broken file; return the good ones."""
    texts = {
        f"{kind}/{i}.cif": rock_salt(5.0 + i).replace("F m -3 m", group).replace("0.5", "0.25")
        for kind, group in GROUPS.items()
        for i in range(10)
    }
    with zipfile.ZipFile(path, "w") as archive:
        for name, text in texts.items():
            archive.writestr(name, text)
        archive.writestr("broken.cif", "data_x\n_cell_length_a ?")
    return {name: text.encode() for name, text in texts.items()}


def content(path: pathlib.Path) -> dict[str, bytes]:
    with zipfile.ZipFile(path) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def test_each_type_is_wholly_in_one_of_the_two(tmp_path):
    written = zip_of_three_types(tmp_path / "all.zip")
    paths = [tmp_path / "all.zip", tmp_path / "rest.zip", tmp_path / "held_out.zip"]
    assert hold_out.hold_out(*paths, fraction=0.4, seed=0) == (20, 10)
    rest, held_out = content(paths[1]), content(paths[2])
    assert not rest.keys() & held_out.keys()
    assert rest | held_out == written
    kinds = [{name.split("/")[0] for name in part} for part in (rest, held_out)]
    assert sorted(map(len, kinds)) == [1, 2]
    assert kinds[0] | kinds[1] == set(GROUPS)


def test_nothing_to_test_on_is_an_error(tmp_path):
    zip_of_three_types(tmp_path / "all.zip")
    with pytest.raises(ValueError, match="0 of 30 crystals would be held out"):
        hold_out.hold_out(
            tmp_path / "all.zip", tmp_path / "rest.zip", tmp_path / "held_out.zip", 0.0, 0
        )
