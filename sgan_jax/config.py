"""The configuration: every key, its meaning, and the source of its default.

A file in `configs/` calls `base(...)` and changes a few keys; the command line can change any key
(`--config.train.steps=1000`). `validate` is called once, at the start. Each run saves its
configuration as JSON in its folder, so that it can be evaluated, resumed and compared later.
"""

import hashlib
import json
import pathlib
from typing import Any

import ml_collections
from ml_collections import config_dict

from sgan_jax import config_rules
from sgan_jax.config_rules import WITH_GENERATOR, WITH_STRONG_VIEWS

# Fields that may change when a run is resumed: they do not affect its results.
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

    Defaults are from Table 2 and section 2 of the paper unless a key's comment says otherwise.
    """
    sgan = method in WITH_GENERATOR
    with_views = method in WITH_STRONG_VIEWS
    config = dict(
        seed=0,  # of all that is random in training; the data have their own seeds
        method=method,  # one of config_rules.METHODS; 'supervised' uses the labelled part only
        task=dict(
            name=task,  # 'bl': 14 Bravais lattices; 'sg': space groups; 'eg': 97 extinction groups
            classes="paper",  # of 'sg': 'paper' (144), 'all' (230), 'frequent' (> min_count)
            min_count=50,  # section 2.1: groups with more than 50 patterns
        ),
        instrument=dict(
            preset="nist2022",  # one of config_rules.CHOICES; the numbers below override it
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
            # 'synthetic', 'prototypes' (known structure types), 'cif' (from cif_path), or several,
            # optionally with the number of each: 'synthetic:100000+cif'.
            source="synthetic",  # the first two need no file
            class_balance="natural",  # of these two: space groups as in nature; or 'uniform'
            synthetic_crystals=100_000,  # used if the source gives no number
            synthetic_seed=0,
            synthetic_statistics="",  # a table made by crystals/fit_synthetic; '': the package's
            prototype_crystals=20_000,
            prototype_seed=0,
            prototype_path="",  # your own prototypes, as CIFs; '': the built-in structure types
            cif_path="",  # a CIF file, a folder, a zip or a tar
            symmetry="file",  # 'file': the CIF's own; 'spglib': found in the atoms (P 1 exports)
            b_iso_default=0.5,  # Å², for atoms without a displacement parameter
            max_skipped_fraction=0.2,  # of files; a build that skips more ends with an error
            dir="",  # folder of the data sets; '': the user's cache folder
            processes=0,  # that build the data set; 0: one per core
            device_bytes=0,  # memory of each device for patterns, else read as due; 0: half of all
            made="split",  # synthetic crystals, prototypes: split like real ones, or 'labelled'
            split="random",  # the paper; 'structure_type': no type on both sides of the test split
            stratify="task",  # equal class shares in all parts; 'sg': of space groups, in all tasks
            split_seed=0,
            test_fraction=0.1,  # section 2.2, of all patterns
            labelled_percent=percent,  # of all patterns: 5, 10, 25, 50; 90: all but the test part
            validation_fraction=0.1,  # of the labelled part; not trained on, selects the checkpoint
            intensity_offset=0.0,  # added to each pattern; released program: 1e-3
        ),
        # Augmentation, drawn for each pattern at each step, each distortion uniform up to its
        # number here (training/augment.py); the paper has none. It applies to labelled patterns,
        # to an SGAN's unlabelled ones, and in 'consistency' to those that get pseudo-labels.
        augment=dict(
            strain=0.03 if with_views else 0.0,  # isotropic, of the cell, ±
            zero_shift_deg=0.1 if with_views else 0.0,  # of 2θ, ±
            displacement_deg=0.0,  # of the sample, as the shift of peaks at low angles, ±
            broadening_deg=0.0,  # FWHM added in quadrature, at low angles
            texture=0.0,  # standard deviation of the logarithm of the intensities
            impurity=0.0,  # fraction of the intensity that comes from other crystals
            background=0.0,  # its highest point over the pattern's maximum
            noise=0.0,  # counting noise: its standard deviation at the maximum, over the maximum
            missing_deg=0.0,  # width of each of up to three ranges without data
        ),
        # Instead of that augmentation: patterns rendered at each step from the crystals'
        # reflections, on other instruments and for imperfect samples, then brought to the data
        # set's grid as measured patterns are (training/rendered.py). Drawn for each crystal,
        # uniform up to the number here, unless a comment says otherwise.
        render=dict(
            on=False,  # for models that must cope with measured patterns; the paper has none
            reflections=768,  # per crystal; of more, close ones are merged (error 2e-4 at most)
            instruments=64,  # drawn once per run; the first is the data set's own, in 10 % of views
            share=16,  # crystals of a batch that share an instrument, which makes it cheap
            resolution=0.2,  # per instrument, ± ln(width / preset's): other slits, other samples
            wavelength_low=1.15,  # Å, of the instruments: 3T2 has 1.23,
            wavelength_high=2.55,  # ... D1B 2.52 at most; uniform between the two
            axial_divergence=0.05,  # S/L and H/L of the instruments; nist2022 0.040, HB-2A 0.045
            strain=0.03,  # isotropic, of the cell, ±: symmetry does not depend on its size
            zero_shift_deg=0.3,  # of 2θ, ±: a badly aligned instrument
            displacement_deg=0.1,  # of the sample, ±: about 0.5 mm at the usual distances
            orientation=0.3,  # March-Dollase r within 1 ± this, uniform in ln r; half along c*
            magnetic=0.0,  # highest magnetic reflection over the highest nuclear one; 0 is off
            magnetic_share=0.2,  # fraction of crystals that are magnetically ordered
            impurity=0.3,  # fraction of the intensity from two other crystals: as samples may hold
            background=1.0,  # its highest point over the pattern's: that of a hydrogenous sample
            background_left=0.05,  # fraction of it left after subtraction, ±: a good fit's error
            noise=0.03,  # counting noise over the maximum, as in `augment`: 1100 counts there
            missing_deg=10.0,  # width of each of up to three ranges without data: furnace lines
        ),
        # Strong views, drawn likewise: 'consistency', of unlabelled patterns; 'pretrain', of all.
        strong=dict(
            strain=0.05,  # symmetry does not depend on the size of the cell
            zero_shift_deg=0.2,  # usual misalignment
            displacement_deg=0.1,  # about 0.5 mm at the usual distances
            broadening_deg=0.2,  # as much as nist2022's own width at low angles
            texture=0.3,  # about that of March-Dollase r = 0.8
            impurity=0.2,  # not unusual for a real sample
            background=0.1,  # what is left after subtraction
            noise=0.03,  # 1100 counts at the maximum
            missing_deg=10.0,  # another instrument's range, a furnace line
        ),
        consistency=dict(  # FixMatch (2020), FreeMatch (2023); the latter's values
            thresholds="adaptive",  # FreeMatch; 'fixed': FixMatch; 'global': one for all classes
            confidence=0.95,  # the fixed threshold of FixMatch
            momentum=0.999,  # of the running statistics
            weight=1.0,  # λ_u, of the unlabelled loss
            start_steps=500,  # before unlabelled patterns count: an untrained network is no guide
            ramp_steps=500,  # over which their weight then rises linearly
            fairness_weight=0.01,  # λ_f; 0 is off
            distribution_alignment=False,  # ReMixMatch (2020): to the labelled class frequencies
        ),
        pretrain=dict(  # SimCLR (2020) on all patterns, then method `then`, in one run
            fraction=0.5,  # of the run's steps
            learning_rate=1e-3,  # of this phase, which has an optim.schedule of its own
            temperature=0.2,  # between SimCLR's 0.1 and 0.5
            labelled_weight=0.0,  # of the labelled patterns' cross-entropy in the loss; 0 is none
            then="supervised",  # or 'consistency'
        ),
        model=dict(
            input_power=1.0,  # exponent applied to the intensities; 0.5: weak peaks count more
            stem_pool=True,  # the paper's max pool after the stem; released program: none
            projection_shortcuts=False,  # released program: in all blocks, not only a stage's first
            width=1,  # times the paper's channels in stages 2 to 4
            dropout=0.1,  # Table 2; released program: 0.05
            dtype="float32",  # 'bfloat16': of convolutions and activations; parameters stay float32
        ),
        gan=dict(
            real_fake_head=False,  # released program: a second head and BCE, not D = Z / (Z + 1)
            noise=0.0,  # instance noise (unlabelled, generated): standard deviation up to this
            real_per_generated=1,  # the paper; 4: per generated pattern 4 labelled, 4 unlabelled
            start=0.5,  # initial output of the generator at every angle; 0.5 is its sigmoid at 0
            soft_labels=False,  # released program: targets in 0-0.2 and 0.8-1, drawn once an epoch
            optimizers="two",  # discriminator's and generator's; 'three': the released program's
        ),
        optim=dict(
            learning_rate=5e-6 if sgan else 1e-4,  # Table 2; of the classifier (discriminator)
            generator_learning_rate=1e-6,  # Table 2
            real_fake_learning_rate=1e-4,  # released program, with gan.optimizers='three'
            eps=1e-8,  # of Adam; released program: 1e-4
            weight_decay=0.0,  # decoupled (AdamW); 0 is plain Adam (the paper)
            clip_norm=10.0 if with_views else 0.0,  # largest gradient norm; 0 is off (the paper)
            schedule="constant",  # the paper; 'cosine': to zero, after warmup_steps
            warmup_steps=0,
            average_decay=0.0,  # of a running mean of the parameters, then evaluated; 0 is off
            logit_adjustment=0.0,  # times log class frequency (Menon et al. 2021); 0 is off
        ),
        train=dict(
            batch_size=64 if method == "supervised" else 32,  # labelled, per device (Table 2)
            unlabelled_ratio=1,  # unlabelled patterns per labelled one; paper: 1
            start_from="",  # workdir of a trained run whose weights initialise this one
            epochs=100,  # released program; over the unlabelled part if used, else the labelled
            steps=0,  # training steps; 0: as many as the epochs take
            steps_per_call=0,  # steps in one compiled call; 0: 1 on CPU and 50 elsewhere
            log_every_steps=50,
            eval_every_steps=0,  # between validations; 0: twenty validations per run
            rng="rbg",  # makes dropout cheap on CPU; 'threefry2x32' is JAX's default
            compilation_cache=True,  # keep compiled programs in the user's cache folder
        ),
        eval=dict(batch_size=256),  # per device
        checkpoint=dict(
            every_steps=500,  # a killed run loses at most this many steps, or one compiled call
            keep=2,  # latest checkpoints kept, besides the best
        ),
    )
    return ml_collections.ConfigDict(config).lock()


def _number() -> config_dict.FieldReference:
    return config_dict.placeholder(float)  # None until it is set


def validate(config: ml_collections.ConfigDict) -> None:
    """Raise ValueError for invalid settings, naming the field and its allowed values."""
    fields = flatten(config)
    config_rules.check_values(fields)
    default = flatten(base(fields["task.name"], 5, fields["method"]))
    config_rules.check_together(fields, default)


def flatten(config: ml_collections.ConfigDict) -> dict[str, Any]:
    """Return the configuration as one dict from dotted names to values, None if not set."""
    flat = {}
    for key, value in config.items(preserve_field_references=False):
        if isinstance(value, ml_collections.ConfigDict):
            flat |= {f"{key}.{inner}": x for inner, x in flatten(value).items()}
        else:
            flat[key] = value
    return flat


def differences(old: ml_collections.ConfigDict, new: ml_collections.ConfigDict) -> list[str]:
    """Return 'field: old -> new' for each field that differs and affects a run's results."""
    before, after = flatten(old), flatten(new)
    return [
        f"{field}: {before.get(field)!r} -> {after.get(field)!r}"
        for field in sorted(before | after)
        if field not in HARMLESS and before.get(field) != after.get(field)
    ]


def config_hash(config: ml_collections.ConfigDict) -> str:
    """Return 16 hex digits, equal for configurations that differ only in `HARMLESS` fields."""
    fields = {k: v for k, v in flatten(config).items() if k not in HARMLESS}
    return hashlib.sha256(json.dumps(fields, sort_keys=True).encode()).hexdigest()[:16]


def save(config: ml_collections.ConfigDict, path: pathlib.Path) -> None:
    """Write the configuration as JSON."""
    path.write_text(json.dumps(config.to_dict(), indent=2) + "\n")


def load(path: pathlib.Path) -> ml_collections.ConfigDict:
    """Read a configuration that `save` wrote; keys added since then get their defaults."""
    saved = json.loads(path.read_text())
    config = base(saved["task"]["name"], saved["data"]["labelled_percent"], saved["method"])
    config.update(saved)
    return config.lock()
