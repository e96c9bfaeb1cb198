r"""One run of the study (docs/STUDY.md), a cell of its table: 20 minutes on one CPU core.

The row follows the colon; flags set seed, task and percentage. configs/sweeps/table4.py lists all.

    python -m sgan_jax.main --config=configs/study.py:consistency --workdir=runs/consistency_0 \
        --config.data.cif_path=../shared/structures/open_crystals.zip --config.seed=0
"""

from sgan_jax import config
from sgan_jax.study_rows import ROWS


def get_config(row: str = "consistency"):
    """Return the settings of a row of the table, for 14 Bravais lattices and 5 % labelled."""
    if row not in ROWS:
        raise ValueError(f"the study has no row {row!r}; use one of {', '.join(ROWS)}")
    study = config.base("bl", 5, ROWS[row].method)
    study.data.source, study.data.cif_path = "cif", "open_crystals.zip"
    study.optim.learning_rate = 1e-3
    study.optim.schedule, study.optim.warmup_steps = "cosine", 200
    study.train.steps = ROWS[row].steps
    study.update_from_flattened_dict(ROWS[row].settings)
    return study
