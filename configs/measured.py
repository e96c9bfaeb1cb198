r"""The packaged models, 2 h 50 min: `sg`, then `sg_magnetic`, `sg_broad`, `sg_oriented` and `bl`.

Each starts from the weights of the one before. `sg_plain` is the control, without augmentation.

    python -m sgan_jax.main --config=configs/measured.py:sg --workdir=runs/measured_sg \
        --config.data.cif_path=../shared/structures/open_crystals.zip
"""

from sgan_jax import config


def get_config(model: str = "sg"):
    """Return the settings of 'sg', another of the models above, or 'sg_plain'."""
    start, steps, learning_rate, orientation = {
        "sg": ("", 80_000, 1e-3, 0.3),
        "sg_magnetic": ("runs/measured_sg", 24_000, 5e-4, 0.4),
        "sg_broad": ("runs/measured_sg_magnetic", 16_000, 5e-4, 0.5),
        "sg_oriented": ("runs/measured_sg_broad", 20_000, 5e-4, 0.5),
        "bl": ("runs/measured_sg_oriented", 12_000, 1e-3, 0.5),
        "sg_plain": ("", 80_000, 1e-3, 0.3),
    }[model]
    experiment = config.base(model[:2], 90, "supervised")
    experiment.task.classes, experiment.data.stratify = ("paper" if model == "bl" else "all"), "sg"
    experiment.data.source, experiment.data.cif_path = "synthetic:15000+cif", "open_crystals.zip"
    experiment.render.on = model != "sg_plain"
    experiment.render.magnetic, experiment.render.orientation = float(bool(start)), orientation
    experiment.optim.update(learning_rate=learning_rate, schedule="cosine", warmup_steps=500)
    experiment.optim.update(weight_decay=0.01, clip_norm=10.0, average_decay=0.999)
    experiment.train.update(batch_size=32, steps=steps, start_from=start)
    return experiment
