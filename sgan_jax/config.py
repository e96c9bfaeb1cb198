"""The one commented configuration: every key that exists, what it means, and where its default comes from.

A file in `configs/` calls `base(...)` and changes a few keys; the command line changes more
(`--config.train.steps=1000`). `validate` is called once, at start.
"""

import ml_collections
from ml_collections import config_dict

TASKS = ("bl", "sg")
METHODS = ("supervised", "sgan")
LABELLED_PERCENTS = (5, 10, 25, 50, 90)


def base(task: str, percent: int, method: str) -> ml_collections.ConfigDict:
    """Return the paper's experiment for a task, a labelled percentage and a method (Table 2, section 2)."""
    supervised = method == "supervised"
    return _typed(
        seed=0,  # of the parameters, the batches and the dropout; the split has its own
        method=method,  # 'supervised' (labelled part only) or 'sgan'
        task=_typed(
            name=task,  # 'bl': 14 Bravais lattices; 'sg': space groups
            classes="paper",  # of 'sg': 'paper' (144), 'all' (230), 'frequent' (more than min_count patterns)
            min_count=50,  # section 2.1: groups with more than 50 patterns
        ),
        instrument=_typed(
            preset="nist2022",  # nist2022, bt1_cu311, bt1_ge311, d1a, hb2a; the numbers below override it
            wavelength_angstrom=config_dict.placeholder(float),
            u=config_dict.placeholder(float),  # Gaussian FWHM² = u tan²θ + v tanθ + w, degrees²
            v=config_dict.placeholder(float),
            w=config_dict.placeholder(float),
            x=config_dict.placeholder(float),  # Lorentzian FWHM = x / cosθ + y tanθ, degrees
            y=config_dict.placeholder(float),
            s_over_l=config_dict.placeholder(
                float
            ),  # axial divergence (Finger, Cox & Jephcoat 1994)
            h_over_l=config_dict.placeholder(float),
        ),
        data=_typed(
            source="prototypes",  # 'prototypes': built in, needs no file; 'cif': crystals from cif_path
            cif_path="",  # a CIF file, a folder, a zip or a tar
            prototype_crystals=20_000,  # how many crystals the built-in source makes
            prototype_seed=0,
            symmetry="file",  # 'file': the CIF's own operations; 'spglib': found from the atoms (P 1 exports)
            b_iso_default=0.5,  # Å², for atoms without a displacement parameter
            max_skipped_fraction=0.2,  # a build that loses more of its files ends with an error
            dir="",  # where data sets live; '' is the user's cache folder
            processes=0,  # that build the data set; 0 is one per core
            split="random",  # 'random' (the paper) or 'structure_type' (no type on both sides of the test line)
            split_seed=0,
            test_fraction=0.1,  # section 2.2
            labelled_percent=percent,  # of what is not test: 5, 10, 25, 50 (Table 4) or 90
            validation_fraction=0.1,  # of the labelled part, never trained on: picks the best checkpoint
            intensity_offset=0.0,  # added to each pattern; the released program adds 1e-3
        ),
        augment=_typed(
            strain=0.0,  # isotropic strain of the cell, uniform in ±strain, drawn anew for each pattern and step
            zero_shift_deg=0.0,  # shift of 2θ, uniform in ±zero_shift_deg
        ),
        model=_typed(
            stem_pool=True,  # the paper's max pool after the stem; the released program has none
            projection_shortcuts=False,  # released program: a projection in every block, not a stage's first only
            dropout=0.1,  # Table 2; released program: 0.05
        ),
        gan=_typed(
            real_fake_head=False,  # released program: a second head and binary cross-entropy, not D = Z / (Z + 1)
            soft_labels=False,  # released program, with real_fake_head: targets in 0-0.2 and 0.8-1, once an epoch
            optimizers="two",  # 'two' (discriminator, generator) or the released program's 'three'
        ),
        optim=_typed(
            learning_rate=1e-4
            if supervised
            else 5e-6,  # Table 2; of the classifier = discriminator
            generator_learning_rate=1e-6,  # Table 2
            real_fake_learning_rate=1e-4,  # released program, with optimizers='three'
            eps=1e-8,  # of Adam; released program: 1e-4
            weight_decay=0.0,  # decoupled; 0 is plain Adam (the paper)
            schedule="constant",  # 'constant' (the paper) or 'cosine' (to zero, after warmup_steps)
            warmup_steps=0,
        ),
        train=_typed(
            batch_size=64 if supervised else 32,  # per device (Table 2); sgan: of each kind
            epochs=100,  # the released program's default; of the labelled part, in sgan of the unlabelled part
            steps=0,  # training steps; 0 counts them from the epochs
            steps_per_call=0,  # steps in one compiled call; 0 is 1 on CPU and 50 on GPU
            log_every_steps=50,
            eval_every_steps=0,  # validation; 0 is twenty times a run
            rng="rbg",  # 'rbg' makes dropout cheap on CPU; 'threefry2x32' is JAX's default
        ),
        eval=_typed(batch_size=256),  # per device
        checkpoint=_typed(
            every_steps=500,  # a killed run loses no more than this many steps
            keep=2,  # latest checkpoints kept, beside the best
        ),
    )


def _typed(**keys) -> ml_collections.ConfigDict:
    return ml_collections.ConfigDict(keys)
