r"""The study's table (docs/STUDY.md): every row, in the order given there; 20 min on one core each.

Two runs at once on two cores; each finished run becomes a file in docs/study/, from which
launch/study.py makes the tables. Rows with synthetic crystals use the statistics that
launch/labelled_statistics.py writes.

    python launch/labelled_statistics.py --crystals=../shared/structures/open_crystals.zip
    NPROC=1 python launch/sweep.py configs/sweeps/table4.py --parallel=2 --records=docs/study \
        --config.data.cif_path=../shared/structures/open_crystals.zip --only=bl_05_random
    python launch/study.py
"""

import itertools

ROWS = (
    "supervised",
    "augmented",
    "sgan",
    "sgan_noise",
    "consistency",
    "synthetic",
    "synthetic_consistency",
    "pretrain_consistency",
    "feature_matching_views",
    "sgan_noise_views",
    "released_views",
    "pretrain_supervised",
    "feature_matching",
    "released",
    "synthetic_40000",
    "sgan_noise_no_dropout",
)
FEW = (*ROWS[:6], "synthetic_40000", "sgan_noise_no_dropout")
SEEDS = 3
# Of cells whose seeds differ so much that three cannot tell a difference of three points.
MORE_SEEDS = {("bl", "random", 5, "supervised"): 5, ("bl", "random", 5, "sgan_noise"): 5}


def cells():
    """Yield task, split, percentage and row of each cell, in the order in which they run."""
    for percent in (5, 10):
        for row in ROWS:
            yield "bl", "random", percent, row
    for task, split in (("sg", "random"), ("bl", "structure_type"), ("sg", "structure_type")):
        for percent, row in itertools.product((5, 10), FEW):
            yield task, split, percent, row
    for split, task, percent in itertools.product(
        ("random", "structure_type"), ("bl", "sg"), (25, 50)
    ):
        for row in FEW:
            yield task, split, percent, row
    for task, split in itertools.product(("bl", "sg"), ("random", "structure_type")):
        yield task, split, 90, "augmented"
        yield task, split, 90, "supervised"


def runs():
    """Yield the name, the config file and the overrides of each run; seed 0 of each stage first."""
    for _, stage in itertools.groupby(cells(), key=lambda cell: cell[:3]):
        listed = list(stage)
        for seed in range(max(MORE_SEEDS.values())):
            for cell in listed:
                if seed < MORE_SEEDS.get(cell, SEEDS):
                    yield run(*cell, seed)


def run(task: str, split: str, percent: int, row: str, seed: int):
    """Return the name, the config file and the overrides of one run."""
    settings = {
        "task.name": task,
        "data.split": split,
        "data.labelled_percent": percent,
        "seed": seed,
    }
    cell = f"{task}_{percent:02d}_{split}"
    if row.startswith("synthetic"):
        settings["data.synthetic_statistics"] = f"runs/known/{cell}.npz"
    return f"{cell}_{row}_{seed}", f"configs/study.py:{row}", settings
