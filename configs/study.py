r"""The study (docs/STUDY.md): one run of its table's row and column, 20 minutes on one CPU core.

The row after the colon; seed, task and percentage by flags. configs/sweeps/study.py lists all runs.

    python -m sgan_jax.main --config=configs/study.py:consistency --workdir=runs/consistency_0 \
        --config.data.cif_path=../shared/structures/open_crystals.zip --config.seed=0
"""

from sgan_jax import config

VIEWS = {"augment.strain": 0.03, "augment.zero_shift_deg": 0.1}
GENERATOR = {"optim.generator_learning_rate": 3e-4}
CONSISTENCY = {"consistency.momentum": 0.99}
RELEASED = {
    "gan.real_fake_head": True,
    "gan.soft_labels": True,
    "gan.optimizers": "three",
    "model.projection_shortcuts": True,
    "model.dropout": 0.05,
    "optim.eps": 1e-4,
    "data.intensity_offset": 1e-3,
}

# Method, the steps that 20 minutes hold (benchmarks/method_steps.py --minutes=20 on one core),
# settings of the row.
ROWS = {
    "supervised": ("supervised", 12_000, {}),
    "augmented": ("supervised", 12_000, VIEWS),
    "sgan": ("sgan", 2_900, GENERATOR),
    "sgan_views": ("sgan", 2_900, GENERATOR | VIEWS),
    "released": ("sgan", 2_800, GENERATOR | RELEASED),
    "released_views": ("sgan", 2_800, GENERATOR | RELEASED | VIEWS),
    "feature_matching": ("feature_matching", 2_700, GENERATOR),
    "feature_matching_views": ("feature_matching", 2_700, GENERATOR | VIEWS),
    "consistency": ("consistency", 10_000, CONSISTENCY),
    "pretrain_supervised": ("pretrain", 7_000, {"pretrain.then": "supervised"}),
    "pretrain_consistency": ("pretrain", 7_000, {"pretrain.then": "consistency"} | CONSISTENCY),
}


def get_config(row: str = "consistency"):
    """Return the settings of a row of the table, for 14 Bravais lattices and 5 % labelled."""
    if row not in ROWS:
        raise ValueError(f"the study has no row {row!r}; use one of {', '.join(ROWS)}")
    method, steps, own = ROWS[row]
    study = config.base("bl", 5, method)
    study.data.source, study.data.cif_path = "cif", "open_crystals.zip"
    study.optim.learning_rate = 1e-3
    study.optim.schedule, study.optim.warmup_steps = "cosine", 200
    study.train.steps = steps
    study.update_from_flattened_dict(own)
    return study
