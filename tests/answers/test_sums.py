import numpy as np
import pytest

from sgan_jax import extinction, symmetry
from sgan_jax.answers import sums


def test_space_groups_are_summed_by_hand():
    """33 and 62 are one extinction group (Pn-a), 225 is one of five of F---."""
    classes = (33, 62, 61, 225)
    probabilities = np.array([0.1, 0.3, 0.25, 0.35])
    assert sums.space_groups("sg", classes, probabilities) == [
        (225, 0.35), (62, 0.3), (61, 0.25), (33, 0.1),
    ]  # fmt: skip
    found = sums.extinction_groups("sg", classes, probabilities)
    assert [(symbol, numbers) for symbol, numbers, _ in found] == [
        ("Pn-a", (33, 62)), ("F---", (196, 202, 209, 216, 225)), ("Pbca", (61,)),
    ]  # fmt: skip
    assert [total for *_, total in found] == pytest.approx([0.4, 0.35, 0.25])
    bravais = sums.bravais("sg", classes, probabilities)
    assert bravais[:2] == [
        ("orthorhombic (P)", pytest.approx(0.65)), ("cubic (F)", pytest.approx(0.35)),
    ]  # fmt: skip
    assert sorted(name for name, _ in bravais) == sorted(symmetry.BRAVAIS_LATTICES)
    assert sum(probability for _, probability in bravais) == pytest.approx(1.0)


def test_lattices_are_lattices_only():
    probabilities = np.arange(14) / 91.0
    assert sums.space_groups("bl", symmetry.BRAVAIS_LATTICES, probabilities) == []
    assert sums.extinction_groups("bl", symmetry.BRAVAIS_LATTICES, probabilities) == []
    found = sums.bravais("bl", symmetry.BRAVAIS_LATTICES, probabilities)
    assert [name for name, _ in found] == list(symmetry.BRAVAIS_LATTICES)[::-1]


def test_extinction_groups_are_no_space_groups():
    classes = symmetry.class_list("eg", "paper", np.zeros(0, int), 0)
    probabilities = np.zeros(len(classes))
    probabilities[classes.index("orthorhombic Pn-a")] = 0.75
    probabilities[classes.index("tetragonal I---")] = 0.25
    assert sums.space_groups("eg", classes, probabilities) == []
    found = sums.extinction_groups("eg", classes, probabilities)
    assert found[0] == ("Pn-a", (33, 62), 0.75)
    assert len(found) == 97 == len(extinction.extinction_groups())
    bravais = sums.bravais("eg", classes, probabilities)
    assert bravais[:2] == [("orthorhombic (P)", 0.75), ("tetragonal (I)", 0.25)]
