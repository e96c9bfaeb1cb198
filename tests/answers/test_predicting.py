"""From files to outcomes: whatever one file holds, the others get answers, in order."""

import subprocess
import sys

import made_up
import numpy as np
import pytest

from sgan_jax.answers import drawing, output, predicting, reading
from sgan_jax.answers.inputs import Input
from sgan_jax.datasets import processes


@pytest.fixture(scope="module")
def classifiers():
    return [made_up.classifier("bl"), made_up.classifier("sg")]


def write_xy(path, seed=0):
    """Write simulated counts without their wavelength; return the pattern."""
    measured = made_up.measure(seed=seed)
    np.savetxt(path, np.column_stack([measured.two_theta_deg, measured.intensity]), "%.4f")
    return measured


def outcomes(classifiers, files, wavelength=1.909, **changes):
    given = [Input(file, wavelength, None) for file in files]
    return [x for found in predicting.predict_files(classifiers, given, **changes) for x in found]


def test_bad_files_have_a_reason_and_stop_nothing(tmp_path, classifiers):
    good = [tmp_path / f"good {i}.xy" for i in range(3)]
    measured = [write_xy(path, seed) for seed, path in enumerate(good)]
    x_ray, text, empty = (tmp_path / name for name in ("x.xy", "text.xy", "empty.xy"))
    x_ray.write_text("# Cu Ka X-ray data\n" + good[0].read_text())
    text.write_text("1 2\nnot a number\n")
    empty.touch()
    files = [good[0], x_ray, text, good[1], tmp_path / "none.xy", empty, tmp_path, good[2]]
    found = outcomes(classifiers, files)
    assert [each.file for each in found] == [str(file) for file in files]
    assert [each.answer is None for each in found] == [0, 1, 1, 0, 1, 1, 1, 0]
    assert all(each.refused and each.reason for each in found if each.answer is None)
    reasons = {each.file: each.reason for each in found}
    assert "X-ray" in reasons[str(x_ray)]
    assert reasons[str(tmp_path / "none.xy")] == "No such file or directory"
    assert not any(str(tmp_path) in reason for reason in reasons.values() if reason)
    answered = [each.answer for each in found if each.answer]
    for answer, pattern in zip(answered, measured, strict=True):  # each its own pattern
        np.testing.assert_allclose(answer.measured.intensity, pattern.intensity)


def test_no_wavelength_is_a_reason_that_says_how_to_give_it(tmp_path, classifiers):
    write_xy(tmp_path / "a.xy")
    (found,) = outcomes(classifiers, [tmp_path / "a.xy"], wavelength=None)
    assert found.answer is None
    assert found.reason.startswith(
        "the wavelength is not in the file; give it as --wavelength=1.54"
    )


def test_lattices_are_of_the_one_model_and_groups_of_the_other(tmp_path, classifiers):
    write_xy(tmp_path / "a.xy")
    (both,) = outcomes(classifiers, [tmp_path / "a.xy"], coverage=0.8)
    (lattices,), (groups,) = (
        outcomes([each], [tmp_path / "a.xy"], coverage=0.8) for each in classifiers
    )
    assert both.answer.bravais == lattices.answer.bravais
    assert both.answer.space_groups == groups.answer.space_groups
    assert both.answer.coverage == 0.8
    assert lattices.answer.space_groups == []


def test_each_bank_of_a_file_has_its_outcome(tmp_path, classifiers):
    measured = made_up.measure()
    step = 100 * np.median(np.diff(measured.two_theta_deg))
    counts = " ".join(f"{y:.0f}" for y in measured.intensity)
    points = len(measured.intensity)
    head = f"{points} {points} CONST {100 * measured.two_theta_deg[0]:.2f} {step:.2f} 0 0 STD"
    banks = "\n".join(f"BANK {number} {head}\n{counts}" for number in (1, 2))
    (tmp_path / "two.gsas").write_text(f"a garnet\n{banks}\n")
    first, second = outcomes(classifiers, [tmp_path / "two.gsas"])
    assert (first.bank, second.bank) == ("1", "2")
    assert first.answer.bravais == second.answer.bravais


@pytest.mark.parametrize(
    ("modules", "without"),
    [("reading, packaged", "jax"), ("loading, pages, predicting", "scipy")],
)
def test_who_reads_need_not_load_jax_and_who_answers_need_not_load_scipy(modules, without):
    """Each takes seconds, in parallel; the readers are started before either is loaded."""
    program = "import sys; from sgan_jax.commands import prediction; "
    program += f"from sgan_jax.answers import {modules}; "
    program += f"sys.exit({without!r} in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program]).returncode == 0


def test_answers_do_not_depend_on_how_many_processes_read(tmp_path, classifiers):
    files = [tmp_path / f"{i}.xy" for i in range(12)]
    for seed, file in enumerate(files):
        write_xy(file, seed)
    files[1].write_text("1 2\nnot a number\n")
    alone = outcomes(classifiers, files, pictures=True)
    for count in (1, 2):
        with processes.Workers(count, reading.load_libraries) as workers:
            found = outcomes(classifiers, files, pictures=True, workers=workers)
        assert [output.entry(x, 0.9) for x in found] == [output.entry(x, 0.9) for x in alone]
        assert [x.picture for x in found] == [x.picture for x in alone]
    assert alone[1].reason == "line 2: 'not a number' is not a row of numbers"
    assert alone[1].picture is None
    svg = drawing.svg(alone[0].answer.seen)
    assert alone[0].picture == svg != alone[2].picture


def test_many_files_are_answered_in_batches(tmp_path, classifiers, monkeypatch):
    monkeypatch.setattr(predicting, "BATCH", 2)
    files = [tmp_path / f"{i}.xy" for i in range(5)]
    for seed, file in enumerate(files):
        write_xy(file, seed)
    files[1].write_text("nothing")
    found = outcomes(classifiers[:1], files)
    assert [each.file for each in found] == [str(file) for file in files]
    alone = outcomes(classifiers[:1], files[4:])
    np.testing.assert_allclose(
        [p for _, p in found[4].answer.bravais],
        [p for _, p in alone[0].answer.bravais],
        rtol=1e-5,
    )
