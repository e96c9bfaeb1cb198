"""A crystal described in other cells, origins and settings has the same pattern."""

import gemmi
import numpy as np
import pytest
import textbook
from textbook import crystal

from sgan_jax.diffraction import profile
from sgan_jax.diffraction.instrument import PRESETS

NIST2022 = PRESETS["nist2022"]


def as_p1(a_crystal, transform, shift):
    """Return the crystal as P 1 atoms in the cell (a, b, c) transform, with another origin."""
    sites = a_crystal.unit_cell_sites()
    cell = gemmi.UnitCell(*a_crystal.cell)
    vectors = np.array(cell.orth.mat.tolist()) @ transform
    lengths = np.linalg.norm(vectors, axis=0)
    unit = vectors / lengths
    angles = np.degrees(np.arccos([unit[:, i] @ unit[:, j] for i, j in ((1, 2), (0, 2), (0, 1))]))
    inside = np.stack(np.meshgrid(*[np.arange(-2, 3)] * 3), -1).reshape(-1, 3)
    rows, inverse = [], np.linalg.inv(transform)
    seen = set()
    for element, x, occupancy, b_iso in zip(*sites, strict=True):
        for place in (x + inside) @ inverse.T + shift:
            place = (place + 1e-9) % 1.0 - 1e-9
            key = (element, *np.round(place * 1e5).astype(int))
            if key not in seen:
                seen.add(key)
                rows.append((element, *place, occupancy, b_iso))
    return crystal("P 1", (*lengths, *angles), rows)


PRIMITIVE = {
    "copper": [[0, 0.5, 0.5], [0.5, 0, 0.5], [0.5, 0.5, 0]],
    "fluorite": [[0, 0.5, 0.5], [0.5, 0, 0.5], [0.5, 0.5, 0]],
    "silicon": [[0, 0.5, 0.5], [0.5, 0, 0.5], [0.5, 0.5, 0]],
    "iron": [[-0.5, 0.5, 0.5], [0.5, -0.5, 0.5], [0.5, 0.5, -0.5]],
    "corundum": np.array([[2, 1, 1], [-1, 1, 1], [-1, -2, 1]]).T / 3.0,
    "rutile": np.eye(3),
}


@pytest.mark.parametrize("name", PRIMITIVE)
def test_pattern_is_the_same_in_every_description_of_the_crystal(name):
    a_crystal = textbook.textbook(name)
    reference = profile.simulate(a_crystal).intensity
    primitive = np.array(PRIMITIVE[name], float)
    shift = np.array([0.137, 0.291, 0.418])
    sheared = np.array([[1, 1, 0], [0, 1, 0], [0, -1, 1]])
    for transform, origin in (
        (np.eye(3), 0 * shift),
        (np.eye(3), shift),
        (primitive, 0 * shift),
        (primitive, shift),
        (sheared, shift),
    ):
        described = as_p1(a_crystal, transform, origin)
        volume = abs(np.linalg.det(transform)) * a_crystal.volume
        assert described.volume == pytest.approx(volume)
        np.testing.assert_allclose(profile.simulate(described).intensity, reference, atol=1e-6)


@pytest.mark.parametrize(
    ("symbol", "other"),
    [
        ("F d -3 m:2", "F d -3 m:1"),
        ("R -3 c:H", "R -3 c:R"),
        ("P 1 21/c 1", "P 1 21/n 1"),
        ("C 1 2/c 1", "I 1 2/a 1"),
        ("P n m a", "P b n m"),
        ("I 41/a m d:2", "I 41/a m d:1"),
    ],
)
def test_pattern_is_the_same_in_another_setting_of_the_group(symbol, other):
    """Gemmi's own change of basis transforms atoms and cell from one setting to the other."""
    here, there = gemmi.SpaceGroup(symbol), gemmi.SpaceGroup(other)
    a_crystal = textbook.general_crystal(here)
    to_there = there.basisop.combine(here.basisop.inverse())
    matrix = np.array(to_there.float_seitz())
    fractional = a_crystal.fractional @ matrix[:3, :3].T + matrix[:3, 3]
    vectors = np.array(gemmi.UnitCell(*a_crystal.cell).orth.mat.tolist()) @ np.linalg.inv(
        matrix[:3, :3]
    )
    metric = vectors.T @ vectors
    a, b, c = np.sqrt(np.diag(metric))
    angles = np.degrees(
        np.arccos([metric[1, 2] / (b * c), metric[0, 2] / (a * c), metric[0, 1] / (a * b)])
    )
    rows = [
        (element, *x, 1.0, b_iso)
        for element, x, b_iso in zip(a_crystal.elements, fractional, a_crystal.b_iso, strict=True)
    ]
    described = crystal(other, (a, b, c, *angles), rows)
    np.testing.assert_allclose(
        profile.simulate(described).intensity, profile.simulate(a_crystal).intensity, atol=1e-6
    )
