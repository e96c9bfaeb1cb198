"""The study's tables against numbers calculated by hand."""

import json

import pytest

from sgan_jax.evaluation import study, study_generators


def write(folder, name, **record):
    record = {"task": "bl", "split": "random", "percent": 5} | record
    (folder / f"{name}.json").write_text(json.dumps(record))


def test_seeds_are_one_cell_and_what_was_not_run_says_so(tmp_path):
    write(tmp_path, "a1", row="sgan", seed=1, top1=0.6)
    write(tmp_path, "a0", row="sgan", seed=0, top1=0.5)
    write(tmp_path, "b0", row="sgan", seed=0, top1=0.9, percent=10)
    cells = study.read(tmp_path)
    columns = [("bl", "random", 5), ("bl", "random", 10)]
    table = study.table(cells, {"sgan": "SGAN", "augmented": "control"}, columns)
    assert table.splitlines()[2:] == [
        "| SGAN | 55.0 ± 7.1 (2) | 90.0 (1) |",  # 10/√2 = 7.07
        "| control | not run | not run |",
    ]


def test_a_difference_has_the_standard_error_of_both_means():
    a = [{"top1": value} for value in (0.60, 0.62, 0.64)]  # variance 0.0004
    b = [{"top1": value} for value in (0.50, 0.56)]  # variance 0.0018
    found = study.difference(a, b)
    assert found.value == pytest.approx(0.09)
    assert found.error == pytest.approx((0.0004 / 3 + 0.0018 / 2) ** 0.5)
    assert not study.Difference(0.02, 0.01).is_clear()
    assert study.Difference(0.021, 0.01).is_clear()
    assert study.difference(a, b[:1]) is None


def test_one_seed_twice_is_an_error(tmp_path):
    for name in ("first", "again"):
        write(tmp_path, name, row="sgan", seed=0, top1=0.5)
    with pytest.raises(ValueError, match=r"seed 0 of .*sgan.* occurs twice"):
        study.read(tmp_path)


def test_trials_are_told_by_what_they_change_and_by_validation_alone(tmp_path):
    program = "python -m sgan_jax.main --config=configs/study.py:sgan --config.data.cif_path='a b'"
    write(tmp_path, "a", row="sgan", steps=7, validation_top1=0.25, top1=0.9, command=program)
    other = f"{program} --config.optim.learning_rate=0.0003"
    write(tmp_path, "b", row="sgan", steps=7, validation_top1=0.5, top1=0.1, command=other)
    assert study.changes_table(study.read_all(tmp_path)).splitlines()[2:] == [
        "| `sgan` | `optim.learning_rate=0.0003` | 7 | 50.0 |",
        "| `sgan` | the row's | 7 | 25.0 |",
    ]
    assert study.changes_table(study.read_all(tmp_path), tested=True).splitlines()[2:] == [
        "| `sgan` | `optim.learning_rate=0.0003` | 7 | 50.0 | 10.0 |",
        "| `sgan` | the row's | 7 | 25.0 | 90.0 |",
    ]
    assert study.changes_table([]) == "Not run yet."


def test_generators_are_told_by_the_mean_of_their_seeds(tmp_path):
    kinds = ("nearest_real", "nearest_other_real", "diversity", "real_diversity", "density")
    for seed, value in enumerate((1.0, 2.0)):
        measures = {kind: value + place for place, kind in enumerate(kinds)} | {"coverage": 0.25}
        write(tmp_path, f"a{seed}", row="sgan", seed=seed, generator=measures)
    write(tmp_path, "b", row="supervised", seed=0)
    rows = {"supervised": "1", "sgan": "3 SGAN"}
    assert study_generators.table(study.read(tmp_path), rows).splitlines()[2:] == [
        "| 3 SGAN (2) | 1.50 | 3.50 | 5.50 | 0.25 |",
        "| real patterns | 2.50 | 4.50 | about 1 | about 1 |",
    ]
    assert study_generators.table({}, rows) == "Generators: not run."


def test_a_page_is_filled_between_its_marks_and_again():
    page = "before\n<!-- bars -->\nold\n<!-- /bars -->\nafter\n"
    filled = study.fill(page, "bars", "new")
    assert filled == "before\n<!-- bars -->\nnew\n<!-- /bars -->\nafter\n"
    assert study.fill(filled, "bars", "new") == filled
    with pytest.raises(ValueError, match="no <!-- table -->"):
        study.fill(page, "table", "new")
