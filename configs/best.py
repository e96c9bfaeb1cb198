r"""The study's best method for few labels: synthetic crystals in addition to the labelled ones.

docs/STUDY.md has its accuracy; 20 minutes on one core. The package's table, from which synthetic
crystals are drawn, was fitted to 47 000 open crystals; to test on those, fit one to the labelled:

    python -m sgan_jax.main --config=configs/best.py --workdir=runs/best \
        --config.data.cif_path=crystals.zip --config.data.labelled_percent=90
    python launch/labelled_statistics.py --crystals=open_crystals.zip --only=sg_05_random
    python -m sgan_jax.main --config=configs/best.py:sg --workdir=runs/sg_05_best \
        --config.data.cif_path=open_crystals.zip \
        --config.data.synthetic_statistics=runs/known/sg_05_random.npz
"""

from sgan_jax import config


def get_config(task: str = "bl"):
    """Return the settings for 'bl' or 'sg', 5 % labelled."""
    best = config.base(task, 5, "supervised")
    best.data.source, best.data.made = "cif+synthetic:40000", "labelled"
    best.data.cif_path = "open_crystals.zip"
    best.augment.strain, best.augment.zero_shift_deg = 0.03, 0.1
    best.optim.learning_rate = 1e-3
    best.optim.schedule, best.optim.warmup_steps = "cosine", 200
    best.model.dropout = 0.0
    best.train.steps = 7_900
    return best
