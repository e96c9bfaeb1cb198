"""A classifier that needs no training, and simulated counts of patterns."""

import jax
import jax.numpy as jnp
import numpy as np
from flax import linen as nn

from sgan_jax import symmetry
from sgan_jax.answers.classifier import Classifier
from sgan_jax.diffraction import profile
from sgan_jax.diffraction.instrument import PRESETS
from sgan_jax.evaluation.calibration import LEVELS, Calibration
from sgan_jax.measured.pattern import MeasuredPattern
from sgan_jax.models.resnet import DiscriminatorOutput

MODEL = PRESETS["nist2022"]
# A cubic F lattice of 3.9 Å: 111, 200, 220, 311, 222.
D = 3.9 / np.sqrt([3.0, 4.0, 8.0, 11.0, 12.0])
F_SQUARED = np.array([8.0, 6.0, 12.0, 24.0, 8.0])


class Small(nn.Module):
    """One layer."""

    classes: int

    @nn.compact
    def __call__(self, x, *, train):
        features = x.reshape(len(x), -1)[:, ::10]
        logits = nn.Dense(self.classes, name="class_head")(features)
        return DiscriminatorOutput(logits, features, None)


def calibration(
    class_names, *, temperature=2.0, patterns=199, energies=-1e9, lines=(0.5, 50.0), noise=1.0
):
    """Return a calibration; by default every pattern is familiar to it."""
    return Calibration(
        temperature=temperature,
        scores=np.linspace(0.0, 0.99, patterns),
        energy_quantiles=tuple(energies + 1e-3 * i for i in range(len(LEVELS))),
        noise_limit=noise,
        first_line_range_angstrom=lines,
        patterns=patterns,
        class_names=tuple(class_names),
        step=1,
        made_by="the test",
    )


def classifier(task="sg", calibrated=None, offset=0.0, model=Small):
    classes = symmetry.class_list(task, "paper", np.zeros(0, int), 0)
    names = symmetry.class_names(task, classes)
    network = model(len(classes))
    shapes = jax.eval_shape(  # compiles nothing
        lambda: network.init(jax.random.key(0), jnp.zeros((1, MODEL.points)), train=False)
    )["params"]
    random = np.random.default_rng(0)
    scale = 5.0 if model is Small else 1.0
    params = jax.tree.map(
        lambda leaf: (
            scale * random.normal(0.0, max(leaf.size, 64) ** -0.25, leaf.shape).astype(np.float32)
        ),
        shapes,
    )
    return Classifier(
        task=task,
        classes=classes,
        class_names=names,
        instrument=MODEL,
        model=network,
        params=params,
        intensity_offset=offset,
        calibration=calibration(names) if calibrated is None else calibrated or None,
    )


def measure(d=D, f=F_SQUARED, name="d1a", *, highest=5000.0, flat=200.0, seed=0, **changes):
    """Return what an instrument counts for given reflections, with a background."""
    instrument = PRESETS[name]
    x = instrument.two_theta_deg
    y = profile.intensity_pattern(np.asarray(d), np.asarray(f), instrument) * highest
    y = np.random.default_rng(seed).poisson(y + flat + 0.5 * flat * np.exp(-x / 20.0))
    return MeasuredPattern(
        f"{name}.xy", "columns", "", x, y.astype(float), None, instrument.wavelength_angstrom,
        **changes,
    )  # fmt: skip
