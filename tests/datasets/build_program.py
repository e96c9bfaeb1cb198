"""Builds of data sets in separate processes, for tests to kill."""

import pathlib
import sys
import time

import pytest
from rock_salts import cif_source

SLOWLY = """
import time
usual = outcomes.Tally.examples
outcomes.Tally.examples = lambda *given: time.sleep(0.1) or usual(*given)
"""


def program(settings: dict, path: pathlib.Path, changes: str = "") -> list[str]:
    """Return a command that builds a data set, in a new process."""
    text = f"""
import sys
from pathlib import PosixPath
from sgan_jax.datasets import outcomes, powder_patterns, preparation, shards
from sgan_jax.datasets.sources import CifSource
from sgan_jax.diffraction.instrument import Instrument
{changes}
folder = preparation.prepare({cif_source(path)!r}, **{settings!r})
print(len(powder_patterns.load(folder)), "tensorflow" in sys.modules)
"""
    return [sys.executable, "-W", "error", "-c", text]


def wait_for_a_shard(sets: pathlib.Path) -> None:
    """Wait until a build has begun a shard."""
    wait_for_files(sets, "*.array_record*", 1)


def wait_for_files(sets: pathlib.Path, pattern: str, count: int) -> None:
    """Wait until `count` files match a pattern."""
    for _ in range(600):
        if len(list(sets.rglob(pattern))) >= count:
            return
        time.sleep(0.1)
    pytest.fail(f"not {count} of {pattern} after a minute")


def stored_bytes(folder: pathlib.Path) -> dict[str, bytes]:
    """Return the contents of a set's files, except for its summary, which holds a time."""
    return {f.name: f.read_bytes() for f in folder.iterdir() if f.name != "build.json"}
