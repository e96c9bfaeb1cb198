"""Elements, occupancies and dummies, as people write them."""

import pytest
from cif_text import cif_text, cube, named, read, skip_reason


@pytest.mark.parametrize(
    "symbol, label, element",
    [
        ("Na1+", "x", "Na"),
        ("O2-", "x", "O"),
        ("Fe3+", "x", "Fe"),
        ("fe", "x", "Fe"),
        ("FE", "x", "Fe"),
        ("D", "x", "D"),
        ("2H", "x", "D"),
        ("7Li", "x", "7Li"),
        ("11B3+", "x", "11B"),
        ("?", "62Ni1", "62Ni"),
        ("H", "D1", "H"),
        ("?", "Na1", "Na"),
        (".", "Cl(1)", "Cl"),
        ("?", "CA1", "Ca"),
        ("?", "O1A", "O"),
        ("?", "Ow1", "O"),
        ("?", "OH2", "O"),
        ("?", "FeA", "Fe"),
        ("?", "SiT1", "Si"),
        ("?", "D1", "D"),
        ("?", "C1", "C"),
        ("'Mg2+'", "x", "Mg"),
    ],
)
def test_elements_as_people_write_them(symbol, label, element):
    text = cif_text(cube(4), named("P m -3 m"), [(label, symbol, 0, 0, 0)])
    assert read(text).elements == (element,)


@pytest.mark.parametrize(
    "symbol, label, formula, element",
    [
        ("?", "HO1", "H2 Mg O2", "H"),
        ("?", "HO1", "Ho2 O3", "Ho"),
        ("?", "HO1", "?", "Ho"),
        ("?", "CO1", "C O", "C"),
        ("?", "CO1", "Co O", "Co"),
        ("?", "NA1", "NA CL", "Na"),
        ("?", "OH1", "Al H3 O3", "O"),
        ("HO", "H1", "H2 O", "Ho"),
    ],
)
def test_the_formula_tells_what_a_label_in_capitals_means(symbol, label, formula, element):
    atoms = [(label, symbol, 0, 0, 0)]
    text = cif_text(cube(4), named("P m -3 m"), atoms, f"_chemical_formula_sum '{formula}'")
    assert read(text).elements == (element,)


@pytest.mark.parametrize("symbol", ["Si/Al", "(Si,Al)", "Mg&Fe"])
def test_a_mixture_of_unknown_composition_is_no_element(symbol):
    text = cif_text(cube(4), named("P m -3 m"), [("x", symbol, 0, 0, 0)])
    assert skip_reason(text) == "unknown element"


@pytest.mark.parametrize(
    "symbol", ["Qq", "Wat", "M1", "X", "T", "99Li", "1Na", "-", "1", "''", "'Å'"]
)
def test_what_is_no_element_with_a_known_length(symbol):
    text = cif_text(cube(4), named("P m -3 m"), [("?", symbol, 0, 0, 0)])
    assert skip_reason(text) == "unknown element"


def test_an_element_without_scattering_length_is_skipped():
    text = cif_text(cube(4), named("P m -3 m"), [("Po1", "Po", 0, 0, 0)])
    assert skip_reason(text) == "unknown scattering length"


@pytest.mark.parametrize("written, occupancy", [(".", 1), ("?", 1), ("1.02", 1), ("0.25(3)", 0.25)])
def test_occupancies(written, occupancy):
    text = cif_text(cube(4), named("P m -3 m"), [("Cu", "Cu", 0, 0, 0, written)])
    assert read(text).occupancies.tolist() == [occupancy]


@pytest.mark.parametrize("written", ["5", "-0.5", "nan", "much", "1e999"])
def test_impossible_occupancies(written):
    text = cif_text(cube(4), named("P m -3 m"), [("Cu", "Cu", 0, 0, 0, written)])
    assert skip_reason(text) == "impossible occupancy"


def test_empty_sites_and_dummies_are_left_out():
    atoms = [("Cu", "Cu", 0, 0, 0), ("Na", "Na", 0.5, 0.5, 0.5, 0)]
    assert read(cif_text(cube(4), named("P m -3 m"), atoms)).elements == ("Cu",)
    text = cif_text(cube(4), named("P m -3 m"), [("Cu", "Cu", 0, 0, 0)]).decode()
    text = text.replace("_atom_site_occupancy\n", "_atom_site_occupancy\n_atom_site_calc_flag\n")
    text = text.replace("0 0 0 1", "0 0 0 1 d\nX1 X ? ? ? 1 dum")
    assert read(text.encode()).elements == ("Cu",)
