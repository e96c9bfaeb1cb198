"""The crystals that the devices get of a data set agree with the crystals' files."""

import numpy as np
from rock_salts import cif_source, rock_salts, write_zip

from sgan_jax.crystals import cif
from sgan_jax.datasets import examples, powder_patterns, preparation, stored_crystals
from sgan_jax.diffraction import few_reflections
from sgan_jax.diffraction import reflections as bragg


def test_reflections_cells_and_rotations_come_back(tmp_path, settings):
    path = write_zip(tmp_path / "salts.zip", rock_salts(12))
    folder = preparation.prepare(cif_source(path), **settings)
    known = list(cif.read_crystals(path))
    rows = np.array([5, 0, 5])
    stored = stored_crystals.StoredCrystals(folder, 40)[rows]
    assert sum(array.nbytes for array in stored) == 3 * stored_crystals.bytes_each(40)
    for i, row in enumerate(rows):
        crystal = known[row]
        found = bragg.reflections(
            crystal,
            settings["instrument"].wavelength_angstrom,
            d_min_angstrom=settings["instrument"].d_min_angstrom,
        )
        count = len(found.hkl)
        d, strength = stored.d_angstrom[i], stored.strength[i]
        np.testing.assert_allclose(d[:count], found.d_angstrom, rtol=1e-6)
        expected = found.multiplicity * found.f_squared
        np.testing.assert_allclose(strength[:count], expected / expected.max(), atol=1e-6)
        np.testing.assert_array_equal(stored.hkl[i, :count], found.hkl)
        # A few more: those that a larger cell brings into the pattern, down to a limit.
        beyond = d[count:][strength[count:] > 0]
        limit = settings["instrument"].d_min_angstrom
        assert (beyond < limit).all() and (beyond > limit / examples.STRETCH).all()
        a = crystal.cell[0]
        np.testing.assert_allclose(stored.reciprocal_metric[i], np.eye(3) / a**2, atol=1e-7)
        # The cube's 24 rotations: signed permutations of determinant 1.
        turned = {rotation.tobytes() for rotation in stored.rotations[i]}
        assert len(turned) == 24 and (np.abs(stored.rotations[i]).sum(axis=2) == 1).all()
        np.testing.assert_allclose(np.linalg.det(stored.rotations[i]), 1.0)
    volumes = powder_patterns.read_reflections(folder, rows).cell[:, :3].prod(axis=1)
    np.testing.assert_allclose(volumes, [known[row].volume for row in rows], rtol=1e-6)


def test_close_reflections_become_one_at_their_centre_of_gravity():
    d = np.array([3.0, 2.001, 2.0, 1.5, 1.2])
    strength = np.array([1.0, 3.0, 1.0, 0.0, 2.0])
    kept, merged, strongest = few_reflections.merge(d, strength, 3)
    np.testing.assert_allclose(kept, [3.0, 2.001 ** (3 / 4) * 2.0 ** (1 / 4), 1.2])
    np.testing.assert_allclose(merged, [1.0, 4.0, 2.0])
    np.testing.assert_array_equal(strongest, [0, 1, 4])
    unchanged, _, which = few_reflections.merge(d, strength, 4)
    np.testing.assert_allclose(unchanged, d[which])
