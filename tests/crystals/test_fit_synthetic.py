"""The table of statistics, for crystals whose statistics are known by hand."""

import dataclasses
import hashlib

import numpy as np
import pytest
from given_crystals import cuprite, rock_salt, rutile

from sgan_jax.crystals import cif, fit_synthetic, synthetic_statistics, wyckoff


@pytest.fixture(scope="module")
def table() -> dict[str, np.ndarray]:
    salts = [rock_salt(5.6 + 0.01 * k, "Na", "Cl") for k in range(30)]
    rutiles = [rutile(4.6, 2.96, 0.305) for _ in range(240)]
    single = [rock_salt(6.0, "Cl", "Na")] * 2
    return fit_synthetic.fit([*salts, *rutiles, *single, cuprite()])


def test_groups_and_arrangements_are_counted(table):
    assert table["group_counts"].sum() == 273
    assert table["group_counts"][[225, 136, 224]].tolist() == [32, 240, 1]
    lines = bytes(table["arrangements"]).decode().splitlines()
    # The two sites of rock salt are equivalent: one arrangement, whichever element is at 0 0 0.
    assert [line.split()[:2] for line in lines] == [["136", "240"], ["225", "32"]]
    assert sorted(lines[1].split()[2].split("|")) == ["0", "1"]


def test_what_only_a_few_crystals_have_in_common_is_left_out(table):
    assert not any(line.startswith(b"224") for line in bytes(table["arrangements"]).splitlines())
    assert table["sizes"].sum() == 1  # the cuprite, of two orbits and two elements, cubic
    assert table["sizes"][6, 2, 2] == 1


def test_elements_occur_with_each_other_in_their_shares(table):
    names = table["elements"].tolist()
    assert names == ["Cl", "Na", "O", "Ti"]  # one crystal of copper is too few
    assert table["pair_counts"].tolist() == [
        [32, 32, 0, 0],
        [32, 32, 0, 0],
        [0, 0, 240, 240],
        [0, 0, 240, 240],
    ]
    shares = table["element_shares"][2].astype(float)
    # Shrunk towards a half with the weight of three crystals.
    assert shares[0] == pytest.approx(0.5, abs=1e-3)
    assert shares[2] == pytest.approx((240 * 2 / 3 + 1.5) / 243, abs=1e-3)


def test_volumes_and_distances_are_those_of_the_crystals(table):
    volumes = table["atom_volumes"]
    assert volumes[:2].sum() == pytest.approx(5.74**3 / 4, rel=0.03)
    assert volumes[2] * 2 + volumes[3] == pytest.approx(4.6**2 * 2.96 / 2, rel=0.01)
    bond = 4.6 * np.sqrt(2) * 0.305  # Ti-O along [110]; the other four are 1.95 Å long
    assert table["contacts"][2, 3] == pytest.approx(min(bond, 1.95), abs=0.05)


def test_coordinates_and_shapes(table):
    ((number, _, row),) = table["histogram_positions"].tolist()
    assert number == 136 and row == 0
    # x x 0 with x = 0.305, and its images 0.695: bins 15 and 33 of 48.
    assert np.flatnonzero(table["histograms"][0]).tolist() == [15, 33]
    tetragonal = table["shapes"][table["shape_groups"] == 136] / synthetic_statistics.SHAPE_SCALE
    np.testing.assert_allclose(tetragonal[:, 0], np.log(6), atol=1e-3)
    np.testing.assert_allclose(tetragonal[:, 1:3], np.log(4.6 / 2.96), atol=1e-3)
    assert (tetragonal[:, 3:] == 0).all()


@pytest.mark.parametrize("option", ["--only", "--leave_out"])
def test_ids_choose_the_crystals_that_count(tmp_path, monkeypatch, option):
    known = [rock_salt(5.6 + 0.01 * k, "Na", "Cl") for k in range(60)]
    known = [cuprite(), *known, cuprite()]
    known = [dataclasses.replace(one, id=f"salt {k}") for k, one in enumerate(known)]
    monkeypatch.setattr(cif, "read_crystals", lambda path, skipped: iter(known))
    ids = tmp_path / "ids.tsv"
    ids.write_text("".join(f"salt {k}\tlabelled\n" for k in range(25)))
    to = tmp_path / "table.npz"
    arguments = ["fit", "--crystals=all.zip", f"{option}={ids}", f"--to={to}"]
    monkeypatch.setattr("sys.argv", arguments)
    fit_synthetic.main()
    table = synthetic_statistics.statistics(to)
    assert table.group_counts.sum() == {"--only": 25, "--leave_out": 37}[option]
    used = range(25) if option == "--only" else range(25, 62)
    hashes = [hashlib.blake2b(f"salt {k}".encode(), digest_size=8).digest() for k in used]
    assert table.known.tolist() == sorted(int.from_bytes(each, "little") for each in hashes)


def test_ids_that_no_crystal_has_are_an_error(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(cif, "read_crystals", lambda path, skipped: iter([]))
    (tmp_path / "ids.tsv").write_text("salt 3\n")
    monkeypatch.setattr(
        "sys.argv", ["fit", "--crystals=a.zip", f"--only={tmp_path}/ids.tsv", "--to=table.npz"]
    )
    with pytest.raises(SystemExit):
        fit_synthetic.main()
    assert "1 ids" in (said := capsys.readouterr().err) and "salt 3" in said


def test_an_id_of_two_crystals_chooses_none(tmp_path, monkeypatch, capsys):
    twins = [dataclasses.replace(cuprite(), id="salt 3")] * 2
    monkeypatch.setattr(cif, "read_crystals", lambda path, skipped: iter(twins))
    (tmp_path / "ids.tsv").write_text("salt 3\n")
    monkeypatch.setattr(
        "sys.argv", ["fit", "--crystals=a.zip", f"--only={tmp_path}/ids.tsv", "--to=table.npz"]
    )
    with pytest.raises(SystemExit):
        fit_synthetic.main()
    assert "a.zip: several crystals have the id salt 3" in capsys.readouterr().err


def test_the_table_in_the_package_is_small_and_whole():
    table = synthetic_statistics.statistics()
    assert synthetic_statistics.PATH.stat().st_size < 300_000
    assert (table.group_counts[1:] >= 0).all() and table.group_counts[0] == 0
    count = len(table.elements)
    assert table.contacts.shape == table.pair_counts.shape == (count, count)
    for number, index, _ in table.histogram_positions.tolist():
        assert wyckoff.wyckoff_positions(number)[index].freedom > 0
