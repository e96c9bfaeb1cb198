"""Crystal symmetry from powder neutron diffraction patterns, by a semi-supervised GAN in JAX.

    import sgan_jax
    for crystal in sgan_jax.read_crystals("structures.zip"):
        pattern = sgan_jax.simulate(crystal, instrument="nist2022")
    answer = sgan_jax.load("runs/sg_90").predict(two_theta, intensity, wavelength_angstrom=1.5403)

The names below are loaded on first use, so that `import sgan_jax` is fast and the core (models,
steps) runs without any crystallographic library.
"""

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sgan_jax.answers.loading import load
    from sgan_jax.crystals.cif import read_crystals
    from sgan_jax.diffraction.instrument import Instrument
    from sgan_jax.diffraction.profile import simulate

__version__ = "0.1.0"
__all__ = ["Instrument", "load", "read_crystals", "simulate"]

_HOMES = {
    "Instrument": "sgan_jax.diffraction.instrument",
    "load": "sgan_jax.answers.loading",
    "read_crystals": "sgan_jax.crystals.cif",
    "simulate": "sgan_jax.diffraction.profile",
}


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module 'sgan_jax' has no attribute {name!r}; it has {__all__}")
    return getattr(importlib.import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return __all__
