"""The files for other programs, read back with the standard library."""

import csv
import json

import made_answers
import pytest

from sgan_jax.answers import output
from sgan_jax.answers.outcome import Outcome

ANSWERED = {
    "file": "data/a, b.xye",
    "wavelength_angstrom": 1.54,
    "bravais": [["orthorhombic (P)", 0.75], ["cubic (F)", 0.125], ["cubic (I)", 0.125]],
    "space_groups": [[62, 0.5], [33, 0.25], [225, 0.125], [229, 0.125]],
    "extinction_groups": [
        ["Pn-a", [33, 62], 0.75],
        ["F---", [196, 202, 209, 216, 225], 0.125],
        ["I---", [197, 204, 211, 217, 229], 0.125],
    ],
    "set_90": ["62 Pnma", "33 Pna21", "225 Fm-3m"],
    "refused": False,
    "reason": None,
}
UNREAD = {
    "file": "bad.xye",
    "wavelength_angstrom": None,
    "bravais": [],
    "space_groups": [],
    "extinction_groups": [],
    "set_90": [],
    "refused": True,
    "reason": 'line 3: "Å" is no number',
}


def entries():
    outcomes = [
        Outcome("data/a, b.xye", answer=made_answers.answer()),
        Outcome("bad.xye", problem=UNREAD["reason"]),
    ]
    return [output.entry(outcome, 0.9) for outcome in outcomes]


def test_json_holds_what_was_answered(tmp_path):
    path = tmp_path / "new folder" / "answers.json"
    output.write(path, entries())
    assert json.loads(path.read_text(encoding="utf-8")) == [ANSWERED, UNREAD]
    assert [each.name for each in path.parent.iterdir()] == ["answers.json"]


def test_csv_holds_the_same_with_lists_as_json(tmp_path):
    path = tmp_path / "answers.CSV"
    output.write(path, entries())
    with path.open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    texts = ("file", "reason")
    back = [
        {key: value if key in texts else json.loads(value or "null") for key, value in row.items()}
        for row in rows
    ]
    assert back == [ANSWERED | {"reason": ""}, UNREAD]


def test_banks_are_named_where_a_file_has_several_and_sets_by_their_coverage(tmp_path):
    several = [Outcome("a.gsas", bank, made_answers.answer()) for bank in ("1", "2")]
    found = [output.entry(each, 0.95) for each in [*several, Outcome("b.xye", problem="empty")]]
    assert [each.get("bank") for each in found] == ["1", "2", None]
    assert found[0]["set_95"] == ANSWERED["set_90"]
    output.write(tmp_path / "a.csv", found)
    with (tmp_path / "a.csv").open(newline="", encoding="utf-8") as file:
        assert [row["bank"] for row in csv.DictReader(file)] == ["1", "2", ""]


def test_a_refused_answer_keeps_what_the_model_would_have_said():
    refused = made_answers.answer(refused=True, reason="too few peaks")
    found = output.entry(Outcome("data/a, b.xye", answer=refused), 0.9)
    assert found == ANSWERED | {"refused": True, "reason": "too few peaks"}


def test_other_names_are_refused_before_anything_is_written(tmp_path):
    with pytest.raises(ValueError, match=r"\.json or \.csv"):
        output.write(tmp_path / "answers.txt", entries())
    assert not list(tmp_path.iterdir())
