r"""The package's models: `sg`, `sg_magnetic` from it, `sg_broad` from that, `bl` from that; 2 h.

`sg_plain` is the control, without views.

    python -m sgan_jax.main --config=configs/measured.py:sg --workdir=runs/measured_sg \
        --config.data.cif_path=../shared/structures/open_crystals.zip
"""

from sgan_jax import config


def get_config(model: str = "sg"):
    """Return the settings of 'sg', 'sg_magnetic', 'sg_broad', 'bl' or 'sg_plain'."""
    start, steps, learning_rate, orientation = {
        "sg": ("", 80_000, 1e-3, 0.3),
        "sg_magnetic": ("runs/measured_sg", 24_000, 5e-4, 0.4),
        "sg_broad": ("runs/measured_sg_magnetic", 16_000, 5e-4, 0.5),
        "bl": ("runs/measured_sg_broad", 10_000, 1e-3, 0.5),
        "sg_plain": ("", 80_000, 1e-3, 0.3),
    }[model]
    experiment = config.base(model[:2], 90, "supervised")
    experiment.task.classes, experiment.data.stratify = ("paper" if model == "bl" else "all"), "sg"
    experiment.data.source, experiment.data.cif_path = "synthetic:15000+cif", "open_crystals.zip"
    experiment.render.on = model != "sg_plain"
    experiment.render.magnetic, experiment.render.orientation = float(bool(start)), orientation
    experiment.optim.learning_rate, experiment.optim.schedule = learning_rate, "cosine"
    experiment.optim.warmup_steps, experiment.optim.weight_decay = 500, 0.01
    experiment.optim.clip_norm, experiment.optim.average_decay = 10.0, 0.999
    experiment.train.update(batch_size=32, steps=steps, start_from=start)
    return experiment
