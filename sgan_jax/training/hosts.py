"""The processes of one run: how they find one another, agree, and share what the first one knows.

A run on one machine needs none of this. On several, jax.distributed connects the processes, which
are detected under Slurm, Open MPI and Kubernetes or given by flags. Only the first writes files.
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

# A process that has not answered for this long counts as dead, and the others end: in under two
# minutes, including the interval between its last answer and the first missed one.
HEARTBEAT_TIMEOUT_SECONDS = 60
_START_TIMEOUT_SECONDS = 600  # for all processes of a job to start
_BUILD_TIMEOUT_SECONDS = 24 * 3600  # the others wait while the first builds a data set


def start(
    coordinator: str | None = None, process_id: int | None = None, num_processes: int | None = None
) -> None:
    """Connect this process to the others of its run; call it before any other jax function.

    Args:
      coordinator: host:port of the first process; None: detected (or a run of one process).
      process_id: 0 to num_processes - 1.
      num_processes: of the run; 1 without a coordinator: run alone, whatever the environment says.

    Raises:
      ValueError: only some of the three are given, or the package that finds the others is missing.
    """
    given = (coordinator, process_id, num_processes)
    if num_processes == 1 and not coordinator:
        return
    found: dict[str, Any] = {}
    by_rank = False  # jax gives each process the GPU of its rank
    if all(value is None for value in given):
        cluster = surrounding_cluster(os.environ)
        if cluster is None:
            return
        by_rank = "JAX_LOCAL_DEVICE_IDS" not in os.environ
        logging.info("this is one of several processes, started by %s", cluster)
    elif None in given:
        raise ValueError(
            f"--coordinator={coordinator} --process_id={process_id} "
            f"--num_processes={num_processes}: give all three, or none to detect them"
        )
    else:
        found = {
            "coordinator_address": coordinator,
            "process_id": process_id,
            "num_processes": num_processes,
            "cluster_detection_method": "deactivate",
        }
    jax.config.update("jax_enable_preemption_service", False)  # would take `shutdown`'s SIGTERM
    jax.distributed.initialize(
        **found,
        shutdown_timeout_seconds=HEARTBEAT_TIMEOUT_SECONDS,
        initialization_timeout=_START_TIMEOUT_SECONDS,
        heartbeat_timeout_seconds=HEARTBEAT_TIMEOUT_SECONDS,
    )
    if by_rank and has_all_gpus(os.environ):
        jax.config.update("jax_cuda_visible_devices", "all")


def surrounding_cluster(environment: Mapping[str, str]) -> str | None:
    """Return what started this process as one of several; None if it runs alone.

    Raises:
      ValueError: in Kubernetes, the package that finds the other processes is missing.
    """
    if "SLURM_STEP_NODELIST" in environment and int(environment.get("SLURM_NTASKS", 1)) > 1:
        return "Slurm"
    if int(environment.get("OMPI_COMM_WORLD_SIZE", 1)) > 1:
        return "Open MPI"
    if "KUBERNETES_SERVICE_HOST" in environment and "JOB_COMPLETION_INDEX" in environment:
        if importlib.util.find_spec("kubernetes") is None:
            raise ValueError(
                "this is a Kubernetes Job, but the package that finds its other processes is "
                "missing: pip install 'sgan_jax[k8s]', or give --num_processes=1 to run alone"
            )
        return "Kubernetes"
    return None


def has_all_gpus(environment: Mapping[str, str]) -> bool:
    """Say whether this process uses every GPU that it sees.

    It does if it has the node to itself, or if the launcher shows each process only its own GPU.
    """
    of_slurm = environment.get("SLURM_STEP_TASKS_PER_NODE") or environment.get(
        "SLURM_TASKS_PER_NODE", "1"
    )
    # Slurm writes 2(x4) for four nodes with two tasks each.
    on_node = int(environment.get("OMPI_COMM_WORLD_LOCAL_SIZE") or of_slurm.split("(")[0])
    visible = environment.get("CUDA_VISIBLE_DEVICES") or environment.get("SLURM_STEP_GPUS")
    gpus = visible.count(",") + 1 if visible else int(environment.get("SLURM_GPUS_ON_NODE", 0))
    return on_node == 1 or gpus == 1


def is_first() -> bool:
    """Say whether this is the first process, the one that writes."""
    return jax.process_index() == 0


def from_first[Result](make: Callable[[], Result]) -> Result:
    """Call `make` in the first process only; return its result, or raise its error, in all.

    The result is sent as a pickle; the other processes wait for it, for hours if need be.
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
    """Wait until every process has reached this point."""
    multihost.get_barrier_sync_fn()(key=what, timeout_ms=1000 * _BUILD_TIMEOUT_SECONDS)


def any_of(flag: bool) -> bool:
    """Say whether the flag is set in any process; every process must call this."""
    if jax.process_count() == 1:
        return flag
    return bool(multihost_utils.process_allgather(np.asarray(flag)).any())


def gather(rows: np.ndarray) -> np.ndarray:
    """Return the rows [n, ...] of all processes, concatenated, in every process."""
    if jax.process_count() == 1:
        return rows
    return np.asarray(multihost_utils.process_allgather(rows, tiled=True))
