r"""Fit the statistics that synthetic crystals are drawn from to each cell's labelled crystals.

Writes `runs/known/bl_05_random.npz` and so on, for the rows of configs/sweeps/table4.py with
synthetic crystals, which may know of no crystals but those that are trained on.

    python launch/labelled_statistics.py --crystals=open_crystals.zip [--only='bl_05_*']
"""

import argparse
import fnmatch
import itertools
import pathlib

import numpy as np

from sgan_jax import config as configuration
from sgan_jax.crystals import cif, fit_synthetic
from sgan_jax.training import experiment

if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--crystals", type=pathlib.Path, required=True, help="CIF, folder or zip")
    parser.add_argument("--only", default="*", help="names of cells, such as bl_05_*")
    parser.add_argument("--folder", type=pathlib.Path, default=pathlib.Path("runs/known"))
    parser.add_argument("--validation_fraction", type=float, default=0.1, help="of the labelled")
    given = parser.parse_args()
    given.folder.mkdir(parents=True, exist_ok=True)
    cells = itertools.product(("bl", "sg"), (5, 10, 25, 50), ("random", "structure_type"))
    names = [f"{task}_{percent:02d}_{split}" for task, percent, split in cells]
    chosen = fnmatch.filter(names, given.only)
    if not chosen:
        parser.error(f"--only={given.only} matches none of {', '.join(names)}")
    crystals = fit_synthetic.by_id(cif.read_crystals(given.crystals, skipped=[]))
    for name in chosen:
        task, percent, split = name.split("_", 2)
        config = configuration.base(task, int(percent), "supervised")
        config.data.update(source="cif", cif_path=str(given.crystals), split=split)
        config.data.validation_fraction = given.validation_fraction
        data = experiment.load_data(config)
        known = [crystals[i] for i in data.dataset.catalogue.ids[data.split.labelled].tolist()]
        beside = given.folder / f"{name}.part.npz"
        np.savez_compressed(beside, **fit_synthetic.fit(known))
        beside.replace(given.folder / f"{name}.npz")
        print(f"{name}: {len(known)} crystals", flush=True)
