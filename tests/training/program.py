"""Train a small run in its own process: python program.py WORKDIR METHOD [flags].

The flags are the program's own --coordinator=HOST:PORT --process_id=N --num_processes=N, and
--pause=SECONDS before each step. JAX_NUM_CPU_DEVICES is the number of CPU devices.
"""

import pathlib
import sys
import time

import jax
from absl import logging
from fake_data import load_data, make_networks

from sgan_jax import config as configuration
from sgan_jax.training import experiment, hosts, parallel, shutdown, train

STEPS = 8


def main(workdir: str, method: str, *options: str) -> None:
    logging.set_verbosity(logging.INFO)
    jax.config.update("jax_platforms", "cpu")
    given = dict(option.removeprefix("--").split("=") for option in options)
    number = {name: int(given[name]) for name in ("process_id", "num_processes") if name in given}
    hosts.HEARTBEAT_TIMEOUT_SECONDS = 15  # instead of a minute, too long for a test
    hosts.start(given.get("coordinator"), **number)
    config = configuration.base("bl", 50, method)
    config.train.batch_size = 1
    config.train.steps = STEPS
    config.train.eval_every_steps = 3
    config.train.log_every_steps = 2
    config.optim.learning_rate = 1e-3
    if method == "sgan":
        config.optim.generator_learning_rate = 1e-3
    config.eval.batch_size = 1
    config.checkpoint.every_steps = 2
    experiment.load_data, experiment.make_networks = load_data, make_networks
    if "pause" in given:
        of_step = parallel.make_parallel_step

        def make_slow_step(step):
            call = of_step(step)
            return lambda *arguments: time.sleep(float(given["pause"])) or call(*arguments)

        parallel.make_parallel_step = make_slow_step
    stop = shutdown.Shutdown(agree=hosts.any_of).listen()
    try:
        train.train(config, pathlib.Path(workdir), stop)
    except shutdown.Stopped as stopped:
        stop.end(stopped)


if __name__ == "__main__":
    main(*sys.argv[1:])
