"""Where data sets and compiled programs are kept that any run of this user may find again."""

import os
import pathlib


def folder() -> pathlib.Path:
    """Return the user's cache folder of this program."""
    base = os.environ.get("XDG_CACHE_HOME") or pathlib.Path.home() / ".cache"
    return pathlib.Path(base) / "sgan_jax"


def programs() -> pathlib.Path:
    """Return the folder of compiled programs."""
    return folder() / "programs"
