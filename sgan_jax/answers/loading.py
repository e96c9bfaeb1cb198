"""A trained model from where it lies: a run's folder, a published file, or the package."""

import pathlib

from sgan_jax.answers.classifier import Classifier


def load(where: str | pathlib.Path, variant: str | None = None) -> Classifier:
    """Return a trained model.

    Args:
        where: a run's folder (its best checkpoint is taken), a published PyTorch file (.pth), or
            the name of a model in the package ('bl', 'sg').
        variant: of a published file: 'SGAN' (the default) or 'Supervised'.
    """
    raise NotImplementedError
