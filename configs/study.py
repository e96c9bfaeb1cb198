r"""The study (docs/STUDY.md): one run of its table's row and column, 20 minutes on two CPU cores.

The row after the colon; seed, task and percentage by flags.

    python -m sgan_jax.main --config=configs/study.py:consistency --workdir=runs/consistency_0 \
        --config.data.cif_path=../shared/structures/open_crystals.zip --config.seed=0
"""

from sgan_jax import config

# Steps that 20 minutes hold (estimates, to be measured: benchmarks/method_steps.py), learning
# rate, settings of its own.
METHODS = {
    "supervised": (12_000, 1e-3, {}),
    "augmented": (12_000, 1e-3, {"augment.strain": 0.03, "augment.zero_shift_deg": 0.1}),
    "sgan": (7_000, 1e-3, {"optim.generator_learning_rate": 3e-4}),
    "feature_matching": (6_000, 1e-3, {"optim.generator_learning_rate": 3e-4}),
    "consistency": (9_000, 1e-3, {"consistency.momentum": 0.99}),
    "pretrain": (8_000, 1e-3, {"pretrain.then": "consistency", "consistency.momentum": 0.99}),
}


def get_config(row: str = "consistency"):
    """Return the settings of a row of the table, for 14 Bravais lattices and 5 % labelled."""
    steps, rate, own = METHODS[row]
    study = config.base("bl", 5, "supervised" if row == "augmented" else row)
    schedule = {"optim.schedule": "cosine", "optim.warmup_steps": 200, "train.steps": steps}
    study.update_from_flattened_dict({"optim.learning_rate": rate, **schedule, **own})
    study.data.source, study.data.cif_path = "cif", "open_crystals.zip"
    return study
