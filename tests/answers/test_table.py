"""What a person reads in the terminal."""

import re

import made_answers

from sgan_jax.answers import table
from sgan_jax.answers.outcome import Outcome


def test_the_table_shows_the_best_with_their_numbers():
    lines = table.lines(Outcome("sample.xye", answer=made_answers.answer()))
    assert lines[0] == "sample.xye   λ = 1.54 Å"
    text = "\n".join(lines)
    assert "Probably orthorhombic (P): 75 %." in text
    assert re.search(r"^  orthorhombic \(P\) +75\.0 %$", text, re.MULTILINE)
    assert re.search(r"^  Pn-a +75\.0 %  33 Pna21, 62 Pnma$", text, re.MULTILINE)
    assert "90 % prediction set: 62 Pnma, 33 Pna21, 225 Fm-3m" in text
    assert max(map(len, lines)) <= table.WIDTH


def test_five_of_each_are_shown_and_columns_stand_below_one_another():
    lattices = [(f"lattice {'x' * n}", 0.1) for n in range(9)]
    groups = [(f"P{n}", (n,), 0.1) for n in range(1, 10)]
    shown = made_answers.answer(bravais=lattices, extinction_groups=groups)
    lines = table.lines(Outcome("a", answer=shown))
    rows = [line for line in lines if " 10.0 %" in line]
    assert len(rows) == 10
    assert len({line.index("%") for line in rows[:5]}) == 1


def test_of_large_groups_the_first_members_are_named():
    assert table.members_in_words((33, 62)) == "33 Pna21, 62 Pnma"
    few = table.members_in_words(tuple(range(16, 23)))
    assert few.count(",") == 6 and "more" not in few
    many = table.members_in_words(tuple(range(16, 25)))
    assert many.startswith("16 P222, ") and many.endswith(", 3 more")


def test_a_lattice_model_has_no_groups():
    shown = made_answers.answer(extinction_groups=[], space_groups=[])
    assert "extinction" not in "\n".join(table.lines(Outcome("a", answer=shown)))


def test_a_refusal_comes_before_what_is_not_to_be_relied_on():
    refused = made_answers.answer(refused=True, reason="too few peaks", words="Not given.")
    text = "\n".join(table.lines(Outcome("a", answer=refused)))
    assert text.index("NO PREDICTION: too few peaks") < text.index("which is not reliable")
    assert text.index("which is not reliable") < text.index("75.0 %")
    nothing = made_answers.answer(
        refused=True, reason="λ", bravais=[], extinction_groups=[], prediction_set=[], seen=None
    )
    assert "reliable" not in "\n".join(table.lines(Outcome("a", answer=nothing)))


def test_a_bad_file_is_its_reason():
    lines = table.lines(Outcome("bad.xye", "bank 2", problem="empty"))
    assert lines == ["bad.xye (bank 2)", "  NO PREDICTION: empty"]
