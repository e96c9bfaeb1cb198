import random
import zipfile

import gemmi
import numpy as np
import pytest
import textbook
from hypothesis import given, settings
from hypothesis import strategies as st
from textbook import crystal, cubic

from sgan_jax.crystals import cif
from sgan_jax.diffraction import reflections as bragg
from sgan_jax.diffraction import structure_factors
from sgan_jax.diffraction.instrument import PRESETS

NIST2022 = PRESETS["nist2022"]


def found(a_crystal, d_min=1.0):
    return bragg.reflections(a_crystal, 1.0, d_min_angstrom=d_min)


def gemmi_structure(a_crystal) -> gemmi.SmallStructure:
    """Return the crystal for gemmi, from its numbers, with its operations instead of a group."""
    u, v = a_crystal.u_aniso, a_crystal.b_iso / (8.0 * np.pi**2)
    rows = [
        f"{element}{i} {element} {x:.15f} {y:.15f} {z:.15f} {o:.15f} {iso:.15f} "
        f"{'Uani' if np.isfinite(u[i, 0]) else 'Uiso'}"
        for i, (element, (x, y, z), o, iso) in enumerate(
            zip(a_crystal.elements, a_crystal.fractional, a_crystal.occupancies, v, strict=True)
        )
    ]
    tensors = [
        f"{a_crystal.elements[i]}{i} " + " ".join(f"{x:.15f}" for x in u[i])
        for i in range(len(u))
        if np.isfinite(u[i, 0])
    ]
    operations = [
        gemmi.Op(triplet(rotation, translation)).triplet()
        for rotation, translation in zip(a_crystal.rotations, a_crystal.translations, strict=True)
    ]
    names = ("length_a", "length_b", "length_c", "angle_alpha", "angle_beta", "angle_gamma")
    text = ["data_x", *(f"_cell_{n} {x:.12f}" for n, x in zip(names, a_crystal.cell, strict=True))]
    text += ["loop_", "_space_group_symop_operation_xyz", *(f"'{op}'" for op in operations)]
    tags = "label type_symbol fract_x fract_y fract_z occupancy U_iso_or_equiv adp_type".split()
    text += ["loop_", *(f"_atom_site_{tag}" for tag in tags), *rows]
    if tensors:
        tags = ["label", *(f"U_{ij}" for ij in ("11", "22", "33", "12", "13", "23"))]
        text += ["loop_", *(f"_atom_site_aniso_{tag}" for tag in tags), *tensors]
    block = gemmi.cif.read_string("\n".join(text) + "\n").sole_block()
    small = gemmi.make_small_structure_from_block(block)
    # Our occupancies are those of the positions; gemmi's sum runs over all operations of the group.
    small.change_occupancies_to_crystallographic(0.02)
    return small


def triplet(rotation, translation) -> str:
    rows = []
    for row, shift in zip(rotation, translation, strict=True):
        terms = "".join(f"{n:+d}*{axis}" for n, axis in zip(row, "xyz", strict=True) if n)
        rows.append(terms.replace("1*", "") + f"+{round(shift * 24) % 24}/24")
    return ",".join(rows)


def assert_f_squared_is_gemmis(a_crystal, result, sample=None):
    structure = gemmi_structure(a_crystal)
    calculator = gemmi.StructureFactorCalculatorN(structure.cell)
    chosen = np.arange(len(result.hkl))
    if sample is not None:
        chosen = np.random.default_rng(0).permutation(chosen)[:sample]
    theirs = [
        abs(calculator.calculate_sf_from_small_structure(structure, hkl)) ** 2
        for hkl in result.hkl[chosen].tolist()
    ]
    # Relative, except for nearly absent ones, which are differences of large sums in both.
    np.testing.assert_allclose(
        result.f_squared[chosen], theirs, rtol=1e-6, atol=1e-9 * result.f_squared.max()
    )


@pytest.mark.parametrize("name", textbook.TEXTBOOK)
def test_f_squared_of_textbook_structures_is_gemmis(name):
    a_crystal = textbook.textbook(name)
    assert_f_squared_is_gemmis(a_crystal, found(a_crystal, 0.9))


@pytest.mark.parametrize("number", range(1, 231, 3))
def test_f_squared_of_atoms_in_general_positions_is_gemmis(number):
    group = gemmi.find_spacegroup_by_number(number)
    a_crystal = textbook.general_crystal(group)
    assert_f_squared_is_gemmis(a_crystal, found(a_crystal, 1.2), sample=40)


ANISOTROPIC = {  # allowed by site symmetry: the same after each operation of the site
    "P -1": [[0.010, 0.020, 0.030, 0.004, -0.003, 0.006], [0.02, 0.01, 0.01, 0.001, 0.002, 0.003]],
    "P 1 21/c 1": [
        [0.01, 0.03, 0.02, 0.004, -0.003, 0.006],
        [0.02, 0.01, 0.01, 0.001, 0.002, 0.003],
    ],
    "F d d 2": [[0.010, 0.020, 0.030, 0.004, -0.003, 0.006], [np.nan] * 6],
    "P 31 2 1": [[0.010, 0.020, 0.030, 0.004, -0.003, 0.006], [np.nan] * 6],
    "I a -3 d": [
        [0.010, 0.020, 0.030, 0.004, -0.003, 0.006],
        [0.02, 0.01, 0.01, 0.001, 0.002, 0.0],
    ],
}


@pytest.mark.parametrize("symbol", ANISOTROPIC)
def test_anisotropic_atoms_turn_with_the_operations(symbol, monkeypatch):
    group = gemmi.SpaceGroup(symbol)
    rows = [("O", 0.11, 0.23, 0.37, 0.8, 0.9), ("Fe", 0.41, 0.17, 0.29, 1.0, 0.3)]
    a_crystal = crystal(symbol, textbook.cell_of(group), rows, u_aniso=ANISOTROPIC[symbol])
    result = found(a_crystal)
    assert_f_squared_is_gemmis(a_crystal, result, sample=60)
    monkeypatch.setattr(structure_factors, "_CHUNK", 100)
    np.testing.assert_allclose(found(a_crystal).f_squared, result.f_squared, rtol=1e-12)


def test_f_squared_of_awkward_crystals_is_gemmis(shared_dir):
    crystals = list(cif.read_crystals(shared_dir / "structures" / "awkward", skipped=[]))
    assert any(np.isfinite(a_crystal.u_aniso).any() for a_crystal in crystals)
    for a_crystal in crystals:
        assert_f_squared_is_gemmis(a_crystal, found(a_crystal), sample=25)


def test_f_squared_of_real_crystals_is_gemmis(shared_dir):
    with zipfile.ZipFile(shared_dir / "structures" / "open_crystals.zip") as archive:
        names = random.Random(1).sample(sorted(archive.namelist()), 80)
        crystals = [
            a_crystal
            for name in names
            for a_crystal in cif.crystals_from_text(name, archive.read(name), skipped=[])
        ]
    assert len(crystals) > 70
    for a_crystal in crystals:
        assert_f_squared_is_gemmis(a_crystal, found(a_crystal), sample=15)


@pytest.mark.parametrize("name", ["copper", "iron", "rock salt", "fluorite", "silicon"])
def test_cubic_reflections_are_where_and_as_many_as_arithmetic_says(name):
    a_crystal = textbook.textbook(name)
    a = a_crystal.cell[0]
    result = found(a_crystal, 0.8)
    n = (result.hkl**2).sum(axis=1)
    np.testing.assert_allclose(result.d_angstrom, a / np.sqrt(n), rtol=1e-12)
    # All hkl in the sphere that the centring and, in silicon, the d glide do not extinguish.
    reach = int(a / 0.8) + 1
    axis = np.arange(-reach, reach + 1)
    hkl = np.stack(np.meshgrid(axis, axis, axis, indexing="ij"), -1).reshape(-1, 3)
    hkl = hkl[((hkl**2).sum(1) <= (a / 0.8) ** 2) & hkl.any(1)]
    if name == "iron":
        hkl = hkl[hkl.sum(1) % 2 == 0]
    else:
        hkl = hkl[(hkl % 2 == hkl[:, :1] % 2).all(1)]
    if name == "silicon":
        hkl = hkl[~((hkl == 0).any(1) & (hkl.sum(1) % 4 != 0))]
    assert result.multiplicity.sum() == len(hkl)
    assert len(result.hkl) == len({tuple(sorted(np.abs(x))) for x in hkl.tolist()})


def test_rock_salt_by_hand():
    result = found(textbook.textbook("rock salt"), 1.6)
    b_na, b_cl, a = 3.63, 9.577, 5.6402
    damping = np.exp(-0.5 / (4.0 * result.d_angstrom**2)) ** 2
    expected = {
        3: (8, 16 * (b_na - b_cl) ** 2),
        4: (6, 16 * (b_na + b_cl) ** 2),
        8: (12, 16 * (b_na + b_cl) ** 2),
        11: (24, 16 * (b_na - b_cl) ** 2),
        12: (8, 16 * (b_na + b_cl) ** 2),
    }
    n = np.rint((a / result.d_angstrom) ** 2).astype(int)
    assert n.tolist() == sorted(expected)
    assert result.multiplicity.tolist() == [expected[i][0] for i in n]
    np.testing.assert_allclose(result.f_squared, damping * [expected[i][1] for i in n], rtol=1e-9)


def test_slabs_of_reciprocal_space_join_without_a_seam(monkeypatch):
    a_crystal = textbook.general_crystal(gemmi.SpaceGroup("P -3 1 c"))
    whole = found(a_crystal)
    monkeypatch.setattr(bragg, "_CHUNK", 500)
    parts = found(a_crystal)
    np.testing.assert_array_equal(whole.hkl, parts.hkl)
    np.testing.assert_allclose(whole.f_squared, parts.f_squared, rtol=1e-9)


@settings(max_examples=30, deadline=None)
@given(number=st.integers(1, 230), occupancy=st.floats(0.1, 1.0), wavelength=st.floats(1.5, 4.0))
def test_reflections_are_in_order_within_reach_and_scale_with_occupancy(
    number, occupancy, wavelength
):
    group = gemmi.find_spacegroup_by_number(number)
    rows = [("O", 0.11, 0.23, 0.37), ("Fe", 0.41, 0.17, 0.29)]
    cell = textbook.cell_of(group)
    full = bragg.reflections(crystal(group.xhm(), cell, rows), wavelength, 120.0)
    diluted = [(*row, occupancy) for row in rows]
    partly = bragg.reflections(crystal(group.xhm(), cell, diluted), wavelength, 120.0)
    np.testing.assert_allclose(partly.f_squared, occupancy**2 * full.f_squared, atol=1e-9)
    assert (np.diff(full.d_angstrom) <= 0).all()
    assert full.d_angstrom.min(initial=9.0) >= wavelength / (2 * np.sin(np.radians(60))) - 1e-9
    assert full.hkl.any(axis=1).all()
    assert (full.f_squared >= 0).all()


def test_an_element_that_nobody_has_measured_is_an_error():
    with pytest.raises(ValueError, match="no neutron scattering length is known for 'Po'"):
        found(crystal(221, cubic(3.35), [("Po", 0, 0, 0)]))


def test_an_inversion_centre_away_from_the_origin_changes_nothing():
    a_crystal = textbook.textbook("corundum")
    shift = np.array([0.1, 0.2, 0.3])
    moved = crystal(
        "R -3 c:H",
        a_crystal.cell,
        [
            (element, *(x + shift))
            for element, x in zip(a_crystal.elements, a_crystal.fractional, strict=True)
        ],
        rotations=a_crystal.rotations,
        translations=a_crystal.translations + shift - a_crystal.rotations @ shift,
    )
    np.testing.assert_allclose(found(moved).f_squared, found(a_crystal).f_squared, rtol=1e-9)
