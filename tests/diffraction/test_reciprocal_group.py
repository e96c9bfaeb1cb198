import gemmi
import numpy as np
import pytest
import textbook

from sgan_jax.crystals import operations
from sgan_jax.diffraction.reciprocal_group import reciprocal_group


def half_space(largest: int) -> np.ndarray:
    """Return all hkl with indices up to `largest` and h >= 0, without (000)."""
    axis = np.arange(-largest, largest + 1.0)
    hkl = np.stack(np.meshgrid(axis, axis, axis, indexing="ij"), axis=-1).reshape(-1, 3)
    return hkl[(hkl[:, 0] >= 0) & hkl.any(axis=1)]


def built(symbol: str):
    return reciprocal_group(operations.operation_group(*textbook.operations(symbol)))


def laue_rotations(symbol: str) -> np.ndarray:
    rotations, _ = textbook.operations(symbol)
    return np.unique(np.concatenate((rotations, -rotations)), axis=0)


@pytest.mark.parametrize("number", range(1, 231))
def test_unique_reflections_cover_all_present_ones_once_in_every_setting(number):
    box = half_space(5)
    for group in gemmi.spacegroup_table():
        if group.number != number:
            continue
        absent = group.operations().systematic_absences(box.astype(np.int32))
        index, multiplicity = built(group.xhm()).unique(box)
        assert not absent[index].any()
        laue = laue_rotations(group.xhm())
        sets = [np.unique(rows, axis=0) for rows in np.einsum("ni,mij->nmj", box[index], laue)]
        assert [len(rows) for rows in sets] == multiplicity.tolist()
        covered = [tuple(hkl) for hkl in np.concatenate(sets).tolist()]
        assert len(set(covered)) == len(covered)
        # A reflection whose equivalents stay within the box has its unique one there.
        closed = (np.abs(np.einsum("ni,mij->nmj", box, laue)) <= 5).all(axis=(1, 2))
        assert {tuple(hkl) for hkl in box[closed & ~absent].tolist()} <= set(covered)


# Reflection conditions as International Tables, volume A, prints them for these groups.
PRINTED = {
    "P 1 21/c 1": lambda H, K, L: not ((K == 0 and L % 2) or (H == L == 0 and K % 2)),
    "P n m a": lambda H, K, L: not ((H == 0 and (K + L) % 2) or (L == 0 and H % 2)),
    "I 41/a:2": lambda H, K, L: (
        not ((H + K + L) % 2 or (L == 0 and (H % 2 or K % 2)) or (H == K == 0 and L % 4))
    ),
    "F d d 2": lambda H, K, L: (
        not (len({H % 2, K % 2, L % 2}) > 1 or (H == 0 and (K + L) % 4) or (K == 0 and (H + L) % 4))
    ),
    "R -3 c:H": lambda H, K, L: (
        not ((-H + K + L) % 3 or ((H == 0 or K == 0 or H + K == 0) and L % 2))
    ),
    "P 61": lambda H, K, L: not (H == K == 0 and L % 6),
    "P 41 21 2": lambda H, K, L: (
        not ((H == K == 0 and L % 4) or (K == L == 0 and H % 2) or (H == L == 0 and K % 2))
    ),
    "P 63/m m c": lambda H, K, L: (
        not (((H == K) or (2 * H + K == 0) or (H + 2 * K == 0)) and L % 2)
    ),
    "F d -3 m:2": lambda H, K, L: (
        not (len({H % 2, K % 2, L % 2}) > 1 or (0 in (H, K, L) and (H + K + L) % 4))
    ),
    "I a -3 d": lambda H, K, L: (
        not (
            (H + K + L) % 2
            or any(a == 0 and (b % 2 or c % 2) for a, b, c in ((H, K, L), (K, L, H), (L, H, K)))
            or any(
                abs(a) == abs(b) and (2 * a + c) % 4
                for a, b, c in ((H, K, L), (K, L, H), (L, H, K))
            )
        )
    ),
}


@pytest.mark.parametrize("symbol", PRINTED)
def test_absences_are_those_of_the_international_tables(symbol):
    box = half_space(8)
    index, _ = built(symbol).unique(box)
    equivalents = np.einsum("ni,mij->nmj", box[index], laue_rotations(symbol)).reshape(-1, 3)
    present = {tuple(hkl) for hkl in equivalents.tolist()}
    for hkl in box[(np.abs(box[:, :2]) <= 4).all(axis=1)].astype(int).tolist():
        assert PRINTED[symbol](*hkl) == (tuple(hkl) in present), hkl


def test_shifting_the_origin_changes_no_reflection():
    rotations, translations = textbook.operations("F d -3 m:1")
    shift = np.array([0.123, 0.377, 0.251])
    moved = translations + shift - np.einsum("mij,j->mi", rotations, shift)
    there = reciprocal_group(operations.operation_group(rotations, moved % 1.0))
    box = half_space(8)
    for a, b in zip(built("F d -3 m:1").unique(box), there.unique(box), strict=True):
        np.testing.assert_array_equal(a, b)


def test_numbers_given_to_three_digits_extinguish_too():
    rotations, translations = textbook.operations("P 61")
    rounded = reciprocal_group(operations.operation_group(rotations, translations.round(3)))
    box = half_space(8)
    np.testing.assert_array_equal(rounded.unique(box)[0], built("P 61").unique(box)[0])
