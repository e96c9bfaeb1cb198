"""Crystals given by hand, in the standard setting of their group."""

import numpy as np

from sgan_jax.crystals import wyckoff
from sgan_jax.crystals.crystal import Crystal


def crystal(number: int, cell: tuple, sites: list[tuple]) -> Crystal:
    """Return a crystal of (element, x, y, z) in the standard setting."""
    group = wyckoff.standard_group(number)
    return Crystal(
        id="test",
        cell=cell,
        elements=tuple(site[0] for site in sites),
        fractional=np.array([site[1:] for site in sites], float),
        occupancies=np.ones(len(sites)),
        b_iso=np.full(len(sites), 0.5),
        u_aniso=np.full((len(sites), 6), np.nan),
        rotations=group.rotations,
        translations=group.translations,
        space_group_number=number,
        source="test",
    )


def rock_salt(a: float, first: str, second: str) -> Crystal:
    return crystal(225, (a, a, a, 90.0, 90.0, 90.0), [(first, 0, 0, 0), (second, 0.5, 0.5, 0.5)])


def rutile(a: float, c: float, x: float) -> Crystal:
    return crystal(136, (a, a, c, 90.0, 90.0, 90.0), [("Ti", 0, 0, 0), ("O", x, x, 0)])


def cuprite() -> Crystal:
    atoms = [("O", 0, 0, 0), ("Cu", 0.25, 0.25, 0.25)]
    return crystal(224, (4.27, 4.27, 4.27, 90.0, 90.0, 90.0), atoms)
