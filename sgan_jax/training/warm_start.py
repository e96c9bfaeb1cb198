"""Start a run from the weights of another, for example on other crystals or another instrument.

The weights are those that the other run evaluates. The heads are copied only if both runs have the
same task; otherwise they start from new random weights.
"""

import pathlib
from collections.abc import Iterable, Mapping
from typing import Any

import jax
import numpy as np
from absl import logging

from sgan_jax.training import checkpoint, integrity
from sgan_jax.training.state import SganState, TrainState, classifier_params

_HEADS = ("class_head/", "real_fake_head/")
# Where a checkpoint has the classifier, first match: the running mean if there is one, an SGAN's
# discriminator, a classifier alone.
_PLACES = ("average/", "params/discriminator/", "params/")


def from_run(state: TrainState, folder: pathlib.Path, task: Mapping[str, Any]) -> TrainState:
    """Return the state with the weights of a run's best checkpoint, or the latest if unvalidated.

    Args:
      state: before the first step.
      folder: the trained run's workdir.
      task: the `task` of the new run's configuration.

    Raises:
      ValueError: the folder holds no trained run, or one with a different network.
    """
    with checkpoint.best(folder, read_only=True) as checkpoints:
        found = checkpoints.newest()
    if found is None:  # not validated yet
        with checkpoint.latest(folder, keep=1, read_only=True) as checkpoints:
            found = checkpoints.newest()
    if found is None:
        raise ValueError(
            f"train.start_from is {str(folder)!r}, which holds no checkpoint; give the workdir of "
            "a trained run, or '' to start from random weights"
        )
    same_task = found.notes["config"]["task"] == dict(task)
    params = _taken(classifier_params(state), _classifier(found.state), same_task, folder)
    logging.info(
        "starting from step %d of %s, %s",
        found.step,
        folder,
        "including its heads" if same_task else "with new heads",
    )
    if isinstance(state, SganState):
        state = state.replace(params=state.params._replace(discriminator=params))
    else:
        state = state.replace(params=params)
    return state if state.average is None else state.replace(average=params)


def check_unseen(folder: pathlib.Path, test_ids: Iterable[str]) -> None:
    """Raise ValueError if the other run was trained on patterns that this one is tested on.

    On the same data set, a run with another task or split usually has other test patterns; one with
    another labelled percentage has the same.
    """
    lines = (folder / "split.tsv").read_text(encoding="utf-8").splitlines()[1:]
    parts = dict(line.rsplit("\t", 1) for line in lines)
    seen = [name for name in test_ids if parts.get(name, "test") != "test"]
    if seen:
        raise ValueError(
            f"train.start_from: {folder} was trained on {len(seen)} of this run's test patterns "
            f"({seen[0]}, ...); give both runs the same task, data.split and "
            "data.split_seed, or start from a run on other crystals"
        )


def _classifier(leaves: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Return the classifier's arrays from a checkpoint, by their names in the network."""
    for place in _PLACES:
        if any(name.startswith(place) for name in leaves):
            return {
                name.removeprefix(place): leaf
                for name, leaf in leaves.items()
                if name.startswith(place)
            }
    raise AssertionError(f"a train state without parameters: {sorted(leaves)[:3]}")


def _taken(
    params: Any, given: Mapping[str, np.ndarray], same_task: bool, folder: pathlib.Path
) -> Any:
    """Return `params` with its arrays replaced by the given ones."""
    own = integrity.leaves_by_name(params)
    taken = []
    for name, leaf in own.items():
        head = name.startswith(_HEADS)
        if head and not (same_task and name in given):
            taken.append(leaf)
        elif name not in given or given[name].shape != leaf.shape:
            there = given[name].shape if name in given else "missing"
            raise ValueError(
                f"train.start_from: {name} is {leaf.shape} here and {there} in {folder}; give both "
                "runs the same settings of `model`"
            )
        else:
            taken.append(given[name])
    return jax.tree.unflatten(jax.tree.structure(params), taken)
