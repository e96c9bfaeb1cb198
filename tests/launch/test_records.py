"""What the record of a run in a sweep says about its training."""

import json

import pytest

from sgan_jax.sweeps import records

LINES = (
    {"step": 50, "kind": "train", "accuracy": 0.2, "loss": 2.0},
    {"step": 100, "kind": "validation", "accuracy": 0.30, "loss": 1.9},
    {"step": 200, "kind": "validation", "accuracy": 0.45, "loss": 1.7},
    {"step": 300, "kind": "validation", "accuracy": 0.45, "loss": 1.8},
    {"step": 400, "kind": "train", "accuracy": 0.99, "loss": 0.1, "d_generated": 1 / 3},
    {"step": 400, "kind": "validation", "accuracy": 0.40, "loss": 3.1},
)


@pytest.fixture
def workdir(tmp_path):
    (tmp_path / "metrics.jsonl").write_text("\n".join(map(json.dumps, LINES)) + "\n")
    return tmp_path


def test_the_last_training_line_and_the_step_that_is_tested(workdir):
    assert records.how_it_went(workdir) == {
        "accuracy": 0.99,
        "loss": 0.1,
        "d_generated": 0.333333,
        "best_step": 200,  # the first of equal ones, as for its checkpoint
        "validation_loss_least": 1.7,
        "validation_loss": 3.1,
        "validation_top1": 0.4,
    }
    assert records.best_validation(workdir) == 0.45


def test_a_run_that_was_never_validated_has_no_best_step(workdir):
    (workdir / "metrics.jsonl").write_text(json.dumps(LINES[0]) + "\n")
    assert records.how_it_went(workdir) == {"accuracy": 0.2, "loss": 2.0}
    assert records.best_validation(workdir) is None
