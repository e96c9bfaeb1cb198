"""A small instrument and the arguments of `prepare` for the tests of data sets."""

import pytest

from sgan_jax.diffraction.instrument import Instrument


@pytest.fixture
def instrument() -> Instrument:
    """An instrument of few points: its tables are quick to make."""
    return Instrument("quick", 2.0, two_theta_start_deg=20.0, two_theta_step_deg=0.2, points=300)


@pytest.fixture
def settings(tmp_path, instrument) -> dict:
    """Arguments of `prepare` but for the path, in this process alone."""
    return {
        "source": "cif",
        "class_balance": "natural",
        "synthetic_crystals": 0,
        "synthetic_seed": 0,
        "prototype_crystals": 0,
        "prototype_seed": 0,
        "prototype_path": "",
        "symmetry": "file",
        "b_iso_default": 0.5,
        "max_skipped_fraction": 0.2,
        "dir": tmp_path / "sets",
        "processes": 1,
        "instrument": instrument,
    }
