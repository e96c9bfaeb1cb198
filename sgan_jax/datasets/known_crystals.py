"""Synthetic crystals that are drawn from statistics of the crystals they are tested on."""

import pathlib

import numpy as np
from absl import logging

from sgan_jax import data_source
from sgan_jax.crystals import synthetic_statistics


def check(source: str, table: str, test_ids: np.ndarray) -> None:
    """Refuse statistics of crystals of the test part; warn where they do not say whose they are.

    Args:
      source: `data.source`.
      table: `data.synthetic_statistics`.
      test_ids: ids of the test part's crystals.

    Raises:
      ValueError: the table was fitted to some of these crystals.
    """
    if not {"cif", "synthetic"} <= {part.kind for part in data_source.parse(source)}:
        return
    path = pathlib.Path(table) if table else synthetic_statistics.PATH
    known = synthetic_statistics.statistics(path).known
    remedy = (
        "make a table from the labelled crystals alone, with launch/labelled_statistics.py or "
        "python -m sgan_jax.crystals.fit_synthetic --only=..."
    )
    if not len(known):
        whose = "" if table else ", which was fitted to 47 000 open crystals,"
        logging.log_first_n(  # training and evaluation both load the data
            logging.WARNING,
            "%s%s does not say which crystals it knows: if those of the test part are among them, "
            "test accuracy is too high; %s",
            1,
            path.name if table else "the package's table of statistics",
            whose,
            remedy,
        )
    elif found := int(np.isin(synthetic_statistics.id_hashes(test_ids), known).sum()):
        raise ValueError(
            f"data.synthetic_statistics={table} was fitted to {found} of the {len(test_ids)} "
            f"crystals of the test part; {remedy}"
        )
