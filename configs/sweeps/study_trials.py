r"""The study's tuning (docs/STUDY.md): trials per kind of method, of a quarter of the steps.

Four each, and one without dropout. Row 9 has seven: what else might learn more in its minutes.

`bl`, 5 % labelled, random split, seed 0. Compared by validation accuracy alone: `validation_top1`
in the files that `--records` writes, which hold the results on the test part, too.

    NPROC=1 python launch/sweep.py configs/sweeps/study_trials.py --parallel=2 \
        --config.data.cif_path=../shared/structures/open_crystals.zip
"""

# Rows 6, 8 and 10 go without it because of their last trial here; the others of theirs had it.
DROPOUT = {"model.dropout": 0.1}
NO_DROPOUT = {"model.dropout": 0.0}
TRIALS = {
    "consistency": (
        2_500,
        {
            "rate_1e-3": DROPOUT,
            "rate_3e-4": DROPOUT | {"optim.learning_rate": 3e-4},
            "rate_3e-3": DROPOUT | {"optim.learning_rate": 3e-3},
            # 32 + 2 x 96 patterns a step instead of 32 + 2 x 32, so fewer steps.
            "ratio_3": DROPOUT | {"train.unlabelled_ratio": 3, "train.steps": 1_100},
            "no_dropout": {},
        },
    ),
    "augmented": (
        3_000,
        {
            "rate_1e-3": {},
            "rate_3e-4": {"optim.learning_rate": 3e-4},
            "rate_3e-3": {"optim.learning_rate": 3e-3},
            "decay": {"optim.weight_decay": 0.05},
            "no_dropout": NO_DROPOUT,
        },
    ),
    "sgan": (
        725,
        {
            "rate_1e-3": {},
            "rate_3e-4": {"optim.learning_rate": 3e-4},
            "generator_1e-4": {"optim.generator_learning_rate": 1e-4},
            "generator_1e-3": {"optim.generator_learning_rate": 1e-3},
        },
    ),
    "sgan_noise": (725, {"rate_1e-3": {}, "no_dropout": NO_DROPOUT}),
    "synthetic": (
        2_500,
        {
            "rate_1e-3": {},
            "rate_3e-4": {"optim.learning_rate": 3e-4},
            "rate_3e-3": {"optim.learning_rate": 3e-3},
            "batch_32": {"train.batch_size": 32, "train.steps": 4_300},
            "root_of_intensity": {"model.input_power": 0.5},
            # A step takes 1.6 times as long.
            "twice_the_channels": {"model.width": 2, "train.steps": 1_530},
            "no_dropout": NO_DROPOUT,
        },
    ),
    "synthetic_consistency": (
        2_075,
        {
            "rate_1e-3": DROPOUT,
            "late": DROPOUT | {"consistency.start_steps": 1_000},
            "no_dropout": {},
        },
    ),
    "pretrain_consistency": (
        1_750,
        {
            "rate_1e-3": DROPOUT,
            "rate_3e-3": DROPOUT | {"pretrain.learning_rate": 3e-3},
            "fraction_0.3": DROPOUT | {"pretrain.fraction": 0.3},
            "temperature_0.1": DROPOUT | {"pretrain.temperature": 0.1},
            "no_dropout": {},
        },
    ),
    "feature_matching": (
        675,
        {
            "rate_1e-3": {},
            "rate_3e-4": {"optim.learning_rate": 3e-4},
            "generator_1e-4": {"optim.generator_learning_rate": 1e-4},
            "generator_1e-3": {"optim.generator_learning_rate": 1e-3},
        },
    ),
    "released": (
        700,
        {
            "rate_1e-3": {},
            "rate_3e-4": {"optim.learning_rate": 3e-4},
            "generator_1e-4": {"optim.generator_learning_rate": 1e-4},
            "generator_1e-3": {"optim.generator_learning_rate": 1e-3},
        },
    ),
}


def runs():
    """Yield the name, the config file and the overrides of each trial."""
    for row, (steps, trials) in TRIALS.items():
        for name, settings in trials.items():
            yield f"{row}__{name}", f"configs/study.py:{row}", {"train.steps": steps, **settings}
