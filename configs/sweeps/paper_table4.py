r"""The paper's table: both tasks, four labelled percentages, supervised against SGAN, three seeds.

48 runs of 100 epochs on your own crystals, each hours on a GPU, days on two CPU cores. Should
reach the accuracies that configs/{bl,sg}_{05,10,25,50}.py quote.

    python launch/sweep.py configs/sweeps/paper_table4.py \
        --backend=slurm --slurm=gpus_per_node=8,time=1440 \
        --config.data.source=cif --config.data.cif_path=icsd.tar
"""

import itertools

TASKS = ("bl", "sg")
PERCENTS = (5, 10, 25, 50)
METHODS = ("supervised", "sgan")
SEEDS = (0, 1, 2)


def runs():
    """Yield the name, the config file and the overrides of each run."""
    for task, percent, method, seed in itertools.product(TASKS, PERCENTS, METHODS, SEEDS):
        config = f"configs/{task}_{percent:02d}.py:{method}"
        yield f"{task}_{percent:02d}_{method}_{seed}", config, {"seed": seed}
