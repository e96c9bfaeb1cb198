"""Processes that Slurm or Open MPI start: what they find in their environment."""

import os
import socket
import subprocess
import sys

import pytest

from sgan_jax.training import hosts

# As Slurm and Open MPI document them, for the second process of a job.
SLURM = {
    "SLURM_JOB_ID": "1234",
    "SLURM_STEP_NODELIST": "localhost",
    "SLURM_NTASKS": "2",
    "SLURM_PROCID": "1",
}
OF_THIS_MACHINE = ("CUDA_VISIBLE_DEVICES", "JAX_LOCAL_DEVICE_IDS")  # would be a launcher's choice
OPEN_MPI = {"OMPI_COMM_WORLD_SIZE": "16", "OMPI_COMM_WORLD_RANK": "9"}
PROGRAM = """
import jax
from sgan_jax.training import hosts
hosts.start()
print(jax.process_index(), jax.process_count(), jax.config.read("jax_cuda_visible_devices"))
"""


@pytest.mark.parametrize(
    ("environment", "cluster"),
    [
        ({}, None),
        (SLURM, "Slurm"),
        (SLURM | {"SLURM_NTASKS": "1"}, None),
        ({"SLURM_JOB_ID": "1234", "SLURM_NTASKS": "2"}, None),  # in the batch script, before srun
        (OPEN_MPI, "Open MPI"),
        (OPEN_MPI | {"OMPI_COMM_WORLD_SIZE": "1"}, None),
        ({"KUBERNETES_SERVICE_HOST": "10.0.0.1"}, None),  # a pod of its own
    ],
)
def test_only_one_of_several_processes_looks_for_the_others(environment, cluster):
    assert hosts.surrounding_cluster(environment) == cluster


@pytest.mark.parametrize(
    ("environment", "has_all"),
    [
        ({"SLURM_STEP_TASKS_PER_NODE": "1(x2)", "SLURM_GPUS_ON_NODE": "8"}, True),
        ({"SLURM_STEP_TASKS_PER_NODE": "1(x2)"}, True),
        ({"SLURM_STEP_TASKS_PER_NODE": "8(x2)", "SLURM_GPUS_ON_NODE": "8"}, False),
        ({"SLURM_STEP_TASKS_PER_NODE": "8(x2)", "CUDA_VISIBLE_DEVICES": "0,1,2,3"}, False),
        ({"SLURM_STEP_TASKS_PER_NODE": "8(x2)", "CUDA_VISIBLE_DEVICES": "3"}, True),
        ({"OMPI_COMM_WORLD_LOCAL_SIZE": "1"}, True),
        ({"OMPI_COMM_WORLD_LOCAL_SIZE": "8"}, False),
        ({"OMPI_COMM_WORLD_LOCAL_SIZE": "8", "CUDA_VISIBLE_DEVICES": "5"}, True),
        ({}, True),
    ],
)
def test_a_process_has_all_gpus_if_no_other_sees_them(environment, has_all):
    assert hosts.has_all_gpus(environment) is has_all


@pytest.mark.parametrize(
    ("on_node", "given", "visible"),
    [
        ("1(x2)", {}, ("all", "all")),
        ("2", {}, ("0", "1")),
        ("1(x2)", {"JAX_LOCAL_DEVICE_IDS": "2,3"}, ("2,3", "2,3")),
    ],
)
def test_processes_of_slurm_find_one_another_and_their_gpus(on_node, given, visible):
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        port = server.getsockname()[1]
    here = {name: value for name, value in os.environ.items() if name not in OF_THIS_MACHINE}
    started = []
    for rank in ("0", "1"):
        of_task = {
            "SLURM_PROCID": rank,
            "SLURM_LOCALID": rank if on_node == "2" else "0",
            "SLURM_STEP_TASKS_PER_NODE": on_node,
            "JAX_COORDINATOR_PORT": str(port),
            "PYTHONPATH": os.pathsep.join(sys.path),
        }
        started.append(
            subprocess.Popen(
                [sys.executable, "-c", PROGRAM],
                env=here | SLURM | of_task | given,
                stdout=subprocess.PIPE,
                text=True,
            )
        )
    said = [process.communicate(timeout=120)[0].split() for process in started]
    assert said == [["0", "2", visible[0]], ["1", "2", visible[1]]]
