"""Four tiny runs, to see a sweep work: two methods, two seeds; too few steps to learn anything.

About two minutes on two cores, nearly all of it compilation.

    python launch/sweep.py configs/sweeps/smoke.py
"""

import itertools

TINY = {
    "data.synthetic_crystals": 400,
    "data.labelled_percent": 25,
    "model.dropout": 0.1,
    "train.batch_size": 8,
    "train.steps": 20,
    "train.log_every_steps": 5,
    "train.eval_every_steps": 10,
    "eval.batch_size": 8,
    "checkpoint.every_steps": 10,
}


def runs():
    """Yield the name, the config file and the overrides of each run."""
    for method, seed in itertools.product(("supervised", "sgan"), range(2)):
        yield f"{method}_{seed}", f"configs/demo.py:{method}", {**TINY, "seed": seed}
