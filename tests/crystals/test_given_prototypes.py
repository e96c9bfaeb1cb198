"""A user's own CIFs as prototypes: similar crystals of other elements, slightly strained."""

import gemmi
import numpy as np
import pytest

from sgan_jax.crystals import given_prototypes, prototypes

CIF = """data_{name}
_cell_length_a {a}
_cell_length_b {b}
_cell_length_c {c}
_cell_angle_alpha 90
_cell_angle_beta 90
_cell_angle_gamma 90
_symmetry_space_group_name_H-M '{group}'
loop_
_atom_site_label
_atom_site_fract_x
_atom_site_fract_y
_atom_site_fract_z
{sites}
"""
ROCK_SALT = {"name": "halite", "group": "F m -3 m", "a": 5.64, "b": 5.64, "c": 5.64}
RUTILE = {"name": "rutile", "group": "P 42/m n m", "a": 4.594, "b": 4.594, "c": 2.959}


@pytest.fixture
def folder(tmp_path):
    sites = "Na 0 0 0\nCl 0.5 0.5 0.5"
    (tmp_path / "halite.cif").write_text(CIF.format(**ROCK_SALT, sites=sites))
    sites = "Ti 0 0 0\nO 0.3053 0.3053 0"
    (tmp_path / "rutile.cif").write_text(CIF.format(**RUTILE, sites=sites))
    (tmp_path / "broken.cif").write_text("data_x")
    return tmp_path


def test_crystals_are_of_the_given_types_with_similar_elements(folder):
    kinds = given_prototypes.structure_types(folder)
    assert [kind.space_group_number for kind in kinds] == [225, 136]
    crystals = [prototypes.prototype_crystal(i, 0, "uniform", kinds) for i in range(60)]
    salts = [crystal for crystal in crystals if crystal.space_group_number == 225]
    assert 15 < len(salts) < 45  # the two groups are equally frequent
    for crystal in salts:
        full = [e for e, o in zip(crystal.elements, crystal.occupancies, strict=True) if o > 0.5]
        assert {gemmi.Element(e).atomic_number in (3, 11, 19, 37, 55) for e in full} == {
            True,
            False,
        }
        assert {e in ("F", "Cl", "Br", "I") for e in full} == {True, False}
        # The bond over the sum of the radii as in halite, 2.82 Å over 1.66 + 1.02 Å.
        radii = sum(gemmi.Element(e).covalent_r for e in full[:2])
        assert crystal.cell[0] / 2 / radii == pytest.approx(2.82 / 2.68, rel=0.12)
    rutiles = [crystal for crystal in crystals if crystal.space_group_number == 136]
    assert len({crystal.formula for crystal in rutiles}) > 3
    moved = np.array([crystal.fractional[1] for crystal in rutiles])
    assert np.ptp(moved[:, 0]) > 0 and (moved[:, 0] == moved[:, 1]).all()  # x = y stays special


def test_a_folder_without_prototypes_is_named(tmp_path):
    (tmp_path / "broken.cif").write_text("data_x")
    with pytest.raises(ValueError, match=r"prototype_path .* no usable crystal.*broken\.cif"):
        given_prototypes.structure_types(tmp_path)
