import itertools

import gemmi
import numpy as np
from cif_text import cif_text, named, surroundings

from sgan_jax.crystals import cif


def _p1_text(crystal, transform):
    """Return a P 1 CIF of the atoms in a transformed cell (columns: new axes), origin shifted."""
    elements, fractional, occupancies, _ = crystal.unit_cell_sites()
    basis = np.array(gemmi.UnitCell(*crystal.cell).orth.mat.tolist()) @ transform
    box = np.array(list(itertools.product(range(-3, 4), repeat=3)))
    every = (fractional[:, None] + box).reshape(-1, 3) @ np.linalg.inv(transform).T
    every += [0.113, 0.217, 0.319]
    inside = ((every >= 0) & (every < 1)).all(axis=1)
    lengths = np.linalg.norm(basis, axis=0)
    a, b, c = (basis / lengths).T
    angles = np.degrees(np.arccos([b @ c, a @ c, a @ b]))
    atoms = [
        (f"X{i}", elements[i // len(box)], *every[i], occupancies[i // len(box)])
        for i in np.flatnonzero(inside)
    ]
    return cif_text((*lengths, *angles), named("P 1"), atoms)


def _intensities(crystal, hkls):
    """Return Σ|F|² for each 1/d², from the definition, with U rotated by each operation."""
    total = {}
    cell = gemmi.UnitCell(*crystal.cell)
    reciprocal = np.array([cell.reciprocal().a, cell.reciprocal().b, cell.reciprocal().c])
    content = crystal.content
    for h in hkls:
        value = 0j
        for site, operation, position in zip(*content, strict=True):
            turned = (h @ crystal.rotations[operation]) * reciprocal
            u = crystal.u_aniso[site][[[0, 3, 4], [3, 1, 5], [4, 5, 2]]]
            length = gemmi.Element(crystal.elements[site]).neutron92.get_coefs()[0]
            decay = np.exp(-2 * np.pi**2 * turned @ u @ turned)
            value += length * decay * np.exp(2j * np.pi * h @ position)
        key = round(cell.calculate_1_d2(h.tolist()), 5)
        total[key] = total.get(key, 0.0) + abs(value) ** 2
    return {key: value for key, value in total.items() if value > 1e-6}


def test_real_crystals_written_as_p1_get_their_symmetry_back(shared_dir):
    path = shared_dir / "structures/open_crystals.zip"
    members = itertools.islice(cif.cif_members(path), 100, None, 4001)
    texts = [(member.name, member.load()) for member in members]
    supercell = np.array([[1, 0, 0], [1, 1, 0], [0, 0, 2]])
    for name, data in texts:
        for crystal in cif.crystals_from_text(name, data, skipped=[]):
            if len(crystal.content.fractional) > 100:
                continue
            text = _p1_text(crystal, supercell)
            (as_p1,) = cif.crystals_from_text(name, text)
            (found,) = cif.crystals_from_text(name, text, symmetry="spglib")
            (expected,) = cif.crystals_from_text(name, data, symmetry="spglib")
            assert as_p1.space_group_number == 1
            assert found.space_group_number == crystal.space_group_number, name
            assert found.structure_type == expected.structure_type, name
            assert found.formula == crystal.formula, name
            np.testing.assert_allclose(
                found.volume / found.atoms, crystal.volume / crystal.atoms, rtol=1e-3
            )


def test_found_cells_hold_the_same_atoms():
    corundum = cif_text(
        (4.759, 4.759, 12.993, 90, 90, 120),
        named("R -3 c:H"),
        [("Al", "Al", 0, 0, 0.3522), ("O", "O", 0.3063, 0, 0.25)],
    )
    (crystal,) = cif.crystals_from_text("x.cif", corundum)
    text = _p1_text(crystal, np.array([[1, 0, 0], [0, 1, 1], [1, 0, 1]]))
    (found,) = cif.crystals_from_text("x.cif", text, symmetry="spglib")
    assert found.space_group_number == 167
    assert surroundings(found, 4.3) == surroundings(crystal, 4.3)


def test_an_origin_within_the_tolerance_of_the_standard_one_moves_no_atom():
    z = 0.297603
    gdrbte4 = cif_text(
        (6.88039, 6.88039, 9.26312, 90, 90, 90),
        named("P 4/n b m :1"),
        [("Rb", "Rb", 0, 0, 0), ("Gd", "Gd", 0, 0, 0.5), ("Te", "Te", 0.145793, 0.645793, z)],
    )
    (crystal,) = cif.crystals_from_text("x.cif", gdrbte4)
    content = crystal.unit_cell_sites()
    off = content.fractional + np.array([0.0, 0.0, 0.004 / crystal.cell[2]])
    atoms = [(f"X{i}", element, *off[i]) for i, element in enumerate(content.elements)]
    text = cif_text(crystal.cell, named("P 1"), atoms)
    (found,) = cif.crystals_from_text("x.cif", text, symmetry="spglib")
    assert found.space_group_number == crystal.space_group_number == 125
    te = found.fractional[found.elements.index("Te")]
    np.testing.assert_allclose(min(te[2], 1 - te[2]), z, atol=1e-9)


def test_displacement_tensors_turn_with_the_axes(shared_dir):
    (rutile,) = cif.read_crystals(shared_dir / "structures/awkward/aniso_only.cif")
    # The same atoms in P 1 with the axes renamed (c, a, b), each with its own tensor.
    x = 0.3053
    tags = "\n".join(f"_atom_site_aniso_U_{ij}" for ij in ("11", "22", "33", "12", "13", "23"))
    rows, atoms = [], []
    for label, (px, py, pz), u12 in [
        ("Ti1", (0, 0, 0), -0.0004),
        ("Ti2", (0.5, 0.5, 0.5), 0.0004),
        ("O1", (x, x, 0), -0.0020),
        ("O2", (1 - x, 1 - x, 0), -0.0020),
        ("O3", (0.5 + x, 0.5 - x, 0.5), 0.0020),
        ("O4", (0.5 - x, 0.5 + x, 0.5), 0.0020),
    ]:
        element = label.rstrip("1234")
        u11, u33 = (0.0068, 0.0046) if element == "Ti" else (0.0060, 0.0042)
        atoms.append((label, element, pz, px, py))
        rows.append(f"{label} {u33} {u11} {u11} 0 0 {u12}")
    text = cif_text(
        (2.9587, 4.5937, 4.5937, 90, 90, 90),
        named("P 1"),
        atoms,
        "\n".join(["loop_", "_atom_site_aniso_label", tags, *rows]),
    )
    (as_p1,) = cif.crystals_from_text("x.cif", text)
    (found,) = cif.crystals_from_text("x.cif", text, symmetry="spglib")
    assert found.space_group_number == 136
    hkls = np.array(list(itertools.product(range(-4, 5), repeat=3)))
    hkls = hkls[(hkls != 0).any(axis=1)]
    # Compared within a sphere of reciprocal space, where shells are complete in both settings.
    expected = _intensities(rutile, hkls)
    for crystal in (as_p1, found):
        intensities = _intensities(crystal, hkls)
        for key in [key for key in expected if key < 0.6]:
            np.testing.assert_allclose(intensities[key], expected[key], rtol=1e-6)
