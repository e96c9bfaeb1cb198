import gemmi
import numpy as np
import pytest
from cif_text import cif_text, cube, named

from sgan_jax.crystals import cif, displacements

MONOCLINIC = (5.0, 7.0, 9.0, 90.0, 105.0, 90.0)
TENSOR = np.array([[0.012, 0.02, 0.015, 0.002, 0.004, -0.001]])


def _read(text, **options):
    (crystal,) = cif.crystals_from_text("x.cif", text, **options)
    return crystal


def _iso(tag, value):
    text = cif_text(cube(4), named("P m -3 m"), [("Cu", "Cu", 0, 0, 0)]).decode()
    text = text.replace("_atom_site_occupancy", f"_atom_site_occupancy\n_atom_site_{tag}")
    return text.replace("0 0 0 1", f"0 0 0 1 {value}").encode()


def _aniso(kind, values, cell=MONOCLINIC, group="P 1 21/c 1", position=(0.1, 0.2, 0.3)):
    tags = [f"_atom_site_aniso_{kind}_{ij}" for ij in ("11", "22", "33", "12", "13", "23")]
    lines = ["loop_", "_atom_site_aniso_label", *tags, "Cu1 " + " ".join(map(str, values))]
    return cif_text(cell, named(group), [("Cu1", "Cu", *position)], "\n".join(lines))


@pytest.mark.parametrize(
    "tag, value, b_iso",
    [
        ("U_iso_or_equiv", "0.01", 0.01 * 8 * np.pi**2),
        ("U_iso_or_equiv", "0.0100(12)", 0.01 * 8 * np.pi**2),
        ("B_iso_or_equiv", "0.55", 0.55),
        ("B_iso_or_equiv", "0", 0.0),  # an atom at rest is a valid model, too
        ("U_iso_or_equiv", "?", 0.5),
        ("U_iso_or_equiv", ".", 0.5),
        ("U_iso_or_equiv", "-0.01", 0.5),  # imaginary vibrations count as unknown
        ("U_iso_or_equiv", "12", 0.5),
        ("U_iso_or_equiv", "1e999", 0.5),
    ],
)
def test_isotropic(tag, value, b_iso):
    crystal = _read(_iso(tag, value))
    np.testing.assert_allclose(crystal.b_iso, b_iso)
    assert np.isnan(crystal.u_aniso).all()


def test_u_b_and_beta_are_one_tensor():
    expected = _read(_aniso("U", TENSOR[0])).u_aniso
    np.testing.assert_allclose(expected, TENSOR)
    np.testing.assert_allclose(_read(_aniso("B", TENSOR[0] * 8 * np.pi**2)).u_aniso, TENSOR)
    # β from its definition, with gemmi's reciprocal cell: exp(-Σ β_ij h_i h_j).
    reciprocal = gemmi.UnitCell(*MONOCLINIC).reciprocal()
    a, b, c = reciprocal.a, reciprocal.b, reciprocal.c
    beta = 2 * np.pi**2 * TENSOR[0] * [a * a, b * b, c * c, a * b, a * c, b * c]
    np.testing.assert_allclose(_read(_aniso("beta", beta)).u_aniso, TENSOR)


def test_b_equivalent_is_that_of_gemmi():
    small = gemmi.SmallStructure()
    small.cell = gemmi.UnitCell(*MONOCLINIC)
    expected = small.cell.calculate_u_eq(gemmi.SMat33d(*TENSOR[0])) * 8 * np.pi**2
    np.testing.assert_allclose(_read(_aniso("U", TENSOR[0])).b_iso, expected)


def test_cartesian_and_back():
    tensors = displacements.cartesian(TENSOR, MONOCLINIC)
    np.testing.assert_allclose(displacements.from_cartesian(tensors, MONOCLINIC), TENSOR)
    # h·U·h from the CIF's definition is s·U·s of the Cartesian tensor.
    reciprocal = gemmi.UnitCell(*MONOCLINIC).reciprocal()
    h = np.array([1, -2, 3])
    scaled = h * [reciprocal.a, reciprocal.b, reciprocal.c]
    u = TENSOR[0][[[0, 3, 4], [3, 1, 5], [4, 5, 2]]]
    s = np.array(gemmi.UnitCell(*MONOCLINIC).frac.mat.tolist()).T @ h
    np.testing.assert_allclose(s @ tensors[0] @ s, scaled @ u @ scaled)


def test_tensors_that_are_no_vibration_count_as_unknown():
    for values in (
        [-0.01, 0.01, 0.01, 0, 0, 0],
        [0.01, 0.01, 0.01, 0.05, 0, 0],
        [9] * 6,
        ["?"] * 6,
    ):
        crystal = _read(_aniso("U", values))
        assert np.isnan(crystal.u_aniso).all()
        np.testing.assert_allclose(crystal.b_iso, 0.5)


def test_tensors_take_the_symmetry_of_their_site():
    # On a fourfold axis U11 = U22 and U12 = U13 = U23 = 0, whatever the rounding in the file.
    crystal = _read(
        _aniso(
            "U", [0.010, 0.012, 0.02, 0.001, 0, 0], (4, 4, 6, 90, 90, 90), "P 4 m m", (0, 0, 0.1)
        )
    )
    np.testing.assert_allclose(crystal.u_aniso, [[0.011, 0.011, 0.02, 0, 0, 0]], atol=1e-15)
    # On a threefold axis in hexagonal axes U12 = U11 / 2.
    crystal = _read(
        _aniso("U", [0.02, 0.02, 0.01, 0.01, 0, 0], (4, 4, 6, 90, 90, 120), "P 3", (0, 0, 0.1))
    )
    np.testing.assert_allclose(crystal.u_aniso, [[0.02, 0.02, 0.01, 0.01, 0, 0]], atol=1e-15)
