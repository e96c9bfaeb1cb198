"""A strict world for every test: eight CPU devices, no silent broadcasting."""

import pathlib

import jax
import pytest

jax.config.update("jax_platforms", "cpu")
jax.config.update("jax_num_cpu_devices", 8)
jax.config.update("jax_numpy_rank_promotion", "raise")

SHARED = pathlib.Path(__file__).resolve().parents[2] / "shared"


@pytest.fixture(scope="session")
def shared_dir() -> pathlib.Path:
    """Return the folder of real crystals beside the checkout; skip the test if it is absent."""
    if not SHARED.is_dir():
        pytest.skip(f"needs the real crystals in {SHARED}")
    return SHARED
