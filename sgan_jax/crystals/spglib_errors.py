"""Unify spglib's two ways of failing: None before version 3, an exception from then on."""

import contextlib
import warnings
from collections.abc import Generator

import spglib

from sgan_jax.crystals.skipped import CifError

_SpglibError = getattr(spglib, "SpglibError", RuntimeError)  # RuntimeError: before 2.7


@contextlib.contextmanager
def as_cif_error(reason: str) -> Generator[None]:
    """Turn spglib's exceptions into `CifError`, and suppress its warning about them."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Set OLD_ERROR_HANDLING", DeprecationWarning)
        try:
            yield
        except _SpglibError as error:
            raise CifError(reason, str(error)) from error
