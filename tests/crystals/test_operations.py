import gemmi
import numpy as np
import pytest
import spglib

from sgan_jax.crystals import operations, space_group
from sgan_jax.crystals.skipped import CifError

IDENTITY = np.eye(3, dtype=int)


def _group(*triplets):
    return space_group.from_operations(triplets).group


def test_every_tabulated_setting_is_recognised_from_its_operations():
    for entry in gemmi.spacegroup_table():
        triplets = tuple(op.triplet() for op in entry.operations())
        found = space_group.from_operations(triplets)
        assert found.number == entry.number, entry.xhm()
        assert len(found.group) == len(triplets)
        assert found.group.lattice_points == len(list(entry.operations().cen_ops))


def test_settings_in_no_table_are_recognised():
    shifted = ("x,y,z", "-x+0.1234,-y,-z+.77")
    assert space_group.from_operations(shifted).number == 2
    # P1 with a cell five times too long.
    fifths = tuple(f"x+{n}/5,y,z" for n in range(5))
    assert space_group.from_operations(fifths).number == 1
    assert space_group.from_operations(fifths).group.lattice_points == 5
    # P2 on axes turned by 45° about c: a C-centred cell with the twofold axis along [110].
    assert space_group.from_operations(("x,y,z", "y,x,-z", "x+1/2,y+1/2,z", "y+1/2,x+1/2,-z"))


@pytest.mark.parametrize(
    "text, rotation, translation",
    [
        ("x,y,z", IDENTITY, (0, 0, 0)),
        (" -Y , X-Y, Z + 1/3", [[0, -1, 0], [1, -1, 0], [0, 0, 1]], (0, 0, 1 / 3)),
        ("1/2+x,y-0.5,z", IDENTITY, (0.5, 0.5, 0)),
        ("x+0.3333,y+.667,z", IDENTITY, (1 / 3, 2 / 3, 0)),
        ("x+3/2,y,z-1", IDENTITY, (0.5, 0, 0)),
    ],
)
def test_operations_as_people_write_them(text, rotation, translation):
    parsed_rotation, parsed_translation = space_group._parse(text)
    np.testing.assert_array_equal(parsed_rotation, rotation)
    np.testing.assert_allclose(parsed_translation, translation, atol=1e-15)


@pytest.mark.parametrize(
    "triplets",
    [
        ("x,y",),
        ("x,y,w",),
        ("x,x,z",),
        ("2*x,y,z",),
        ("x,y,z+1/0",),
        ("x,y,z+" + "9" * 5000,),
        ("x,y,z1e9",),
        ("x,y,z", "-y,x,z"),  # no fourfold axis without its square
        ("-x,-y,-z",),  # no identity
        ("x,y,z", "x+1/2,y,z", "-x,-y,-z"),  # lacks the inversion combined with the centring
        ("",),
    ],
)
def test_operations_that_are_none(triplets):
    with pytest.raises(CifError) as error:
        space_group.from_operations(triplets)
    assert error.value.reason == "symmetry operations"


def test_magnetic_and_modulated_operations_are_told_apart():
    for triplet, reason in (("x,y,z,-1", "magnetic"), ("x1,x2,x3,x4", "modulated")):
        with pytest.raises(CifError, match=reason):
            space_group.from_operations((triplet,))


@pytest.mark.parametrize(
    "name, number, choice",
    [
        ("Fm-3m", 225, None),
        ("F m 3 m", 225, None),
        ("P 1 21/n 1", 14, None),
        ("P21/n", 14, None),
        ("P6_3/mmc", 194, None),
        ("F d -3 m S", 227, 1),
        ("Fd-3mZ", 227, 2),
        ("F d -3 m : 2", 227, 2),
        ("F d -3 m (origin choice 2)", 227, 2),
        ("R -3 m H", 166, None),
        ("Cmce", 64, None),
    ],
)
def test_names_as_people_write_them(name, number, choice):
    (found,) = space_group.from_name("", name, "", (5, 5, 5, 90, 90, 120))
    assert found.number == number
    if choice:
        # The inversion centre is at the origin in the second choice only.
        inversion = (found.group.rotations == -IDENTITY).all(axis=(1, 2))
        assert (found.group.translations[inversion] == 0).all(axis=1).any() == (choice == 2)


def test_a_bare_name_leaves_the_origin_open():
    assert len(space_group.from_name("", "F d -3 m", "", (5, 5, 5, 90, 90, 90))) == 2
    assert len(space_group.from_name("", "", "227", (5, 5, 5, 90, 90, 90))) == 2


def test_rhombohedral_axes_are_decided_by_the_angles():
    for angles, size in (((57.2, 57.2, 57.2), 12), ((90, 90, 120), 36), ((90, 90, 90), 12)):
        for name, number in (("R -3 m", ""), ("", "166")):
            (found,) = space_group.from_name("", name, number, (5, 5, 5, *angles))
            assert len(found.group) == size, angles


def test_hall_symbols_outrank_names():
    (found,) = space_group.from_name("-P 2yac", "P 1 21/c 1", "14", (5, 6, 7, 90, 95, 90))
    assert found.number == 13
    # If it is mistyped, the name decides.
    (found,) = space_group.from_name("nonsense", "P 1 21/c 1", "", (5, 6, 7, 90, 95, 90))
    assert found.number == 14


def test_products_are_those_of_the_matrices():
    group = _group(*(op.triplet() for op in gemmi.SpaceGroup("I 41/a m d:2").operations()))
    rng = np.random.default_rng(0)
    for i, j in rng.integers(len(group), size=(50, 2)):
        k = group.products[i, j]
        np.testing.assert_array_equal(group.rotations[k], group.rotations[i] @ group.rotations[j])
        difference = (
            group.rotations[i] @ group.translations[j]
            + group.translations[i]
            - group.translations[k]
        )
        np.testing.assert_allclose(difference, np.round(difference), atol=1e-9)


@pytest.mark.filterwarnings("ignore:Set OLD_ERROR_HANDLING")  # about spglib 3's exceptions
def test_point_groups_are_those_of_spglib():
    seen = set()
    for entry in gemmi.spacegroup_table():
        rotations = np.unique([op.rot for op in entry.operations().sym_ops], axis=0) // 24
        symbol = spglib.get_pointgroup(rotations.astype(np.intc))[0].strip()
        expected = {"-6m2": "-62m", "-4m2": "-42m"}.get(symbol, symbol)
        assert operations.point_group(rotations) == expected
        seen.add(expected)
    assert len(seen) == 32


def test_groups_are_built_once():
    assert _group("x,y,z", "-x,-y,-z") is _group("x,y,z", "-x,-y,-z")
    one = _group("x,y,z", "-x,-y,-z")
    assert operations.operation_group(one.rotations, one.translations) is one
