"""CIFs made for tests, and what is the same for all descriptions of one crystal."""

from collections import Counter

import numpy as np
import pytest

from sgan_jax.crystals import cif

ROCK_SALT = [("Na1", "Na", 0, 0, 0), ("Cl1", "Cl", 0.5, 0.5, 0.5)]


def cif_text(cell, symmetry: str, atoms, more: str = "", name: str = "x") -> bytes:
    """Return a CIF; `symmetry`, `more`: lines; atoms: label, symbol, x, y, z[, occupancy]."""
    names = ("length_a", "length_b", "length_c", "angle_alpha", "angle_beta", "angle_gamma")
    lines = [f"data_{name}"]
    lines += [f"_cell_{key} {value}" for key, value in zip(names, cell, strict=True)]
    lines += [symmetry, "loop_", "_atom_site_label", "_atom_site_type_symbol"]
    lines += [f"_atom_site_fract_{axis}" for axis in "xyz"] + ["_atom_site_occupancy"]
    for atom in atoms:
        lines.append(" ".join(str(value) for value in (*atom, 1)[:6]))
    return "\n".join([*lines, more, ""]).encode()


def named(symbol: str) -> str:
    return f"_symmetry_space_group_name_H-M '{symbol}'"


def operations(*triplets: str) -> str:
    return "\n".join(
        ["loop_", "_space_group_symop_operation_xyz", *(f"'{triplet}'" for triplet in triplets)]
    )


def cube(edge: float) -> tuple[float, ...]:
    return (edge, edge, edge, 90, 90, 90)


def read(text: bytes, **options):
    """Return the one crystal of a CIF."""
    (crystal,) = cif.crystals_from_text("x.cif", text, **options)
    return crystal


def skip_reason(text: bytes, **options) -> str:
    """Return why a CIF is skipped; without a list, the same reason must be raised."""
    skipped = []
    assert cif.crystals_from_text("x.cif", text, skipped=skipped, **options) == []
    (entry,) = skipped
    assert entry.file == "x.cif"
    with pytest.raises(cif.CifError) as error:
        cif.crystals_from_text("x.cif", text, **options)
    assert error.value.reason == entry.reason
    return entry.reason


def surroundings(crystal, radius: float = 4.97) -> dict:
    """Return atoms per Å³ by what surrounds them: the same for any choice of cell, axes and origin.

    Computed from the definition (all images in a box), to share no code with the program.
    """
    elements, fractional, occupancies, _ = crystal.unit_cell_sites()
    a, b, c, *angles = crystal.cell
    ca, cb, cg = np.cos(np.radians(angles))
    gram = np.array(
        [
            [a * a, a * b * cg, a * c * cb],
            [a * b * cg, b * b, b * c * ca],
            [a * c * cb, b * c * ca, c * c],
        ]
    )
    basis = np.linalg.cholesky(gram)  # rows are a, b, c
    volume = np.sqrt(np.linalg.det(gram))
    reach = [int(np.ceil(radius * np.linalg.norm(row))) + 1 for row in np.linalg.inv(basis).T]
    box = np.stack(np.meshgrid(*(np.arange(-n, n + 1) for n in reach)), axis=-1).reshape(-1, 3)
    everyone = (fractional[None] + box[:, None]).reshape(-1, 3) @ basis
    counts: Counter = Counter()
    for element, position, occupancy in zip(elements, fractional @ basis, occupancies, strict=True):
        distances = np.linalg.norm(everyone - position, axis=1)
        near = np.flatnonzero(distances < radius)
        shells: Counter = Counter()
        for i in near:
            j = i % len(elements)
            shells[elements[j], round(float(distances[i]), 2)] += round(float(occupancies[j]), 4)
        counts[element, round(float(occupancy), 4), tuple(sorted(shells.items()))] += 1
    return {key: round(float(count / volume), 5) for key, count in counts.items()}
