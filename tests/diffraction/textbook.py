"""Crystals for the tests of diffraction, written as a textbook gives them."""

import gemmi
import numpy as np

from sgan_jax.crystals.crystal import Crystal


def operations(space_group: str | int) -> tuple[np.ndarray, np.ndarray]:
    """Return rotations [m, 3, 3] and translations [m, 3] of a space group, centring included."""
    group = gemmi.SpaceGroup(space_group)
    seitz = np.array([op.float_seitz() for op in group.operations()])
    return np.rint(seitz[:, :3, :3]).astype(np.int64), seitz[:, :3, 3] % 1.0


def crystal(space_group, cell, sites, u_aniso=None, rotations=None, translations=None) -> Crystal:
    """Return a crystal from rows of element, x, y, z and, if given, occupancy and B."""
    if rotations is None:
        rotations, translations = operations(space_group)
    number = gemmi.SpaceGroup(space_group).number
    count = len(sites)
    return Crystal(
        id=str(space_group),
        cell=tuple(float(x) for x in cell),
        elements=tuple(site[0] for site in sites),
        fractional=np.array([site[1:4] for site in sites], np.float64),
        occupancies=np.array([site[4] if len(site) > 4 else 1.0 for site in sites]),
        b_iso=np.array([site[5] if len(site) > 5 else 0.5 for site in sites]),
        u_aniso=np.full((count, 6), np.nan) if u_aniso is None else np.asarray(u_aniso, float),
        rotations=rotations,
        translations=translations,
        space_group_number=number,
        source="test",
    )


def cubic(a):
    return (a, a, a, 90, 90, 90)


def hexagonal(a, c):
    return (a, a, c, 90, 90, 120)


def tetragonal(a, c):
    return (a, a, c, 90, 90, 90)


THIRD = 1.0 / 3.0
TEXTBOOK = {
    "copper": (225, cubic(3.6149), [("Cu", 0, 0, 0)]),
    "iron": (229, cubic(2.8665), [("Fe", 0, 0, 0)]),
    "rock salt": (225, cubic(5.6402), [("Na", 0, 0, 0), ("Cl", 0.5, 0.5, 0.5)]),
    "caesium chloride": (221, cubic(4.123), [("Cs", 0, 0, 0), ("Cl", 0.5, 0.5, 0.5)]),
    "silicon": ("F d -3 m:2", cubic(5.4309), [("Si", 0.125, 0.125, 0.125)]),
    "fluorite": (225, cubic(5.4631), [("Ca", 0, 0, 0), ("F", 0.25, 0.25, 0.25)]),
    "perovskite": (
        221,
        cubic(3.905),
        [("Sr", 0.5, 0.5, 0.5), ("Ti", 0, 0, 0), ("O", 0.5, 0, 0)],
    ),
    "rutile": (136, tetragonal(4.5937, 2.9587), [("Ti", 0, 0, 0), ("O", 0.3048, 0.3048, 0)]),
    "wurtzite": (
        186,
        hexagonal(3.25, 5.207),
        [("Zn", THIRD, 2 * THIRD, 0), ("O", THIRD, 2 * THIRD, 0.3817)],
    ),
    "corundum": (
        "R -3 c:H",
        hexagonal(4.7587, 12.9929),
        [("Al", 0, 0, 0.35216), ("O", 0.30624, 0, 0.25)],
    ),
}


def textbook(name: str) -> Crystal:
    return crystal(*TEXTBOOK[name])


def cell_of(group: gemmi.SpaceGroup) -> tuple[float, ...]:
    """Return a cell compatible with a group's setting: its metric averaged over the operations."""
    cell = gemmi.UnitCell(6.1, 7.3, 8.2, 81.0, 97.0, 104.0)
    orth = np.array(cell.orth.mat.tolist())
    metric = orth.T @ orth
    rotations = np.array([op.float_seitz() for op in group.operations().sym_ops])[:, :3, :3]
    metric = np.mean([r.T @ metric @ r for r in rotations], axis=0)
    a, b, c = np.sqrt(np.diag(metric))
    angles = np.degrees(
        np.arccos([metric[1, 2] / (b * c), metric[0, 2] / (a * c), metric[0, 1] / (a * b)])
    )
    return (a, b, c, *angles)


def general_crystal(group: gemmi.SpaceGroup, seed: int = 0) -> Crystal:
    """Return two atoms in general positions, so that no reflection is weak by accident."""
    rng = np.random.default_rng([seed, group.number])
    rows = [(element, *rng.random(3), 1.0, b) for element, b in (("O", 0.9), ("Fe", 0.3))]
    return crystal(group.xhm(), cell_of(group), rows)
