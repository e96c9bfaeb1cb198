"""One run on several hosts: processes on this machine, which talk over the loopback (gloo)."""

import json
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import sys
import time

import jax
import numpy as np
import pytest
from fake_data import load_data, make_networks
from program import STEPS

from sgan_jax import config as configuration
from sgan_jax.training import checkpoint, experiment, shutdown

PROGRAM = pathlib.Path(__file__).with_name("program.py")


def free_port() -> int:
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        return server.getsockname()[1]


def start(workdir, *options, processes=1, devices=8) -> list[subprocess.Popen]:
    """Start the processes of one run, `devices` on each."""
    address = f"127.0.0.1:{free_port()}"
    environment = os.environ | {
        "JAX_NUM_CPU_DEVICES": str(devices),
        "PYTHONPATH": os.pathsep.join([str(PROGRAM.parent), *sys.path]),
    }
    started = []
    for i in range(processes):
        command = [sys.executable, str(PROGRAM), str(workdir), "sgan", *options]
        if processes > 1:
            command += [f"--coordinator={address}", f"--process_id={i}"]
            command += [f"--num_processes={processes}"]
        started.append(
            subprocess.Popen(
                command, env=environment, stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True
            )
        )
    return started


def finish(processes: list[subprocess.Popen]) -> list[str]:
    """Wait for all; return what they wrote to stderr."""
    written = [process.communicate(timeout=240)[1] for process in processes]
    assert [process.returncode for process in processes] == [0] * len(processes), written
    return written


def trained(workdir):
    """Return the last state of a run, and its lines of metrics."""
    config = configuration.load(workdir / "config.json")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(experiment, "make_networks", make_networks)
        like, _ = experiment.make_state_and_phases(
            config, load_data(config), total_steps=STEPS, global_batch=8
        )
    with checkpoint.latest(workdir, keep=2) as latest:
        state = latest.restore(like).state
    lines = [json.loads(line) for line in (workdir / "metrics.jsonl").read_text().splitlines()]
    return state, lines


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    """Return the workdirs of a run on one host of eight devices and on two of four."""
    folder = tmp_path_factory.mktemp("undisturbed")
    finish(start(folder / "one"))
    finish(start(folder / "two", processes=2, devices=4))
    return folder / "one", folder / "two"


def test_two_hosts_of_four_devices_train_as_one_of_eight(undisturbed):
    (one, lines), (two, lines_of_two) = map(trained, undisturbed)
    for left, right in zip(jax.tree.leaves(one), jax.tree.leaves(two), strict=True):
        np.testing.assert_allclose(left, right, rtol=1e-5, atol=1e-6)
    assert len(lines) == len(lines_of_two) > 4
    for left, right in zip(lines, lines_of_two, strict=True):
        assert (left.pop("kind"), left.keys()) == (right.pop("kind"), right.keys())
        np.testing.assert_allclose(list(left.values()), list(right.values()), rtol=1e-5)


@pytest.mark.parametrize("dies", [0, 1])
def test_when_a_host_dies_the_others_end_and_the_job_can_be_started_again(
    tmp_path, undisturbed, dies
):
    workdir = tmp_path / "run"
    processes = start(workdir, "--pause=0.5", processes=2, devices=4)
    wait_for_step(workdir, 4)
    processes[dies].kill()
    processes[dies].communicate()
    died = time.monotonic()
    written = processes[1 - dies].communicate(timeout=150)[1]
    assert time.monotonic() - died < 60  # the program's own heartbeat is 45 s longer: 105 s
    assert processes[1 - dies].returncode not in (None, 0), written
    shutil.copytree(workdir, tmp_path / "other")

    finish(start(workdir, processes=2, devices=4))
    (state, lines), (expected, expected_lines) = trained(workdir), trained(undisturbed[1])
    for left, right in zip(jax.tree.leaves(state), jax.tree.leaves(expected), strict=True):
        assert np.asarray(left).tobytes() == np.asarray(right).tobytes()
    assert lines == expected_lines

    if dies == 0:  # and with another number of devices
        (said,) = finish(start(tmp_path / "other", devices=2))
        assert "started on 8 devices, resuming on 2: the batch stays 8, 4 on each" in said
        assert int(trained(tmp_path / "other")[0].step) == STEPS


def test_when_one_host_is_told_to_end_all_save_and_end(tmp_path, undisturbed):
    workdir = tmp_path / "run"
    processes = start(workdir, "--pause=0.5", processes=2, devices=4)
    wait_for_step(workdir, 2)
    processes[1].send_signal(signal.SIGTERM)
    said = [process.communicate(timeout=60)[1] for process in processes]
    assert [process.returncode for process in processes] == [shutdown.STOPPED] * 2, said
    assert "SIGTERM" in said[1] and "a signal on another host" in said[0]

    finish(start(workdir, processes=2, devices=4))
    (state, _), (expected, _) = trained(workdir), trained(undisturbed[1])
    for left, right in zip(jax.tree.leaves(state), jax.tree.leaves(expected), strict=True):
        assert np.asarray(left).tobytes() == np.asarray(right).tobytes()


def wait_for_step(workdir: pathlib.Path, step: int) -> None:
    """Wait for a checkpoint of the step."""
    for _ in range(1200):
        if (workdir / "checkpoints/latest" / str(step)).is_dir():
            return
        time.sleep(0.1)
    pytest.fail(f"no checkpoint of step {step} after two minutes")
