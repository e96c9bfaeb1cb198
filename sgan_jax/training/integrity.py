"""Checksums of checkpoints, so that only what was written intact is used."""

import hashlib
import json
from collections.abc import Mapping
from typing import Any

import jax
import numpy as np


def leaves_by_name(tree: Any) -> dict[str, np.ndarray]:
    """Return a tree's arrays on the host, keyed by path, 'opt_state/0/mu/...'.

    Orbax stores named tuples and classes as dicts; the paths stay the same.
    """
    return {
        jax.tree_util.keystr(path, simple=True, separator="/"): np.asarray(leaf)
        for path, leaf in jax.tree_util.tree_leaves_with_path(jax.device_get(tree))
    }


def sha256(leaves: Mapping[str, np.ndarray], notes: Mapping[str, Any]) -> str:
    """Return the SHA-256 of named arrays (name, type, shape and bits) and of plain notes."""
    digest = hashlib.sha256(json.dumps(notes, sort_keys=True).encode())
    for name in sorted(leaves):
        leaf = leaves[name]
        digest.update(f"\n{name} {leaf.dtype} {leaf.shape}\n".encode())
        digest.update(leaf.tobytes())
    return digest.hexdigest()
