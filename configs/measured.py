r"""The package's models for measured patterns: `bl`, `sg` (230 groups); `..._plain` without views.

Real crystals and synthetic ones, each seen at every step as another instrument would see it; 80
minutes on one core, and 12 from space groups on to lattices, with the same test crystals.

    python -m sgan_jax.main --config=configs/measured.py:sg --workdir=runs/measured_sg \
        --config.data.cif_path=../shared/structures/open_crystals.zip
"""

from sgan_jax import config


def get_config(model: str = "sg"):
    """Return the settings of 'bl', 'sg', or of their controls 'bl_plain' and 'sg_plain'."""
    task, _, plain = model.partition("_")
    experiment = config.base(task, 90, "supervised")
    if task == "sg":
        experiment.task.classes = "all"
    experiment.data.source = "synthetic:15000+cif"
    experiment.data.cif_path = "open_crystals.zip"
    experiment.render.on = not plain
    experiment.optim.learning_rate, experiment.optim.schedule = 1e-3, "cosine"
    experiment.optim.warmup_steps, experiment.optim.weight_decay = 500, 0.01
    experiment.optim.clip_norm = 10.0
    experiment.optim.average_decay = 0.999
    experiment.train.batch_size, experiment.train.steps = 32, 80_000
    if task == "bl":
        experiment.data.stratify = "sg"
        experiment.train.start_from, experiment.train.steps = f"runs/measured_sg{_}{plain}", 10_000
    return experiment
