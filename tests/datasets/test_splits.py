"""Splits: disjoint, complete, nested, stratified, and decided by ids, not by positions."""

import hypothesis
import numpy as np
import pytest
from hypothesis import strategies as st

from sgan_jax.datasets import splits

PARTS = splits.Split._fields
PAPER = {
    "split": "random",
    "split_seed": 0,
    "test_fraction": 0.1,
    "labelled_percent": 5,
    "validation_fraction": 0.1,
}


def make_crystals(seed: int, sizes: list[int], types_per_class: int = 7):
    """Return class [N], structure type [N], id [N] of shuffled crystals; type sizes are uneven."""
    rng = np.random.default_rng(seed)
    classes = np.repeat(np.arange(len(sizes)) - 1, sizes)
    within = np.minimum(rng.geometric(0.3, len(classes)), types_per_class)
    order = rng.permutation(len(classes))
    types = np.array([f"{c} type {t}" for c, t in zip(classes, within, strict=True)], dtype="U20")
    ids = np.array([f"crystal-{i}" for i in range(len(classes))], dtype="U20")
    return classes[order], types[order], ids


crystals = st.builds(
    make_crystals,
    st.integers(0, 2**32 - 1),
    st.lists(st.integers(0, 60), min_size=2, max_size=8),
)
seeds = st.integers(0, 100)
rules = st.sampled_from(splits.RULES)


def cut(data, **changes) -> splits.Split:
    return splits.split(*data, **(PAPER | changes))


@hypothesis.given(crystals, rules, seeds, st.sampled_from([0, 5, 10, 25, 50, 90]))
def test_parts_are_disjoint_and_complete(data, rule, seed, percent):
    parts = cut(data, split=rule, split_seed=seed, labelled_percent=percent)
    together = np.sort(np.concatenate(parts))
    np.testing.assert_array_equal(together, np.flatnonzero(data[0] >= 0))


@hypothesis.given(crystals, rules, seeds)
def test_smaller_percentages_are_inside_larger_ones(data, rule, seed):
    previous = None
    for percent in (5, 10, 25, 50, 90):
        parts = cut(data, split=rule, split_seed=seed, labelled_percent=percent)
        if previous is not None:
            np.testing.assert_array_equal(parts.test, previous.test)
            assert set(previous.labelled) <= set(parts.labelled)
            assert set(previous.validation) <= set(parts.validation)
        previous = parts
    assert len(previous.unlabelled) == 0 or rule == "structure_type"


@hypothesis.given(crystals, seeds)
def test_ninety_percent_and_the_test_part_are_everything(data, seed):
    for rule in splits.RULES:
        assert cut(data, split=rule, split_seed=seed, labelled_percent=90).unlabelled.size == 0


@hypothesis.given(crystals, rules, seeds, st.sampled_from([5, 10, 25, 50, 90]))
def test_each_class_has_its_share_within_one_pattern(data, rule, seed, percent):
    classes = data[0]
    parts = cut(data, split=rule, split_seed=seed, labelled_percent=percent)
    for index in range(classes.max(initial=-1) + 1):
        size = np.count_nonzero(classes == index)
        count = {
            name: np.count_nonzero(classes[part] == index) for name, part in parts._asdict().items()
        }
        if rule == "random":
            assert abs(count["test"] - 0.1 * size) <= 1
        else:
            assert count["test"] <= 0.2 * size
        labelled = count["labelled"] + count["validation"]
        rest = size - count["test"]
        assert abs(labelled - percent / 90 * rest) <= 1
        assert (count["labelled"] >= 1) == (rest >= 1)
        assert abs(count["validation"] - 0.1 * labelled) <= 1


@hypothesis.given(crystals, rules, seeds)
def test_order_of_the_examples_does_not_matter(data, rule, seed):
    shuffle = np.random.default_rng(seed).permutation(len(data[0]))
    here = cut(data, split=rule, split_seed=seed)
    there = cut([column[shuffle] for column in data], split=rule, split_seed=seed)
    for part, other in zip(here, there, strict=True):  # the same ids in the same order
        np.testing.assert_array_equal(data[2][part], data[2][shuffle][other])


@hypothesis.given(crystals, seeds)
def test_no_structure_type_is_on_both_sides_of_the_test_line(data, seed):
    parts = cut(data, split="structure_type", split_seed=seed)
    others = np.concatenate(parts[1:])
    assert not set(data[1][parts.test]) & set(data[1][others])


def test_structure_type_split_fills_the_test_part():
    rng = np.random.default_rng(0)
    classes = rng.integers(0, 14, 20_000)
    types = np.array([f"{c}/{t}" for c, t in zip(classes, rng.zipf(1.5, 20_000), strict=True)])
    ids = np.arange(20_000).astype(str)
    parts = cut((classes, types, ids), split="structure_type")
    assert 0.095 < len(parts.test) / 20_000 < 0.105


def test_another_seed_is_another_split():
    data = make_crystals(0, [0, 300, 300])
    first, second = (cut(data, split_seed=seed) for seed in (0, 1))
    overlap = len(set(first.test) & set(second.test)) / len(first.test)
    assert overlap < 0.4


def test_sizes_of_the_paper():
    data = make_crystals(0, [0] + [1000] * 14)
    parts = cut(data, labelled_percent=25)
    sizes = dict(zip(PARTS, map(len, parts), strict=True))
    assert sizes["test"] == pytest.approx(1400, abs=14)
    assert sizes["labelled"] + sizes["validation"] == pytest.approx(3500, abs=14)
    assert sizes["validation"] == pytest.approx(350, abs=14)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"labelled_percent": 90, "test_fraction": 0.2},
            r"90 and test_fraction 0.2 \(20 %\).*110 %.*0 to 80",
        ),
        ({"split": "formula"}, "'formula' is unknown; use one of random, structure_type"),
        ({"test_fraction": 1.0}, "test_fraction 1.0"),
        ({"validation_fraction": -0.1}, "validation_fraction -0.1"),
    ],
)
def test_impossible_parts_are_named(changes, message):
    with pytest.raises(ValueError, match=message):
        cut(make_crystals(0, [0, 10]), **changes)


def test_an_id_that_is_there_twice_is_named():
    classes, types, ids = make_crystals(0, [0, 10])
    ids[3] = ids[4]
    with pytest.raises(ValueError, match="'crystal-4' occurs 2 times"):
        cut((classes, types, ids))


def test_written_ids(tmp_path):
    data = make_crystals(0, [5, 40, 40])
    parts = cut(data)
    splits.write_split(tmp_path / "split.tsv", parts, data[2])
    rows = [line.split("\t") for line in (tmp_path / "split.tsv").read_text().splitlines()]
    assert rows[0] == ["id", "part"]
    assert {i for i, part in rows[1:] if part == "test"} == set(data[2][parts.test])
    assert len(rows) == 81
