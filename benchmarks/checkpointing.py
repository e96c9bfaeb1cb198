"""What checkpoints cost a run: windows of training with and without one, in alternation.

python benchmarks/checkpointing.py [--config=configs/bl_50.py] [--steps=40] [--pairs=12]

Trains as the program does, with a checkpoint every `--steps` steps, but every other one is left out
with all that belongs to it (copy to the host, check, checksum, writing). The cost of a checkpoint
is the median of how much longer a window with one takes than the next one without, whether training
waits for it or shares the cores with it: in wall-clock time, and in processor time of all threads,
which other programs on the machine disturb less. A run writes two checkpoints per
`checkpoint.every_steps` steps; the fractions are for that. The last line is JSON.
"""

import argparse
import importlib.util
import itertools
import json
import pathlib
import statistics
import tempfile
import time

import jax

from sgan_jax.training import checkpoint, loop, train


def main() -> None:
    """Print the fraction of a run that checkpoints take."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--config", default="configs/bl_50.py")
    parser.add_argument("--steps", type=int, default=40)
    parser.add_argument("--pairs", type=int, default=12)
    arguments = parser.parse_args()
    spec = importlib.util.spec_from_file_location("experiment", arguments.config)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    config = module.get_config()
    every_steps = config.checkpoint.every_steps
    config.data.synthetic_crystals = 400  # which ones does not matter
    config.train.steps = (2 * arguments.pairs + 3) * arguments.steps
    config.train.eval_every_steps = config.train.steps
    config.checkpoint.every_steps = 2 * arguments.steps

    # Start of each window, in wall-clock and processor time; every other one has a checkpoint.
    looks: list[tuple[float, float]] = []
    in_save: list[float] = []  # seconds until training went on
    look, save = loop.Loop._look, checkpoint.Checkpoints.save

    def every_other_look(self, state, **what):
        jax.block_until_ready(state)
        looks.append((time.perf_counter(), time.process_time()))
        if len(looks) % 2:
            return look(self, state, **what)
        return what["stopping"]

    def timed_save(self, step, state, notes):
        beginning = time.perf_counter()
        save(self, step, state, notes)
        in_save.append(time.perf_counter() - beginning)

    loop.Loop._look, checkpoint.Checkpoints.save = every_other_look, timed_save
    with tempfile.TemporaryDirectory() as workdir:
        train.train(config, pathlib.Path(workdir))
    windows = [
        (later[0] - sooner[0], later[1] - sooner[1]) for sooner, later in itertools.pairwise(looks)
    ]
    windows = windows[2 : 2 + 2 * arguments.pairs]  # the first ones are slower
    result: dict[str, float] = {"step_milliseconds": 0.0}
    for kind, name in enumerate(("time", "processor_time")):
        seconds = [window[kind] for window in windows]
        extra = statistics.median(
            one - other for one, other in zip(seconds[::2], seconds[1::2], strict=True)
        )
        step = statistics.median(seconds[1::2]) / arguments.steps
        result[f"fraction_of_{name}"] = round(2 * extra / (every_steps * step + 2 * extra), 5)
        result[f"milliseconds_of_{name}_a_checkpoint"] = round(1e3 * extra, 1)
        if name == "time":
            result["step_milliseconds"] = round(1e3 * step, 2)
    result["milliseconds_waited_for_a_checkpoint"] = round(1e3 * statistics.median(in_save), 1)
    result |= {"every_steps": every_steps, "pairs": arguments.pairs}
    print(json.dumps(result))


if __name__ == "__main__":
    main()
