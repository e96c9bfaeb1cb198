"""Scattering lengths against the printed table of Sears, Neutron News 3 (1992) 26."""

import pytest
from cif_text import cif_text, cube, named

from sgan_jax.crystals import cif, scattering_lengths
from sgan_jax.diffraction import reflections


@pytest.mark.parametrize(
    ("name", "b_coherent_fm"),
    [("H", -3.739), ("D", 6.671), ("V", -0.3824), ("11B", 6.65), ("58Ni", 14.4), ("62Ni", -8.7)],
)
def test_lengths_are_those_of_the_table(name, b_coherent_fm):
    assert scattering_lengths.scattering_length_fm(name) == pytest.approx(b_coherent_fm, rel=1e-3)


def test_what_nobody_has_measured_has_none():
    assert scattering_lengths.scattering_length_fm("Po") is None


@pytest.mark.parametrize("name", ["Li", "99Li", "7Qq", "", "7"])
def test_other_texts_are_no_isotopes(name):
    assert not scattering_lengths.is_isotope(name)


def test_an_isotope_scatters_by_its_own_length():
    """62Ni in place of nickel: |F|^2 of 200 changes as b^2, (4 * -8.7 fm)^2 * Debye-Waller."""
    f_squared = {}
    for symbol in ("Ni", "62Ni"):
        text = cif_text(cube(3.524), named("F m -3 m"), [("A", symbol, 0, 0, 0)])
        (crystal,) = cif.crystals_from_text("x.cif", text)
        f_squared[crystal.formula] = reflections.reflections(crystal, 1.54, 100.0).f_squared[1]
    assert f_squared["[62Ni]"] / f_squared["Ni"] == pytest.approx((8.7 / 10.3) ** 2, rel=1e-3)
