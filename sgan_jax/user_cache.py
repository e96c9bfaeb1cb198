"""The cache folder of the data sets and compiled programs that all runs of a user share."""

import os
import pathlib


def folder() -> pathlib.Path:
    """Return this program's cache folder of the user."""
    base = os.environ.get("XDG_CACHE_HOME") or pathlib.Path.home() / ".cache"
    return pathlib.Path(base) / "sgan_jax"


def programs() -> pathlib.Path:
    """Return the folder of compiled programs."""
    return folder() / "programs"
