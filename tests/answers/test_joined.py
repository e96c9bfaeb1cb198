"""Two models give one answer, which says so if they contradict each other."""

import made_answers

from sgan_jax.answers import joined


def lattices(best="orthorhombic (P)", **changes):
    return made_answers.answer(
        bravais=[(best, 0.8), ("triclinic (P)", 0.2)],
        space_groups=[],
        extinction_groups=[],
        ranking=[(best, 0.8), ("triclinic (P)", 0.2)],
        prediction_set=[best],
        **{"words": "Lattice words."} | changes,
    )


def test_each_model_says_what_it_knows():
    groups = made_answers.answer()
    both = joined.join(lattices(), groups)
    assert both.bravais == [("orthorhombic (P)", 0.8), ("triclinic (P)", 0.2)]
    assert both.space_groups == groups.space_groups
    assert both.extinction_groups == groups.extinction_groups
    assert both.prediction_set == ["orthorhombic (P)", *groups.prediction_set]
    assert both.words == (f"Lattice model: Lattice words. Group model: {groups.words}")
    assert not both.refused and both.reason is None


def test_a_contradiction_is_said():
    both = joined.join(lattices("cubic (F)"), made_answers.answer())
    assert "disagree: the lattice model predicts cubic (F) (80 %)" in both.words
    assert "the group model orthorhombic (P) (75 %)" in both.words


def test_one_refusal_refuses_and_each_reason_is_told_once():
    refused = {"refused": True, "reason": "too few peaks"}
    assert joined.join(lattices(**refused), made_answers.answer()).reason == "too few peaks"
    both = joined.join(lattices(), made_answers.answer(**refused))
    assert both.refused and both.reason == "too few peaks"
    assert joined.join(lattices(**refused), made_answers.answer(**refused)).reason == (
        "too few peaks"
    )
    other = made_answers.answer(refused=True, reason="unlike")
    assert joined.join(lattices(**refused), other).reason == "too few peaks; unlike"
