"""Accuracy of runs on synthetic crystals that none of them was trained on.

python benchmarks/synthetic_validation.py RUN ... [--table=runs/known/bl_05_random.npz]

With few labelled patterns the validation part is too small to choose settings by: 238 patterns have
a standard error of 3 %. Synthetic crystals, drawn with the statistics of the labelled crystals
(`table`; the package's own have seen more), are free; 3000 have 0.9 %. The seed is not that of
training (`data.synthetic_seed`, 0). It compares runs on such crystals and overstates what they do
on real ones: a run with 80 % of these right had 69 % of those (docs/STUDY.md). The runs must have
been trained for the same instrument. Prints a line per run and, as JSON, its accuracy in %.
"""

import argparse
import json
import pathlib

import numpy as np

import sgan_jax
from sgan_jax import symmetry
from sgan_jax.datasets import sources
from sgan_jax.evaluation import crystal_patterns


def main() -> None:
    """Print the accuracies."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("runs", nargs="+", help="folders of runs, or models in the package")
    parser.add_argument("--table", type=pathlib.Path, help="of launch/labelled_statistics.py")
    parser.add_argument("--crystals", type=int, default=3000, help="how many are drawn")
    parser.add_argument("--seed", type=int, default=777, help="of the crystals")
    given = parser.parse_args()
    models = {run: sgan_jax.load(run) for run in given.runs}
    instruments = {model.instrument for model in models.values()}
    if len(instruments) > 1:
        names = ", ".join(sorted(instrument.name for instrument in instruments))
        parser.error(f"the runs are for several instruments ({names}); give those of one")
    source = sources.SyntheticSource(given.crystals, given.seed, "natural", given.table)
    drawn = crystal_patterns.simulate_all(source, instruments.pop(), process_count=0)
    results = {}
    for run, model in models.items():
        labels = symmetry.class_indices(model.task, model.classes, drawn.space_group)
        known = labels >= 0
        right = model.logits(drawn.patterns[known]).argmax(axis=1) == labels[known]
        results[run] = round(100 * float(np.mean(right)), 1)
        print(f"{results[run]:5.1f} % of {known.sum()}  {run}", flush=True)
    print(json.dumps({"crystals": given.crystals, "seed": given.seed, "top1_percent": results}))


if __name__ == "__main__":
    main()
