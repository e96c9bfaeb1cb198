import pickle
import string

import numpy as np
import pytest
from cif_text import ROCK_SALT, cif_text, cube, named, operations, read, skip_reason, surroundings
from hypothesis import given, settings
from hypothesis import strategies as st

from sgan_jax.crystals import cif

GOOD = cif_text(
    cube(5.64),
    named("F m -3 m"),
    ROCK_SALT,
    "loop_\n_atom_site_aniso_label\n"
    + "\n".join(f"_atom_site_aniso_U_{ij}" for ij in ("11", "22", "33", "12", "13", "23"))
    + "\nNa1 .01 .01 .01 0 0 0\nCl1 .01 .01 .01 0 0 0",
)


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "latin-1"])
def test_encodings(encoding):
    text = "# Bärnighausen\n" + GOOD.decode()
    assert read(text.encode(encoding)).formula == "NaCl"


def test_old_and_new_dictionaries_read_alike():
    new = GOOD.decode().replace("_cell_", "_cell.").replace("_atom_site_f", "_atom_site.f")
    new = new.replace("_atom_site_t", "_ATOM_SITE.t").replace("_symmetry_", "_symmetry.")
    assert surroundings(read(new.encode())) == surroundings(read(GOOD))


@pytest.mark.parametrize("name, number", [("P m -3 m", 221), ("R -3 m", 166), ("P 4 3 2", 207)])
def test_a_right_angled_cell_needs_no_angles(name, number):
    text = cif_text(("4", "4", "4", ".", ".", "."), named(name), [("Cu", "Cu", 0, 0, 0)])
    assert read(text).space_group_number == number


def test_cells_are_made_exactly_symmetric():
    text = cif_text((4.001, 4, 3.999, 90.01, 90, 90), named("P m -3 m"), [("Cu", "Cu", 0, 0, 0)])
    a, b, c, *angles = read(text).cell
    assert a == pytest.approx(4, abs=1e-4) and abs(a - b) < 1e-12 and abs(a - c) < 1e-12
    np.testing.assert_allclose(angles, 90, atol=1e-12)


@pytest.mark.parametrize(
    "cell, name",
    [
        ((4, 5, 6, 90, 90, 90), "P m -3 m"),
        ((4, 4, 4.2, 90, 90, 90), "P m -3 m"),
        ((4, 4, 6, 90, 90, 90), "P 63/m m c"),
        ((4, 4, 6, 90, 90, 118), "P 63/m m c"),
        ((4, 5, 6, 90, 90, 95), "P 1 21/c 1"),
        ((4, 4, 6, 90, 90, 120), "R -3 m:R"),
    ],
)
def test_cells_that_are_not_the_groups(cell, name):
    assert skip_reason(cif_text(cell, named(name), ROCK_SALT)) == "cell against symmetry"


def test_special_positions_by_distance_not_by_digits():
    # 0.005 Å off the mirror plane: on it. 0.1 Å off: two half-occupied atoms beside it.
    group = named("P m m m")
    near = cif_text((10, 11, 12, 90, 90, 90), group, [("Cu", "Cu", 0.0005, 0.2, 0.3)])
    assert read(near).atoms == 4
    assert read(near).fractional[0, 0] == 0
    split = cif_text((10, 11, 12, 90, 90, 90), group, [("Cu", "Cu", 0.01, 0.2, 0.3, 0.5)])
    assert read(split).atoms == 4
    assert len(read(split).unit_cell_sites().fractional) == 8
    full = cif_text((10, 11, 12, 90, 90, 90), group, [("Cu", "Cu", 0.01, 0.2, 0.3)])
    assert skip_reason(full) == "overlapping atoms"


def test_overlaps_are_found_across_the_cell_and_among_images():
    cell = (8, 8, 8, 90, 90, 90)
    across = [("Cu", "Cu", 0.001, 0.999, 0.5), ("Au", "Au", 0.999, 0.001, 0.5)]
    assert skip_reason(cif_text(cell, named("P 1"), across)) == "overlapping atoms"
    images = [("Cu", "Cu", 0.1, 0.2, 0.3), ("Au", "Au", 0.9, 0.8, 0.7)]
    assert skip_reason(cif_text(cell, named("P -1"), images)) == "overlapping atoms"
    shared = [("Cu", "Cu", 0.1, 0.2, 0.3, 0.5), ("Au", "Au", 0.9, 0.8, 0.7, 0.5)]
    assert read(cif_text(cell, named("P -1"), shared)).atoms == 2


def test_a_whole_cell_beside_full_operations_is_one_crystal():
    every = [
        (f"{element}{n}", element, x + dx, y + dy, z + dz)
        for n, (x, y, z) in enumerate([(0, 0, 0), (0, 0.5, 0.5), (0.5, 0, 0.5), (0.5, 0.5, 0)])
        for element, dx, dy, dz in (("Na", 0, 0, 0), ("Cl", 0.5, 0.5, 0.5))
    ]
    crystal = read(cif_text(cube(5.64), named("F m -3 m"), every))
    assert crystal.elements == ("Na", "Cl")
    assert surroundings(crystal) == surroundings(read(GOOD))


@pytest.mark.parametrize("origin", [1, 2])
def test_a_bare_name_takes_the_origin_that_makes_sense(origin):
    shift = 0.125 if origin == 2 else 0.0
    diamond = cif_text(cube(5.43), named("F d -3 m"), [("Si", "Si", shift, shift, shift)])
    assert read(diamond).atoms == 8
    # With either origin a spinel has as many atoms; its composition decides.
    x = 0.3875 - 0.125 if origin == 2 else 0.3875
    spinel = [
        ("Mg", "Mg", shift, shift, shift),
        ("Al", "Al", *[0.5 if origin == 2 else 0.625] * 3),
        ("O", "O", x, x, x),
    ]
    text = cif_text(cube(8.08), named("F d -3 m"), spinel, "_chemical_formula_sum 'Al2 Mg O4'")
    assert read(text).formula == "MgAl2O4"


def test_the_same_crystal_in_many_origins_and_settings():
    p21c = cif_text((5, 6, 7, 90, 100, 90), named("P 1 21/c 1"), [("Cu", "Cu", 0.1, 0.2, 0.3)])
    shifted = cif_text(
        (5, 6, 7, 90, 100, 90),
        operations("x,y,z", "0.26-x,y+1/2,1/2-z", "0.26-x,-y,-z", "x,1/2-y,1/2+z"),
        [("Cu", "Cu", 0.23, 0.2, 0.3)],
    )
    axes_renamed = cif_text(
        (7, 5, 6, 90, 90, 100), named("P 1 1 21/b"), [("Cu", "Cu", 0.3, 0.1, 0.2)]
    )
    expected = read(p21c)
    for text in (shifted, axes_renamed):
        assert read(text).space_group_number == 14
        assert read(text).structure_type == expected.structure_type
    assert surroundings(read(shifted)) == surroundings(expected)


def test_blocks_without_atoms_are_no_crystals():
    text = b"data_global\n_publ_section_title 'Salt'\n" + GOOD
    assert read(text).id == "x"


def test_a_bad_block_does_not_spoil_the_good_ones():
    bad = cif_text(cube(5), named("Q 5 z"), ROCK_SALT, name="bad")
    skipped = []
    found = cif.crystals_from_text("f/x.cif", GOOD + bad + GOOD, skipped=skipped)
    assert [crystal.id for crystal in found] == ["f/x:x", "f/x:x'"]
    assert [(entry.file, entry.reason) for entry in skipped] == [
        ("f/x.cif:bad", "unknown space group")
    ]


def test_magnetic_and_modulated_structures_are_named():
    magnetic = "loop_\n_space_group_symop_magn_operation.xyz\n'x,y,z,+1'"
    assert skip_reason(cif_text(cube(4), magnetic, ROCK_SALT)) == "magnetic structure"
    assert skip_reason(cif_text(cube(4), operations("x,y,z,-1"), ROCK_SALT)) == "magnetic structure"
    modulated = named("P 1") + "\n_cell_modulation_dimension 1"
    assert skip_reason(cif_text(cube(4), modulated, ROCK_SALT)) == "modulated structure"


def test_huge_cells_are_refused_before_they_are_built():
    atoms = [(f"C{n}", "C", n / 331 % 1, n / 577 % 1, n / 773 % 1) for n in range(300)]
    text = cif_text(cube(90), named("F m -3 m"), atoms)
    assert skip_reason(text) == "too large"
    atoms = [(f"C{n}", "C", 0, 0, 0) for n in range(60_000)]
    assert skip_reason(cif_text(cube(90), named("P 1"), atoms)) == "too large"


def test_an_unknown_symmetry_option_is_a_mistake_of_the_caller():
    with pytest.raises(ValueError, match="'file', 'spglib'"):
        cif.crystals_from_text("x.cif", GOOD, symmetry="P1")


def test_errors_and_crystals_survive_pickling():
    error = cif.CifError("no cell", "no edges", "x.cif")
    copy = pickle.loads(pickle.dumps(error))
    assert (copy.file, copy.reason, copy.detail, str(copy)) == (
        "x.cif",
        "no cell",
        "no edges",
        str(error),
    )
    crystal = pickle.loads(pickle.dumps(read(GOOD)))
    assert crystal.structure_type == read(GOOD).structure_type


NASTY = ["?", ".", "'", '"', ";", "\n;", "loop_", "data_", "save_", "#", "1e999", "-1", "0", "nan"]
NASTY += ["inf", "_atom_site_label", "x,y,z", "9" * 400, "\0", "é", "\r", "1/3", "(5)", "90", "P 1"]


@st.composite
def _mutations(draw):
    tokens = GOOD.decode().split(" ")
    text = " ".join(tokens)
    for _ in range(draw(st.integers(1, 6))):
        start = draw(st.integers(0, len(text)))
        length = draw(st.integers(0, 12))
        new = draw(
            st.sampled_from(NASTY)
            | st.text(string.printable, max_size=6)
            | st.integers(0, len(text)).map(lambda at: text[at : at + 20])  # noqa: B023
        )
        text = text[:start] + new + text[start + length :]
    return text.encode("utf-8", "replace")


@given(data=_mutations() | st.binary(max_size=200))
@settings(max_examples=400, deadline=None)
def test_any_bytes_give_crystals_or_a_reason(data):
    for symmetry in ("file", "spglib"):
        skipped = []
        crystals = cif.crystals_from_text("x.cif", data, symmetry=symmetry, skipped=skipped)
        assert crystals or skipped
        for crystal in crystals:
            elements, fractional, occupancies, b_iso = crystal.unit_cell_sites()
            assert len(elements) == len(fractional) > 0
            assert np.isfinite(fractional).all() and np.isfinite(b_iso).all()
            assert ((occupancies > 0) & (occupancies <= 1)).all() and (b_iso >= 0).all()
            assert 1 <= crystal.space_group_number <= 230
            assert crystal.volume > 0 and crystal.formula and crystal.structure_type
        if skipped:
            assert all(entry.reason and entry.detail for entry in skipped)
            with pytest.raises(cif.CifError):
                cif.crystals_from_text("x.cif", data, symmetry=symmetry)
