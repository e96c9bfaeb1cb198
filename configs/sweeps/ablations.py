r"""The study's ablations (docs/STUDY.md): each changes one thing in a row.

`bl`, 5 % labelled, random split, seed 0 unless a name says otherwise. They explain results; no
setting is chosen by them.

    NPROC=1 python launch/sweep.py configs/sweeps/ablations.py --parallel=2 \
        --records=docs/study/ablations --config.data.cif_path=../shared/structures/open_crystals.zip
    python launch/study.py
"""

INTENSITY_VIEWS = ("broadening_deg", "texture", "impurity", "background", "noise", "missing_deg")
AS_THE_SGAN = {"train.batch_size": 32}
TEN, NO_DROPOUT = {"data.labelled_percent": 10}, {"model.dropout": 0.0}
ABLATIONS = {
    # All steps of the row: after a quarter of them its accuracy is still that of the control.
    "synthetic": (
        10_000,
        {
            "no_views": {"augment.strain": 0.0, "augment.zero_shift_deg": 0.0},
            "fewer_crystals": {"data.source": "cif+synthetic:5000"},
            "known_types": {
                "data.source": "cif+prototypes:20000",
                "data.synthetic_statistics": "",
            },
            "root_of_intensity": {"model.input_power": 0.5},
            "no_dropout": NO_DROPOUT,
            # To make 20 000 more crystals takes as long as 2 100 steps.
            "twice_the_crystals": {"data.source": "cif+synthetic:40000", "train.steps": 7_900},
            "twice_the_crystals_no_dropout": {
                "data.source": "cif+synthetic:40000",
                **NO_DROPOUT,
                "train.steps": 7_900,
            },
            # A step takes 1.6 times as long.
            "twice_the_channels": {"model.width": 2, "train.steps": 6_100},
        },
    ),
    # The labelled patterns of row 3's steps, for other seeds and space groups, too.
    "supervised": (
        2_900,
        {
            "as_many_as_the_sgan": AS_THE_SGAN,
            "as_many_as_the_sgan_1": AS_THE_SGAN | {"seed": 1},
            "as_many_as_the_sgan_2": AS_THE_SGAN | {"seed": 2},
            "as_many_as_the_sgan_sg_0": AS_THE_SGAN | {"task.name": "sg"},
            "as_many_as_the_sgan_sg_1": AS_THE_SGAN | {"task.name": "sg", "seed": 1},
            "as_many_as_the_sgan_sg_2": AS_THE_SGAN | {"task.name": "sg", "seed": 2},
            "as_many_as_the_sgan_10_0": AS_THE_SGAN | TEN,
            "as_many_as_the_sgan_10_1": AS_THE_SGAN | TEN | {"seed": 1},
            "as_many_as_the_sgan_10_2": AS_THE_SGAN | TEN | {"seed": 2},
            "as_many_no_dropout": AS_THE_SGAN | NO_DROPOUT,
            "as_many_no_dropout_1": AS_THE_SGAN | NO_DROPOUT | {"seed": 1},
            "as_many_no_dropout_2": AS_THE_SGAN | NO_DROPOUT | {"seed": 2},
            "as_many_no_dropout_10_0": AS_THE_SGAN | TEN | NO_DROPOUT,
            "as_many_no_dropout_10_1": AS_THE_SGAN | TEN | NO_DROPOUT | {"seed": 1},
            "as_many_no_dropout_10_2": AS_THE_SGAN | TEN | NO_DROPOUT | {"seed": 2},
        },
    ),
    "sgan_noise": (
        2_900,
        {
            "no_noise": {"gan.noise": 0.0},
            "start_at_half": {"gan.start": 0.5},
        },
    ),
    # The next two: a quarter of the row's steps.
    "augmented": (
        3_000,
        {
            "whole": {},
            "no_strain": {"augment.strain": 0.0},
            "no_zero_shift": {"augment.zero_shift_deg": 0.0},
            "root_of_intensity": {"model.input_power": 0.5},
            "mean_of_weights": {"optim.average_decay": 0.99},
            "constant_rate": {"optim.schedule": "constant", "optim.warmup_steps": 0},
            "adjusted": {"optim.logit_adjustment": 1.0},
            "no_dropout": NO_DROPOUT,
            "as_many_as_the_sgan": AS_THE_SGAN | {"train.steps": 2_900},
            "as_many_as_the_sgan_1": AS_THE_SGAN | {"train.steps": 2_900, "seed": 1},
            "as_many_as_the_sgan_2": AS_THE_SGAN | {"train.steps": 2_900, "seed": 2},
        },
    ),
    "consistency": (
        2_500,
        {
            "whole": {},
            "fixed_threshold": {"consistency.thresholds": "fixed"},
            "global_threshold": {"consistency.thresholds": "global"},
            "aligned": {"consistency.distribution_alignment": True},
            "no_fairness": {"consistency.fairness_weight": 0.0},
            "no_pseudo_labels": {"consistency.weight": 0.0, "consistency.fairness_weight": 0.0},
            "only_shifts": {f"strong.{view}": 0.0 for view in INTENSITY_VIEWS},
        },
    ),
}


def runs():
    """Yield the name, the config file and the overrides of each run."""
    for row, (steps, changes) in ABLATIONS.items():
        for name, settings in changes.items():
            yield f"{row}__{name}", f"configs/study.py:{row}", {"train.steps": steps, **settings}
