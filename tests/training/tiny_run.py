"""Processes of `sgan_jax.main` on a small data set and small networks, for tests to stop and kill.

All that a run imports is loaded once, which takes seconds; each run is then a fork of this process,
which has neither threads nor devices of its own. On stdin, one JSON object per line:

    {"start": arguments of the program, "phase": ..., "stdout": path, "stderr": path}  ->  pid
    {"wait": pid}  ->  status as subprocess has it, null while it runs

The phase is 'none', or where the run announces itself on stdout and dwells, so that a signal finds
it there: 'build', 'compile', 'step', 'evaluation' or 'save'; 'save@3' is the third one.
"""

import itertools
import json
import os
import sys
import time
import types

import fake_data
import jax
import jax.numpy as jnp
from flax import linen as nn

from sgan_jax import main
from sgan_jax.training import checkpoint, experiment, parallel

DWELL_SECONDS = 1.0  # for a signal to come, and for the run to come back in time


class DeepDiscriminator(fake_data.SmallDiscriminator):
    """Takes the compiler minutes, all of them outside Python."""

    @nn.compact
    def __call__(self, x, *, train):
        for layer in range(400):
            x = x + jnp.sin(nn.Dense(2, name=f"deep_{layer}")(x)).sum() * 1e-3
        return super().__call__(x, train=train)


def make_deep_networks(config, classes):
    """Announce a long compilation: what comes next is the initialisation of the networks."""
    print("compile", flush=True)
    networks = fake_data.make_networks(config, classes)
    return networks._replace(discriminator=DeepDiscriminator(classes))


def dwelling(function, phase, number):
    """Return the function, its n-th call preceded by an announcement and a sleep."""
    calls = itertools.count(1)

    def call(*arguments, **named):
        if next(calls) == number:
            print(phase, flush=True)
            until = time.monotonic() + DWELL_SECONDS
            while time.monotonic() < until:
                time.sleep(0.01)
        return function(*arguments, **named)

    return call


def change(phase, number):
    """Make the program dwell in a phase."""
    experiment.load_data, experiment.make_networks = fake_data.load_data, fake_data.make_networks
    if phase == "build":
        experiment.load_data = dwelling(experiment.load_data, phase, number)
    elif phase == "compile":
        experiment.make_networks = make_deep_networks
    elif phase == "save":
        checkpoint.Checkpoints.save = dwelling(checkpoint.Checkpoints.save, phase, number)
    elif phase in ("step", "evaluation"):
        name = f"make_parallel_{phase}"
        make = getattr(parallel, name)
        setattr(parallel, name, lambda step: dwelling(make(step), phase, number))


def run(job):
    """Become the program, which ends this process."""
    for number, name in ((1, "stdout"), (2, "stderr")):
        os.dup2(os.open(job[name], os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o666), number)
    sys.argv = ["tiny_run.py", *job["start"]]
    sys.orig_argv = [sys.executable, *sys.argv]
    phase, _, number = job["phase"].partition("@")
    change(phase, int(number or 1))
    jax.config.update("jax_platforms", "cpu")
    main.run()


def load_everything():
    """Import what a run imports, except for figures and torch, which tensorboardX looks for."""
    sys.modules["torch"] = None
    pictures = {"report": ("write_report",), "run_report": ("contents", "generator_measures")}
    for module, names in pictures.items():
        stub = types.SimpleNamespace(**dict.fromkeys(names, lambda *_, **__: None))
        sys.modules[f"sgan_jax.evaluation.{module}"] = stub
    from sgan_jax.evaluation import evaluate
    from sgan_jax.training import train

    assert evaluate and train and len(os.listdir("/proc/self/task")) == 1


if __name__ == "__main__":
    load_everything()
    for line in sys.stdin:
        job = json.loads(line)
        if "start" in job:
            answer = os.fork()
            if answer == 0:
                run(job)
        else:
            pid, status = os.waitpid(job["wait"], os.WNOHANG)
            answer = os.waitstatus_to_exitcode(status) if pid else None
        print(json.dumps(answer), flush=True)
