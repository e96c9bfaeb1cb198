"""What is read from a data set agrees with its crystals' files."""

import numpy as np
import pytest
from rock_salts import cif_source, rock_salts, write_zip

from sgan_jax.crystals import cif
from sgan_jax.datasets import powder_patterns, preparation
from sgan_jax.diffraction import profile


def test_examples_are_the_simulated_crystals(tmp_path, settings):
    path = write_zip(tmp_path / "salts.zip", rock_salts(20))
    folder = preparation.prepare(cif_source(path), **settings)
    data = powder_patterns.load(folder)
    crystals = list(cif.read_crystals(path))
    listed = data.catalogue
    assert listed.ids.tolist() == [crystal.id for crystal in crystals]
    assert listed.formula.tolist() == [crystal.formula for crystal in crystals]
    assert listed.structure_type.tolist() == [crystal.structure_type for crystal in crystals]
    assert set(listed.source.tolist()) == {"salts.zip"}
    assert data.instrument == settings["instrument"]
    np.testing.assert_array_equal(listed.space_group, 225)
    np.testing.assert_array_equal(listed.bravais, 0)
    rows = np.array([7, 0, 19, 7])  # in any order, and again
    patterns, reflections = data.patterns[rows], powder_patterns.read_reflections(folder, rows)
    assert patterns.dtype == np.float32 and data.patterns.shape == (20, patterns.shape[1])
    for i, row in enumerate(rows):
        expected = profile.simulate(crystals[row], settings["instrument"]).intensity
        np.testing.assert_array_equal(patterns[i], expected.astype(np.float32))
        start, stop = reflections.row_splits[i : i + 2]
        again = profile.intensity_pattern(
            reflections.d_angstrom[start:stop],
            reflections.multiplicity_f_squared[start:stop],
            settings["instrument"],
        )
        np.testing.assert_array_equal(again, expected)


def test_a_catalogue_that_is_not_of_these_patterns_is_an_error(tmp_path, settings):
    path = write_zip(tmp_path / "salts.zip", rock_salts(4))
    folder = preparation.prepare(cif_source(path), **settings)
    listed = folder / "crystals.tsv"
    listed.write_text("".join(listed.read_text().splitlines(keepends=True)[:-1]))
    with pytest.raises(ValueError, match="4 patterns but lists 3 crystals"):
        powder_patterns.load(folder)
