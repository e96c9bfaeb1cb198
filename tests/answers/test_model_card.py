import json

import pytest

from sgan_jax.answers import model_card


def write_run(folder, start):
    folder.mkdir()
    (folder / "config.json").write_text(json.dumps({"train": {"start_from": start}}))
    return folder


def test_commands_make_first_what_others_go_on_from(tmp_path):
    write_run(tmp_path / "measured_sg", "")
    magnetic = write_run(tmp_path / "measured_sg_magnetic", "runs/measured_sg")
    lattices = write_run(tmp_path / "measured_bl", "runs/measured_sg_magnetic")
    for runs in ([magnetic, lattices], [lattices]):
        assert model_card.commands(runs) == [
            f"python -m sgan_jax.main --config=configs/measured.py:{model} "
            f"--workdir=runs/measured_{model}"
            for model in ("sg", "sg_magnetic", "bl")
        ]


def test_a_run_that_is_missing_is_named(tmp_path):
    lattices = write_run(tmp_path / "measured_bl", "runs/measured_sg_magnetic")
    with pytest.raises(ValueError, match="measured_sg_magnetic is not a run's folder"):
        model_card.commands([lattices])
