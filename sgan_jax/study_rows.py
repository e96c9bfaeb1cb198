"""The rows of the study's table (docs/STUDY.md): their titles, methods and settings."""

from typing import Any, NamedTuple


class Row(NamedTuple):
    """A method with its settings.

    Attributes:
      title: in the tables.
      method: `config.method`.
      steps: as many as fit into 20 minutes on one core (benchmarks/method_steps.py).
      settings: the row's own, by dotted name, beside those of configs/study.py.
    """

    title: str
    method: str
    steps: int
    settings: dict[str, Any]


_AUGMENTED = {"augment.strain": 0.03, "augment.zero_shift_deg": 0.1}
_GENERATOR = {"optim.generator_learning_rate": 3e-4}
_NOISE = {"gan.noise": 0.1, "gan.start": 0.02}
_RELEASED = _GENERATOR | {
    "gan.real_fake_head": True,
    "gan.soft_labels": True,
    "gan.optimizers": "three",
    "model.projection_shortcuts": True,
    "model.dropout": 0.05,
    "optim.eps": 1e-4,
    "data.intensity_offset": 1e-3,
}
_MOMENTUM = {"consistency.momentum": 0.99}
_NO_DROPOUT = {"model.dropout": 0.0}
# Steps for 16.6 minutes: the 20 000 crystals and their patterns take 3.4 minutes on one core.
# The table of statistics is that of the labelled crystals: the package's has seen the test part.
_SYNTHETIC = {
    "data.source": "cif+synthetic:20000",
    "data.made": "labelled",
    "data.synthetic_statistics": "runs/known/bl_05_random.npz",
}

ROWS = {
    "supervised": Row("1 supervised, the paper's network and loss", "supervised", 12_000, {}),
    "augmented": Row(
        "2 supervised with augmentation: the control", "supervised", 12_000, _AUGMENTED
    ),
    "sgan": Row("3 SGAN, the paper's equations", "sgan", 2_900, _GENERATOR),
    "sgan_noise": Row("3 ... with instance noise", "sgan", 2_900, _GENERATOR | _NOISE),
    "sgan_noise_no_dropout": Row(
        "3 ... with instance noise, without dropout",
        "sgan",
        2_900,
        _GENERATOR | _NOISE | _NO_DROPOUT,
    ),
    "sgan_noise_views": Row(
        "3 ... with instance noise and augmentation",
        "sgan",
        2_900,
        _GENERATOR | _NOISE | _AUGMENTED,
    ),
    "released": Row("4 SGAN as the released program", "sgan", 2_800, _RELEASED),
    "released_views": Row("4 ... with augmentation", "sgan", 2_800, _RELEASED | _AUGMENTED),
    "feature_matching": Row("5 SGAN, feature matching", "feature_matching", 2_700, _GENERATOR),
    "feature_matching_views": Row(
        "5 ... with augmentation", "feature_matching", 2_700, _GENERATOR | _AUGMENTED
    ),
    "consistency": Row(
        "6 FreeMatch, physical views", "consistency", 10_000, _MOMENTUM | _NO_DROPOUT
    ),
    "pretrain_supervised": Row(
        "7 SimCLR, then supervised with augmentation",
        "pretrain",
        7_000,
        {"pretrain.then": "supervised"},
    ),
    "pretrain_consistency": Row(
        "8 SimCLR, then FreeMatch",
        "pretrain",
        7_000,
        {"pretrain.then": "consistency"} | _MOMENTUM | _NO_DROPOUT,
    ),
    "synthetic": Row(
        "9 supervised with augmentation, and 20 000 synthetic crystals",
        "supervised",
        10_000,
        _AUGMENTED | _SYNTHETIC,
    ),
    "synthetic_consistency": Row(
        "10 FreeMatch, and synthetic crystals",
        "consistency",
        8_300,
        _MOMENTUM | _NO_DROPOUT | _SYNTHETIC,
    ),
    # 40 000 crystals leave 13.2 minutes.
    "synthetic_40000": Row(
        "11 supervised with augmentation, and 40 000 synthetic crystals, without dropout",
        "supervised",
        7_900,
        _AUGMENTED | _SYNTHETIC | _NO_DROPOUT | {"data.source": "cif+synthetic:40000"},
    ),
}
