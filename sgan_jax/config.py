"""The one commented configuration: every key, what it means, and where its default comes from.

A file in `configs/` calls `base(...)` and changes a few keys; the command line changes more
(`--config.train.steps=1000`). `validate` is called once, at start. A run's configuration is saved
beside it as JSON, so that it can be evaluated, resumed and compared later.
"""

import hashlib
import json
import pathlib
from typing import Any

import ml_collections
from ml_collections import config_dict

from sgan_jax import config_rules
from sgan_jax.config_rules import WITH_GENERATOR, WITH_STRONG_VIEWS

# Fields that a run may change between a kill and its continuation: the numbers stay the same.
HARMLESS = (
    "data.dir",
    "data.processes",
    "data.device_bytes",
    "data.max_skipped_fraction",
    "train.compilation_cache",
    "eval.batch_size",
    "checkpoint.every_steps",
    "checkpoint.keep",
)


def base(task: str, percent: int, method: str) -> ml_collections.ConfigDict:
    """Return the paper's experiment for a task, a labelled percentage and a method.

    Table 2 and section 2 of the paper, unless the comment of a key says otherwise.
    """
    sgan = method in WITH_GENERATOR
    with_views = method in WITH_STRONG_VIEWS
    config = dict(
        seed=0,  # of the parameters, the batches and the dropout; the split has its own
        method=method,  # one of config_rules.METHODS; 'supervised' uses the labelled part only
        task=dict(
            name=task,  # 'bl': 14 Bravais lattices; 'sg': space groups; 'eg': 97 extinction groups
            classes="paper",  # of 'sg': 'paper' (144), 'all' (230), 'frequent' (> min_count)
            min_count=50,  # section 2.1: groups with more than 50 patterns
        ),
        instrument=dict(
            preset="nist2022",  # one of CHOICES; the numbers below override it
            wavelength_angstrom=_number(),
            u=_number(),  # Gaussian FWHM² = u tan²θ + v tanθ + w, degrees²
            v=_number(),
            w=_number(),
            x=_number(),  # Lorentzian FWHM = x / cosθ + y tanθ, degrees
            y=_number(),
            s_over_l=_number(),  # axial divergence (Finger, Cox & Jephcoat 1994)
            h_over_l=_number(),
        ),
        data=dict(
            # 'synthetic', 'prototypes' (known structure types), 'cif' (from cif_path), or several
            # with how many of each: 'synthetic:100000+cif'.
            source="synthetic",  # the two first need no file
            class_balance="natural",  # of the first two: as in nature; 'uniform': of space groups
            synthetic_crystals=100_000,  # where the source names no number of its own
            synthetic_seed=0,
            synthetic_statistics="",  # a table by crystals/fit_synthetic; '' is the package's own
            prototype_crystals=20_000,
            prototype_seed=0,
            prototype_path="",  # prototypes of your own, as CIFs; '' is the built-in types
            cif_path="",  # a CIF file, a folder, a zip or a tar
            symmetry="file",  # 'file': the CIF's operations; 'spglib': found (P 1 exports)
            b_iso_default=0.5,  # Å², for atoms without a displacement parameter
            max_skipped_fraction=0.2,  # a build that loses more of its files ends with an error
            dir="",  # where data sets live; '' is the user's cache folder
            processes=0,  # that build the data set; 0 is one per core
            device_bytes=0,  # of each device, for patterns; more are read as due; 0 is half of it
            made="split",  # synthetic ones, prototypes: cut into parts as real ones, or 'labelled'
            split="random",  # the paper; 'structure_type': none on both sides of the test line
            stratify="task",  # parts hold its classes in like shares; 'sg': space groups, all tasks
            split_seed=0,
            test_fraction=0.1,  # section 2.2, of all patterns
            labelled_percent=percent,  # of all patterns: 5, 10, 25, 50; 90 = all the rest
            validation_fraction=0.1,  # of the labelled part, never trained on: picks the best
            intensity_offset=0.0,  # added to each pattern; released program: 1e-3
        ),
        # Views of a pattern, drawn anew for each pattern and step, each distortion between nothing
        # and its number here; training/augment.py says what they mean. The paper has none. Labelled
        # patterns, and in 'consistency' those that pseudo-labels are made of, are seen like this:
        augment=dict(
            strain=0.03 if with_views else 0.0,  # isotropic, of the cell, ±
            zero_shift_deg=0.1 if with_views else 0.0,  # of 2θ, ±
            displacement_deg=0.0,  # of the sample, as the shift of peaks at low angles, ±
            broadening_deg=0.0,  # FWHM added in quadrature, at low angles
            texture=0.0,  # standard deviation of the logarithm of intensities
            impurity=0.0,  # fraction of the intensity that is other crystals'
            background=0.0,  # its highest point over the pattern's maximum
            noise=0.0,  # of counting, standard deviation at the maximum over the maximum
            missing_deg=0.0,  # width of each of up to three ranges without data
        ),
        # Instead of those views: patterns rendered from the crystals' reflections, in each step on
        # other instruments and of other samples, then brought to the data set's grid as measured
        # ones are (training/rendered.py). Each crystal's numbers are drawn between nothing and the
        # number here, evenly.
        render=dict(
            on=False,  # for models that are to stand real data; the paper has none
            reflections=768,  # of each crystal; of more, close ones are put together (2e-4 at most)
            instruments=64,  # drawn once a run; the first is the data set's own, seen one in ten
            share=16,  # crystals of a batch that share an instrument, which makes it cheap
            resolution=0.2,  # ln of the factor of a preset's widths, ±: other slits, other samples
            wavelength_low=1.15,  # Å, of the instruments: 3T2 has 1.23,
            wavelength_high=2.55,  # ... D1B 2.52 at most; evenly
            axial_divergence=0.05,  # S/L and H/L, up to this; nist2022 0.040, HB-2A 0.045
            strain=0.03,  # isotropic, of the cell, ±: symmetry does not depend on its size
            zero_shift_deg=0.3,  # of 2θ, ±: a badly aligned instrument
            displacement_deg=0.1,  # of the sample, ±: about 0.5 mm at the usual distances
            orientation=0.3,  # March-Dollase r in 1 ± this, ln r evenly; of half of them along c*
            magnetic=0.0,  # highest magnetic reflection over the crystal's own, up to this
            magnetic_share=0.2,  # crystals that are magnets below their ordering temperature
            impurity=0.3,  # of the intensity, up to two other crystals': what a sample may hold
            background=1.0,  # highest point over the pattern's: as much as a hydrogenous sample has
            background_left=0.05,  # of it, ±, that is subtracted too little: a good fit's error
            noise=0.03,  # of counting, standard deviation over the maximum: 1100 counts there
            missing_deg=10.0,  # width of each of up to three ranges without data: furnace lines
        ),
        # Of 'consistency' and 'pretrain': the unlabelled patterns that are learnt from.
        strong=dict(
            strain=0.05,  # symmetry does not depend on the size of the cell
            zero_shift_deg=0.2,  # usual misalignment
            displacement_deg=0.1,  # about 0.5 mm at the usual distances
            broadening_deg=0.2,  # as wide again as nist2022 at low angles
            texture=0.3,  # March-Dollase r of about 0.8
            impurity=0.2,  # what a sample may well hold
            background=0.1,  # what is left after one was subtracted
            noise=0.03,  # 1100 counts at the maximum
            missing_deg=10.0,  # another instrument's range, a furnace line
        ),
        consistency=dict(  # FixMatch (2020), FreeMatch (2023); numbers of the latter
            thresholds="adaptive",  # FreeMatch; 'fixed': FixMatch; 'global': one for all classes
            confidence=0.95,  # FixMatch's threshold
            momentum=0.999,  # of the running statistics
            weight=1.0,  # λ_u, of the unlabelled loss
            start_steps=500,  # before unlabelled patterns count: an untrained network is no guide
            ramp_steps=500,  # over which their weights then climb
            fairness_weight=0.01,  # λ_f; 0 is off
            distribution_alignment=False,  # ReMixMatch (2020): to the labelled part's frequencies
        ),
        pretrain=dict(  # SimCLR (2020) on all patterns, then training as usual, in one run
            fraction=0.5,  # of the run's steps that are pre-training
            learning_rate=1e-3,  # with optim's schedule, for itself
            temperature=0.2,  # between SimCLR's 0.1 and 0.5
            labelled_weight=0.0,  # of cross-entropy in pre-training; 0 is none
            then="supervised",  # or 'consistency'
        ),
        model=dict(
            input_power=1.0,  # of the intensities the network sees; 0.5: weak peaks count more
            stem_pool=True,  # the paper's max pool after the stem; released program: none
            projection_shortcuts=False,  # released program: in every block, not the first only
            dropout=0.1,  # Table 2; released program: 0.05
            dtype="float32",  # 'bfloat16': of convolutions and activations; parameters stay float32
        ),
        gan=dict(
            real_fake_head=False,  # released program: a second head and BCE, not D = Z / (Z + 1)
            noise=0.0,  # on unlabelled and generated patterns, standard deviation up to this
            real_per_generated=1,  # the paper; 4: a generated pattern to 4 labelled, 4 unlabelled
            start=0.5,  # what an untrained generator makes at every angle; its sigmoid at 0
            soft_labels=False,  # released program, of that head: 0-0.2 and 0.8-1, once an epoch
            optimizers="two",  # discriminator, generator; 'three': the released program's
        ),
        optim=dict(
            learning_rate=5e-6 if sgan else 1e-4,  # Table 2; classifier = discriminator
            generator_learning_rate=1e-6,  # Table 2
            real_fake_learning_rate=1e-4,  # released program, with gan.optimizers='three'
            eps=1e-8,  # of Adam; released program: 1e-4
            weight_decay=0.0,  # decoupled; 0 is plain Adam (the paper)
            clip_norm=10.0 if with_views else 0.0,  # longest gradient; 0 is off (the paper)
            schedule="constant",  # the paper; 'cosine': to zero, after warmup_steps
            warmup_steps=0,
            average_decay=0.0,  # of a running mean of the parameters, which is evaluated; 0 is off
            logit_adjustment=0.0,  # times the log of class frequencies (Menon et al. 2021); 0 off
        ),
        train=dict(
            batch_size=64 if method == "supervised" else 32,  # per device (Table 2), labelled
            unlabelled_ratio=1,  # unlabelled patterns to each labelled one; paper: 1
            start_from="",  # workdir of a trained run, whose weights this one starts from
            epochs=100,  # released program; of the labelled, else of the unlabelled part
            steps=0,  # training steps; 0 counts them from the epochs
            steps_per_call=0,  # steps in one compiled call; 0 is 1 on CPU and 50 elsewhere
            log_every_steps=50,
            eval_every_steps=0,  # validation; 0 is twenty times a run
            rng="rbg",  # makes dropout cheap on CPU; 'threefry2x32' is JAX's default
            compilation_cache=True,  # keep compiled programs in the user's cache folder
        ),
        eval=dict(batch_size=256),  # per device
        checkpoint=dict(
            every_steps=500,  # a killed run loses no more than this many steps
            keep=2,  # latest checkpoints kept, beside the best
        ),
    )
    return ml_collections.ConfigDict(config).lock()


def _number() -> config_dict.FieldReference:
    return config_dict.placeholder(float)  # None until it is given


def validate(config: ml_collections.ConfigDict) -> None:
    """Raise ValueError, naming the field and what it allows, for settings that cannot be meant."""
    fields = flatten(config)
    config_rules.check_values(fields)
    default = flatten(base(fields["task.name"], 5, fields["method"]))
    config_rules.check_together(fields, default)


def flatten(config: ml_collections.ConfigDict) -> dict[str, Any]:
    """Return the configuration as one dict from dotted names to values, None where not given."""
    flat = {}
    for key, value in config.items(preserve_field_references=False):
        if isinstance(value, ml_collections.ConfigDict):
            flat |= {f"{key}.{inner}": x for inner, x in flatten(value).items()}
        else:
            flat[key] = value
    return flat


def differences(old: ml_collections.ConfigDict, new: ml_collections.ConfigDict) -> list[str]:
    """Return 'field: old -> new' for each field that differs and changes a run's numbers."""
    before, after = flatten(old), flatten(new)
    return [
        f"{field}: {before.get(field)!r} -> {after.get(field)!r}"
        for field in sorted(before | after)
        if field not in HARMLESS and before.get(field) != after.get(field)
    ]


def config_hash(config: ml_collections.ConfigDict) -> str:
    """Return 16 hex digits that are equal for configurations whose runs have the same numbers."""
    fields = {k: v for k, v in flatten(config).items() if k not in HARMLESS}
    return hashlib.sha256(json.dumps(fields, sort_keys=True).encode()).hexdigest()[:16]


def save(config: ml_collections.ConfigDict, path: pathlib.Path) -> None:
    """Write the configuration as JSON."""
    path.write_text(json.dumps(config.to_dict(), indent=2) + "\n")


def load(path: pathlib.Path) -> ml_collections.ConfigDict:
    """Read a configuration that `save` wrote; keys younger than the file get their defaults."""
    saved = json.loads(path.read_text())
    config = base(saved["task"]["name"], saved["data"]["labelled_percent"], saved["method"])
    config.update(saved)
    return config.lock()
