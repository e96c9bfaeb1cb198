"""Demonstration: 14 Bravais lattices of built-in crystals, supervised, on two CPU cores.

    python -m sgan_jax.main --config=configs/demo.py

Ends within five minutes, data and report included. Not the paper's settings: a learning rate of
its own (1e-3, cosine) because it has so few steps.
"""

from sgan_jax import config


def get_config(method: str = "supervised"):
    """Return a small run with learning rates of its own."""
    demo = config.base("bl", 90, method)
    demo.data.prototype_crystals = 6000
    demo.optim.learning_rate = 1e-3
    demo.optim.schedule = "cosine"
    demo.train.epochs = 10
    return demo
