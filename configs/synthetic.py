r"""Can synthetic crystals replace real ones? `bl_synthetic`, `bl_real`, `bl_both`; `sg_...`.

`rest.zip` is what `python -m sgan_jax.datasets.hold_out` does not hold out of a file of real
crystals; test with `--mode=evaluate --crystals=held_out.zip`.

    python -m sgan_jax.main --config=configs/synthetic.py:bl_both --workdir=runs/bl_both \
        --config.data.cif_path=rest.zip
"""

from sgan_jax import config

SOURCES = {"synthetic": "synthetic:43000", "real": "cif", "both": "synthetic:43000+cif"}


def get_config(run: str = "bl_synthetic"):
    """Return the settings for a task ('bl', 'sg') and a source, e.g. 'bl_synthetic'."""
    task, source = run.split("_")
    experiment = config.base(task, 90, "supervised")
    experiment.data.source = SOURCES[source]
    experiment.data.cif_path = "" if source == "synthetic" else "rest.zip"
    experiment.augment.strain, experiment.augment.zero_shift_deg = 0.02, 0.05
    experiment.optim.learning_rate, experiment.optim.schedule = 1e-3, "cosine"
    experiment.optim.warmup_steps, experiment.optim.weight_decay = 500, 0.01
    experiment.train.batch_size, experiment.train.steps = 32, 20_000
    return experiment
