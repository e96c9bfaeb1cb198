"""The versions in a data set's name, tied to the numbers they stand for."""

import numpy as np
from rock_salts import rock_salt

from sgan_jax.crystals import cif
from sgan_jax.datasets import sources
from sgan_jax.datasets.examples import example
from sgan_jax.diffraction import profile
from sgan_jax.diffraction.instrument import Instrument

# The pattern of the crystal below, summed over every 30 points.
VERSIONS = (1, 2)
PATTERN = [
    0.0002,
    0.0003,
    0.0006,
    0.005,
    1.7246,
    0.0121,
    0.0042,
    1.2647,
    0.3755,
    0.606,
    0.003,
    0.3564,
    0.265,
    1.2588,
    0.0071,
    1.2306,
    0.0068,
    0.363,
    0.0013,
    0.0005,
]
ADVICE = (
    "the same file gives another pattern, so data sets built before must not be taken for new "
    "ones: raise profile.SIMULATOR_VERSION (or sources.READER_VERSION, where the reader changed), "
    "then set VERSIONS and PATTERN in this test to what it prints"
)


def test_another_pattern_is_another_version():
    instrument = Instrument(
        "golden", 2.0, 5.0, 0.25, 600, u=0.3, v=-0.05, w=0.03, x=0.04, s_over_l=0.04, h_over_l=0.03
    )
    (crystal,) = cif.crystals_from_text("golden", rock_salt(5.64).encode(), b_iso_default=0.7)
    pattern = example(crystal, instrument)["pattern"].reshape(20, 30).sum(axis=1)
    versions = (profile.SIMULATOR_VERSION, sources.READER_VERSION)
    message = f"{ADVICE}: {versions}, {np.round(pattern, 4).tolist()}"
    assert versions == VERSIONS, message
    assert np.allclose(pattern, PATTERN, rtol=0, atol=2e-3), message
