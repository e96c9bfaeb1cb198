import collections
import tracemalloc

import numpy as np
import pytest
from cif_text import cif_text, cube, named

from sgan_jax.crystals import cif, duplicates, seen


def _salt(edge, element="Na", name="F m -3 m", occupancy=1):
    atoms = [("X", element, 0, 0, 0, occupancy), ("Cl", "Cl", 0.5, 0.5, 0.5)]
    (crystal,) = cif.crystals_from_text("x.cif", cif_text(cube(edge), named(name), atoms))
    return crystal


@pytest.mark.parametrize(
    "other, new",
    [
        (_salt(5.64), False),
        (_salt(5.64 * 1.019 ** (1 / 3)), False),
        (_salt(5.64 * 0.981 ** (1 / 3)), False),
        (_salt(5.64 * 1.021 ** (1 / 3)), True),
        (_salt(5.64 * 0.979 ** (1 / 3)), True),
        (_salt(5.64, element="K"), True),
        (_salt(5.64, occupancy=0.9), True),
        (_salt(5.64, name="F -4 3 m"), True),
    ],
)
def test_formula_group_and_volume_decide(other, new):
    seen = duplicates.DuplicateFilter()
    assert seen.is_new(_salt(5.64))
    assert seen.is_new(other) == new


def test_the_cell_chosen_does_not_matter():
    primitive = cif_text(
        (3.988, 3.988, 3.988, 60, 60, 60),
        named("P 1"),
        [("Na", "Na", 0, 0, 0), ("Cl", "Cl", 0.5, 0.5, 0.5)],
    )
    (crystal,) = cif.crystals_from_text("x.cif", primitive, symmetry="spglib")
    seen = duplicates.DuplicateFilter()
    assert seen.is_new(_salt(5.64))
    assert not seen.is_new(crystal)


def test_only_what_was_kept_counts():
    # 1.5 % apart each: the second is a duplicate of the first, the third is 3 % from the first.
    volumes = (1.0, 1.015, 1.03)
    seen = duplicates.DuplicateFilter()
    assert [seen.is_new(_salt(5.64 * v ** (1 / 3))) for v in volumes] == [True, False, True]


def test_what_was_seen_is_found_again_before_and_after_it_is_sorted_in(monkeypatch):
    monkeypatch.setattr(seen, "_MERGED_AT", 7)
    random = np.random.default_rng(0)
    store, expected = seen.Seen(), collections.defaultdict(list)
    for number in range(100):
        text = f"text {random.integers(30)}"
        assert sorted(store.numbers(text)) == expected[text]
        store.add(text, number)
        expected[text].append(number)
    assert all(sorted(store.numbers(text)) == numbers for text, numbers in expected.items())


def test_a_million_crystals_are_remembered_in_sixteen_bytes_each():
    store = seen.Seen()
    tracemalloc.start()
    for number in range(2 * 65_536):
        store.add(f"crystal {number}", number)
    held, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert held < 20 * 2 * 65_536
