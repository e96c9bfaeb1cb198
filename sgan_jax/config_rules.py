"""Validity of settings: choices, ranges, and which settings act only together with others.

Fields are named by their dotted path in `config.base`.
"""

from typing import Any

from sgan_jax import data_source

METHODS = ("supervised", "sgan", "feature_matching", "consistency", "pretrain")
SEMI_SUPERVISED = METHODS[1:]  # use the unlabelled part
WITH_GENERATOR = ("sgan", "feature_matching")
WITH_STRONG_VIEWS = ("consistency", "pretrain")
RENDERED = ("supervised", *WITH_GENERATOR)  # can be trained on rendered patterns

CHOICES = {
    "method": METHODS,
    "task.name": ("bl", "sg", "eg"),
    "task.classes": ("paper", "all", "frequent"),
    "instrument.preset": ("nist2022", "bt1_cu311", "bt1_ge311", "d1a", "d1b", "hb2a", "3t2"),
    "data.class_balance": ("natural", "uniform"),
    "data.symmetry": ("file", "spglib"),
    "data.stratify": ("task", "sg"),
    "data.made": ("split", "labelled"),
    "data.split": ("random", "structure_type"),
    "consistency.thresholds": ("fixed", "global", "adaptive"),
    "pretrain.then": ("supervised", "consistency"),
    "model.dtype": ("float32", "bfloat16"),
    "gan.optimizers": ("two", "three"),
    "optim.schedule": ("constant", "cosine"),
    "train.rng": ("rbg", "threefry2x32"),
}

# field: (allowed values in words, the test)
RANGES = {
    "seed": ("0 or more", lambda x: x >= 0),
    "task.min_count": ("0 or more", lambda x: x >= 0),
    "instrument.wavelength_angstrom": ("0.1 to 20 Å", lambda x: 0.1 <= x <= 20),
    "data.synthetic_crystals": ("1 or more", lambda x: x >= 1),
    "data.synthetic_seed": ("0 or more", lambda x: x >= 0),
    "data.prototype_crystals": ("1 or more", lambda x: x >= 1),
    "data.prototype_seed": ("0 or more", lambda x: x >= 0),
    "data.b_iso_default": ("0 Å² or more", lambda x: x >= 0),
    "data.max_skipped_fraction": ("0 to 1", lambda x: 0 <= x <= 1),
    "data.processes": ("0 (one per core) or more", lambda x: x >= 0),
    "data.device_bytes": ("0 (depends on the device) or more", lambda x: x >= 0),
    "data.split_seed": ("0 or more", lambda x: x >= 0),
    "data.test_fraction": ("above 0 and below 1", lambda x: 0 < x < 1),
    "data.labelled_percent": ("1 to 99", lambda x: 1 <= x <= 99),
    "data.validation_fraction": ("above 0 and below 1", lambda x: 0 < x < 1),
    "data.intensity_offset": ("0 to 1", lambda x: 0 <= x <= 1),
    **{
        f"{section}.{field}": (words, test)
        for section in ("augment", "strong")
        for field, words, test in (
            ("strain", "0 to 0.2", lambda x: 0 <= x <= 0.2),
            ("zero_shift_deg", "0 to 5 degrees", lambda x: 0 <= x <= 5),
            ("displacement_deg", "0 to 5 degrees", lambda x: 0 <= x <= 5),
            ("broadening_deg", "0 to 0.5 degrees", lambda x: 0 <= x <= 0.5),
            ("texture", "0 to 2", lambda x: 0 <= x <= 2),
            ("impurity", "0 to 0.5", lambda x: 0 <= x <= 0.5),
            ("background", "0 to 2", lambda x: 0 <= x <= 2),
            ("noise", "0 to 0.5", lambda x: 0 <= x <= 0.5),
            ("missing_deg", "0 to 40 degrees", lambda x: 0 <= x <= 40),
        )
    },
    "render.reflections": ("16 to 8192", lambda x: 16 <= x <= 8192),
    "render.instruments": ("2 to 4096", lambda x: 2 <= x <= 4096),
    "render.share": ("1 or more", lambda x: x >= 1),
    "render.resolution": ("0 to 0.5", lambda x: 0 <= x <= 0.5),
    "render.wavelength_low": ("0.8 to 4 Å", lambda x: 0.8 <= x <= 4),
    "render.wavelength_high": ("0.8 to 4 Å", lambda x: 0.8 <= x <= 4),
    "render.axial_divergence": ("0 to 0.1", lambda x: 0 <= x <= 0.1),
    # For a cell enlarged by more, a data set lacks the reflections at the end of the pattern.
    "render.strain": ("0 to 0.05", lambda x: 0 <= x <= 0.05),
    "render.zero_shift_deg": ("0 to 2 degrees", lambda x: 0 <= x <= 2),
    "render.displacement_deg": ("0 to 2 degrees", lambda x: 0 <= x <= 2),
    "render.orientation": ("0 to 0.6", lambda x: 0 <= x <= 0.6),
    "render.magnetic": ("0 to 10", lambda x: 0 <= x <= 10),
    "render.magnetic_share": ("0 to 1", lambda x: 0 <= x <= 1),
    "render.impurity": ("0 to 0.5", lambda x: 0 <= x <= 0.5),
    "render.background": ("0 to 20", lambda x: 0 <= x <= 20),
    "render.background_left": ("0 to 0.5", lambda x: 0 <= x <= 0.5),
    "render.noise": ("0 to 0.5", lambda x: 0 <= x <= 0.5),
    "render.missing_deg": ("0 to 40 degrees", lambda x: 0 <= x <= 40),
    "gan.noise": ("0 to 0.5", lambda x: 0 <= x <= 0.5),
    "gan.real_per_generated": ("1 or more", lambda x: x >= 1),
    "gan.start": ("above 0 and below 1", lambda x: 0 < x < 1),
    "model.input_power": ("above 0 and up to 2", lambda x: 0 < x <= 2),
    "model.width": ("1 or more", lambda x: x >= 1),
    "model.dropout": ("at least 0 and below 1", lambda x: 0 <= x < 1),
    "optim.learning_rate": ("above 0", lambda x: x > 0),
    "optim.generator_learning_rate": ("above 0", lambda x: x > 0),
    "optim.real_fake_learning_rate": ("above 0", lambda x: x > 0),
    "optim.eps": ("above 0", lambda x: x > 0),
    "consistency.confidence": ("0 to 1", lambda x: 0 <= x <= 1),
    "consistency.momentum": ("at least 0 and below 1", lambda x: 0 <= x < 1),
    "consistency.weight": ("0 or more", lambda x: x >= 0),
    "consistency.start_steps": ("0 or more", lambda x: x >= 0),
    "consistency.ramp_steps": ("0 or more", lambda x: x >= 0),
    "consistency.fairness_weight": ("0 or more", lambda x: x >= 0),
    "pretrain.fraction": ("above 0 and below 1", lambda x: 0 < x < 1),
    "pretrain.learning_rate": ("above 0", lambda x: x > 0),
    "pretrain.temperature": ("above 0", lambda x: x > 0),
    "pretrain.labelled_weight": ("0 or more", lambda x: x >= 0),
    "optim.weight_decay": ("0 or more", lambda x: x >= 0),
    "optim.clip_norm": ("0 (off) or more", lambda x: x >= 0),
    "optim.average_decay": ("0 (off) or more and below 1", lambda x: 0 <= x < 1),
    "optim.logit_adjustment": ("0 (off) to 2", lambda x: 0 <= x <= 2),
    "optim.warmup_steps": ("0 or more", lambda x: x >= 0),
    "train.batch_size": ("1 or more", lambda x: x >= 1),
    "train.unlabelled_ratio": ("1 or more", lambda x: x >= 1),
    "train.epochs": ("1 or more", lambda x: x >= 1),
    "train.steps": ("0 (as many as the epochs take) or more", lambda x: x >= 0),
    "train.steps_per_call": ("0 (depends on the device) or more", lambda x: x >= 0),
    "train.log_every_steps": ("1 or more", lambda x: x >= 1),
    "train.eval_every_steps": ("0 (twenty validations per run) or more", lambda x: x >= 0),
    "eval.batch_size": ("1 or more", lambda x: x >= 1),
    "checkpoint.every_steps": ("1 or more", lambda x: x >= 1),
    "checkpoint.keep": ("1 or more", lambda x: x >= 1),
}

# Fields that act only if another field has one of the given values: (field, other field, values).
# A field that ends in a dot stands for its whole section. data.source has the values of all the
# kinds that it names.
NEEDS = (
    ("task.classes", "task.name", ("sg",)),
    ("task.min_count", "task.classes", ("frequent",)),
    ("data.synthetic_statistics", "data.source", ("synthetic",)),
    ("data.prototype_path", "data.source", ("prototypes",)),
    ("data.cif_path", "data.source", ("cif",)),
    ("data.symmetry", "data.source", ("cif",)),
    ("data.made", "data.source", ("cif",)),
    ("data.made", "data.source", data_source.MADE),
    ("augment.", "render.on", (False,)),
    ("render.on", "method", RENDERED),
    ("render.", "render.on", (True,)),
    ("strong.", "method", WITH_STRONG_VIEWS),
    ("consistency.", "method", WITH_STRONG_VIEWS),
    ("consistency.confidence", "consistency.thresholds", ("fixed",)),
    ("pretrain.", "method", ("pretrain",)),
    ("gan.real_fake_head", "method", WITH_GENERATOR),
    ("gan.start", "method", WITH_GENERATOR),
    ("gan.noise", "method", WITH_GENERATOR),
    ("gan.noise", "gan.optimizers", ("two",)),
    ("gan.real_per_generated", "method", ("sgan",)),
    ("gan.real_per_generated", "gan.optimizers", ("two",)),
    ("gan.soft_labels", "method", ("sgan",)),
    ("gan.soft_labels", "gan.real_fake_head", (True,)),
    ("gan.optimizers", "method", ("sgan",)),
    ("optim.generator_learning_rate", "method", WITH_GENERATOR),
    ("optim.real_fake_learning_rate", "gan.optimizers", ("three",)),
    ("optim.warmup_steps", "optim.schedule", ("cosine",)),
    ("optim.logit_adjustment", "method", ("supervised", *WITH_STRONG_VIEWS)),
    ("train.unlabelled_ratio", "method", WITH_STRONG_VIEWS),
)


def check_values(fields: dict[str, Any]) -> None:
    """Raise ValueError for a field whose value is not allowed."""
    for field, allowed in CHOICES.items():
        if fields[field] not in allowed:
            raise ValueError(f"{field} is {fields[field]!r}; use one of {_words(allowed)}")
    for field, (allowed, test) in RANGES.items():
        if fields[field] is not None and not test(fields[field]):
            raise ValueError(f"{field} is {fields[field]!r}; use {allowed}")


def check_together(fields: dict[str, Any], default: dict[str, Any]) -> None:
    """Raise ValueError for fields that contradict one another.

    `default` holds the fields' default values: a field that has no effect must have its default.
    """
    _check_parts(fields)
    parts = data_source.parse(fields["data.source"])
    kinds = {part.kind for part in parts}
    for name, other, values in NEEDS:
        given = kinds if other == "data.source" else {fields[other]}
        if given & set(values):
            continue
        for field in [f for f in fields if f == name or (name[-1] == "." and f.startswith(name))]:
            if fields[field] != default[field]:
                wanted = f"{other}={' or '.join(map(repr, values))}"
                raise ValueError(
                    f"{field} is {fields[field]!r} but has an effect only with {wanted}, not with "
                    f"{fields[other]!r}; use {field}={default[field]!r} or {wanted}"
                )
    if "cif" in kinds and not fields["data.cif_path"]:
        raise ValueError(
            f"data.cif_path is empty but data.source is {fields['data.source']!r}; give a CIF "
            "file, a folder, a zip or a tar, or use data.source='synthetic'"
        )
    if fields["data.made"] == "labelled" and parts[0].kind != "cif":
        raise ValueError(
            f"data.source is {fields['data.source']!r}, but with data.made='labelled' the files "
            "must come first, so that of two duplicates the real crystal is kept; use "
            "'cif+synthetic'"
        )
    if fields["render.wavelength_low"] >= fields["render.wavelength_high"]:
        raise ValueError(
            f"render.wavelength_low is {fields['render.wavelength_low']}, not below "
            f"render.wavelength_high = {fields['render.wavelength_high']}; use a smaller value"
        )
    if fields["train.batch_size"] % fields["gan.real_per_generated"]:
        raise ValueError(
            f"gan.real_per_generated is {fields['gan.real_per_generated']}, which does not divide "
            f"train.batch_size = {fields['train.batch_size']}; use 1 or another divisor of it"
        )
    if fields["optim.warmup_steps"] > fields["train.steps"] > 0:
        raise ValueError(
            f"optim.warmup_steps is {fields['optim.warmup_steps']}, more than train.steps = "
            f"{fields['train.steps']}; use 0 to {fields['train.steps']}"
        )


def _check_parts(fields: dict[str, Any]) -> None:
    """Raise ValueError if the test, labelled and unlabelled parts do not fit into the whole."""
    percent = fields["data.labelled_percent"]
    rest = round(100 * (1 - fields["data.test_fraction"]), 6)
    if percent > rest:
        raise ValueError(
            f"data.labelled_percent is {percent} but data.test_fraction = "
            f"{fields['data.test_fraction']} leaves only {rest:g} % of the patterns; "
            f"use data.labelled_percent of 1 to {rest:g}"
        )
    if percent == rest and fields["method"] in SEMI_SUPERVISED:
        raise ValueError(
            f"data.labelled_percent is {percent}, which leaves no unlabelled patterns for "
            f"method={fields['method']!r}; use less than {rest:g} or method='supervised'"
        )


def _words(values: tuple[str, ...]) -> str:
    return ", ".join(repr(value) for value in values)
