"""`python -m sgan_jax.main` on a small data set and small networks: a process for tests to stop.

python tiny_run.py PHASE ARGUMENTS...: the arguments are the program's. PHASE is 'none', or where
the run announces itself on stdout and dwells, so that a signal can meet it there: 'build',
'compile', 'step', 'evaluation' or 'save', each followed by '@' and the how-manieth of this process.
"""

import itertools
import sys
import time
import types

import fake_data
import jax
import jax.numpy as jnp
from flax import linen as nn

from sgan_jax import main
from sgan_jax.training import checkpoint, experiment, parallel

DWELL_SECONDS = 60.0  # no signal is that late


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
    return fake_data.make_networks(config, classes)._replace(
        discriminator=DeepDiscriminator(classes)
    )


def dwelling(function, phase, number):
    """Return the function, its n-th call preceded by an announcement and a long sleep."""
    calls = itertools.count(1)

    def call(*arguments, **named):
        if next(calls) == number:
            print(phase, flush=True)
            until = time.monotonic() + DWELL_SECONDS
            while time.monotonic() < until and phase == "build":
                time.sleep(0.1)
            if phase != "build":
                time.sleep(1.5)  # long enough to be met, short enough to come back in time
        return function(*arguments, **named)

    return call


def change(phase: str, number: int) -> None:
    """Make the program dwell in a phase."""
    if phase == "build":
        experiment.load_data = dwelling(experiment.load_data, phase, number)
    elif phase == "compile":
        experiment.make_networks = make_deep_networks
    elif phase == "save":
        checkpoint.Checkpoints._read = dwelling(checkpoint.Checkpoints._read, phase, number)
    elif phase in ("step", "evaluation"):
        name = f"make_parallel_{phase}"
        make = getattr(parallel, name)
        setattr(parallel, name, lambda step: dwelling(make(step), phase, number))


def leave_out_what_is_slow_to_load() -> None:
    """Do without pictures, and without torch, for which tensorboardX looks."""
    sys.modules["torch"] = None
    for module, name in (("report", "write_report"), ("run_report", "contents")):
        stub = types.SimpleNamespace(**{name: lambda *_, **__: None})
        sys.modules[f"sgan_jax.evaluation.{module}"] = stub


if __name__ == "__main__":
    leave_out_what_is_slow_to_load()
    given = sys.argv.pop(1)
    jax.config.update("jax_platforms", "cpu")
    experiment.load_data, experiment.make_networks = fake_data.load_data, fake_data.make_networks
    name, _, count = given.partition("@")
    change(name, int(count or 1))
    main.run()
