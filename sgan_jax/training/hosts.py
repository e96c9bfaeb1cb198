"""The processes of one run: how they find one another, agree, and tell what the first one knows.

One machine needs none of it. On several, jax.distributed connects the processes: found under Slurm,
Open MPI and Kubernetes, or told by flags. The first process alone writes files.
"""

import importlib.util
import os
import pickle
from collections.abc import Callable, Mapping
from typing import Any

import jax
import numpy as np
from absl import logging
from jax.experimental import multihost_utils
from orbax.checkpoint import multihost

# A process that does not answer for so long is dead, and the others end: in under two minutes,
# what lies between the last answer and the first missed one included.
HEARTBEAT_TIMEOUT_SECONDS = 60
_START_TIMEOUT_SECONDS = 600  # all processes of a job are there by then
_BUILD_TIMEOUT_SECONDS = 24 * 3600  # the others wait while the first builds a data set


def start(
    coordinator: str | None = None, process_id: int | None = None, num_processes: int | None = None
) -> None:
    """Connect this process to the others of its run; call it before anything else of jax.

    Args:
      coordinator: host:port of the first process; None finds it (or that there is one process).
      process_id: 0 to num_processes - 1.
      num_processes: of the run; 1 is one process whatever surrounds it.

    Raises:
      ValueError: only some of the three are given, or a package is missing that finds the others.
    """
    given = (coordinator, process_id, num_processes)
    if num_processes == 1 and not coordinator:
        return
    found: dict[str, Any]
    if all(value is None for value in given):
        cluster = surrounding_cluster(os.environ)
        if cluster is None:
            return
        found = {"local_device_ids": local_device_ids(os.environ)}
        logging.info("one process of several, started by %s", cluster)
    elif None in given:
        raise ValueError(
            f"--coordinator={coordinator} --process_id={process_id} "
            f"--num_processes={num_processes}: give all three, or none to find them"
        )
    else:
        found = {
            "coordinator_address": coordinator,
            "process_id": process_id,
            "num_processes": num_processes,
            "cluster_detection_method": "deactivate",
        }
    jax.config.update("jax_enable_preemption_service", False)  # takes SIGTERM from `shutdown`
    jax.distributed.initialize(
        **found,
        shutdown_timeout_seconds=HEARTBEAT_TIMEOUT_SECONDS,
        initialization_timeout=_START_TIMEOUT_SECONDS,
        heartbeat_timeout_seconds=HEARTBEAT_TIMEOUT_SECONDS,
    )


def surrounding_cluster(environment: Mapping[str, str]) -> str | None:
    """Return what started several processes, this one among them; None where there is one only.

    Raises:
      ValueError: in Kubernetes without the package that asks it for the others.
    """
    if "SLURM_STEP_NODELIST" in environment and int(environment.get("SLURM_NTASKS", 1)) > 1:
        return "Slurm"
    if int(environment.get("OMPI_COMM_WORLD_SIZE", 1)) > 1:
        return "Open MPI"
    if "KUBERNETES_SERVICE_HOST" in environment and "JOB_COMPLETION_INDEX" in environment:
        if importlib.util.find_spec("kubernetes") is None:
            raise ValueError(
                "this is a Job in Kubernetes, and the package that finds its other processes is "
                "missing: pip install 'sgan_jax[k8s]'; or give --num_processes=1 to run alone"
            )
        return "Kubernetes"
    return None


def local_device_ids(environment: Mapping[str, str]) -> list[int] | None:
    """Return which of the GPUs that it sees a process takes; None leaves it to jax: all of them.

    jax gives each process of Slurm and Open MPI one GPU, that of its number on the node. That is
    wrong where one process has the whole node, and where the launcher shows each process its own.
    """
    of_slurm = environment.get("SLURM_STEP_TASKS_PER_NODE") or environment.get(
        "SLURM_TASKS_PER_NODE"
    )
    # Slurm writes 2(x4) for four nodes of two.
    on_node = int(environment.get("OMPI_COMM_WORLD_LOCAL_SIZE") or (of_slurm or "1").split("(")[0])
    rank = int(
        environment.get("OMPI_COMM_WORLD_LOCAL_RANK") or environment.get("SLURM_LOCALID") or 0
    )
    visible = environment.get("CUDA_VISIBLE_DEVICES") or environment.get("SLURM_STEP_GPUS")
    gpus = len(visible.split(",")) if visible else int(environment.get("SLURM_GPUS_ON_NODE", 0))
    if not gpus:
        return None if on_node == 1 and not of_slurm else [rank]
    return [rank] if on_node > 1 and gpus > 1 else list(range(gpus))


def is_first() -> bool:
    """Say whether this process is the one that writes."""
    return jax.process_index() == 0


def from_first[Result](make: Callable[[], Result]) -> Result:
    """Return what `make` returns in the first process, to all; what it raises there is raised.

    The result travels by pickle; the others wait for it, for hours if need be.
    """
    if jax.process_count() == 1:
        return make()
    answer: tuple[bool, Any] = (True, None)
    if is_first():
        try:
            answer = (True, make())
        except Exception as error:
            answer = (False, error)
    wait_for_all("from the first")
    sent = np.frombuffer(pickle.dumps(answer), np.uint8)
    size = int(multihost_utils.broadcast_one_to_all(np.int32(len(sent))))
    if not is_first():
        sent = np.zeros(size, np.uint8)
    good, result = pickle.loads(np.asarray(multihost_utils.broadcast_one_to_all(sent)).tobytes())
    if not good:
        raise result
    return result


def wait_for_all(what: str) -> None:
    """Wait until every process is here."""
    multihost.get_barrier_sync_fn()(key=what, timeout_ms=1000 * _BUILD_TIMEOUT_SECONDS)


def any_of(flag: bool) -> bool:
    """Say whether the flag is set in any process; all of them must ask."""
    if jax.process_count() == 1:
        return flag
    return bool(multihost_utils.process_allgather(np.asarray(flag)).any())


def gather(rows: np.ndarray) -> np.ndarray:
    """Return the rows [n, ...] of every process one below the other, to all of them."""
    if jax.process_count() == 1:
        return rows
    return np.asarray(multihost_utils.process_allgather(rows, tiled=True))
