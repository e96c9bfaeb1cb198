"""Arrays of a checkpoint by name: only what was written intact and fits the model is used."""

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


def in_shape_of(like: Any, leaves: dict[str, Any]) -> Any:
    """Return the named arrays as a tree like `like`.

    Raises:
      ValueError: the names, shapes or types of its arrays are not those of `like`.
    """
    expected = leaves_by_name(like)
    if missing := sorted(expected.keys() ^ leaves.keys()):
        raise ValueError(
            f"the checkpoint and the model do not have the same arrays ({missing[0]}); it was "
            "written by another version: use another --workdir"
        )
    for name, here in expected.items():
        if here.shape != leaves[name].shape or here.dtype != leaves[name].dtype:
            raise ValueError(
                f"the checkpoint's {name} is {leaves[name].dtype} {leaves[name].shape}, the "
                f"model's {here.dtype} {here.shape}; it was written by another version: use "
                "another --workdir"
            )
    return jax.tree.unflatten(jax.tree.structure(like), [leaves[name] for name in expected])


def sha256(leaves: Mapping[str, np.ndarray], notes: Mapping[str, Any]) -> str:
    """Return the SHA-256 of named arrays (name, type, shape and bits) and of plain notes."""
    digest = hashlib.sha256(json.dumps(notes, sort_keys=True).encode())
    for name in sorted(leaves):
        leaf = leaves[name]
        digest.update(f"\n{name} {leaf.dtype} {leaf.shape}\n".encode())
        digest.update(leaf.tobytes())
    return digest.hexdigest()
