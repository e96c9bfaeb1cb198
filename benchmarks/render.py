"""How many patterns a device renders in the time in which it trains on one.

python benchmarks/render.py [--repeats=30] [--reflections=768] [--instruments=16]

Times in turn, in one process: a training step of configs/bl_90.py (supervised, batch 64), the
rendering of 64 patterns (instruments, strain and shifts, magnetic reflections, March-Dollase), the
whole view (with impurities, background, noise and missing ranges), and the training step on such
views. Medians; `ratio` is the time of the training step over that of the rendering,
`ratio_with_impurities_and_noise` over that of the view. `largest_error` is the largest difference
of the bank's first instrument from the float64 simulator, over the 64 random crystals, relative to
the maximum. The last line is JSON.
"""

import argparse
import json
import statistics
import time

import jax
import numpy as np

from sgan_jax import config as configuration
from sgan_jax.crystals import synthetic
from sgan_jax.datasets import examples, stored_crystals
from sgan_jax.diffraction import instrument, instrument_bank, march_dollase, profile, render
from sgan_jax.diffraction import random_instruments as randoms
from sgan_jax.training import experiment, methods, parallel, rendered

NIST = instrument.PRESETS["nist2022"]
BATCH, CLASSES = 64, 14


def make_crystals(reflections: int) -> tuple[stored_crystals.Crystals, np.ndarray]:
    """Return a batch of random crystals and their patterns by the simulator."""
    crystals = stored_crystals.empty(BATCH, reflections)
    patterns = []
    for i in range(BATCH):
        example = examples.example(synthetic.synthetic_crystal(i, 0, "natural"), NIST)
        stored_crystals.fill(
            crystals,
            i,
            d_angstrom=example["d_angstrom"],
            strength=example["multiplicity_f_squared"],
            hkl=example["hkl"],
            cell=example["cell"],
            proper_rotations=example["proper_rotations"],
        )
        strength = np.asarray(example["multiplicity_f_squared"])
        patterns.append(profile.intensity_pattern(example["d_angstrom"], strength, NIST))
    return crystals, np.array(patterns)


def make_step(layout, examples_of_batch, scene):
    """Return a function that runs one training step, on rendered patterns if given a scene."""
    config = configuration.base("bl", 90, "supervised")
    config.render.on = scene is not None
    given = methods.Given(
        networks=experiment.make_networks(config, CLASSES),
        two_theta_deg=NIST.two_theta_deg,
        class_counts=np.full(CLASSES, 150),
        unlabelled=0,
        total_steps=1000,
        global_batch=BATCH,
        layout=layout,
    )
    start, ((_, step),) = methods.make_state_and_phases(config, given)
    device = jax.local_devices()[:1]
    one_device = jax.tree.map(lambda array: np.asarray(array)[None], (examples_of_batch, scene))
    resident = parallel.ResidentData(
        {"labelled": parallel.distribute(one_device[0], device)},
        {"labelled": parallel.distribute(np.zeros((1, BATCH), np.int32), device)},
        parallel.distribute(one_device[1], device),
    )
    call, held = parallel.make_parallel_step(step), [parallel.replicate(start, device)]
    positions = {"labelled": np.arange(BATCH, dtype=np.int32)[None, None]}

    def one():
        held[0], metrics = call(held[0], resident, positions)
        return metrics["loss"]

    return one


def make_rendering(layout, share):
    """Return (key, seen) -> patterns, without impurities, background, noise and missing ranges."""
    ranges = rendered.Ranges(
        share=share,
        strain=0.03,
        zero_shift_deg=0.3,
        displacement_deg=0.1,
        orientation=0.3,
        magnetic=1.0,
        magnetic_share=0.2,
    )
    return jax.jit(rendered.make_view(NIST.two_theta_deg, layout, ranges))


def largest_error(layout, bank, crystals, patterns) -> float:
    """Return the largest difference from the simulator, without orientation, strain or shifts."""
    zeros = np.zeros(BATCH, np.float32)
    function = jax.jit(render.make_render(layout))
    found, _ = function(
        crystals.d_angstrom,
        crystals.strength,
        render.Conditions(zeros, zeros, zeros),
        bank,
        np.zeros(1, np.int32),
    )
    return float(np.abs(np.asarray(found) - patterns).max())


def main() -> None:
    """Print the times."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=30)
    parser.add_argument("--reflections", type=int, default=768)
    parser.add_argument("--instruments", type=int, default=16)
    arguments = parser.parse_args()
    jax.config.update("jax_default_prng_impl", "rbg")
    fields = configuration.base("bl", 90, "supervised").render
    crystals, patterns = make_crystals(arguments.reflections)
    beginning = time.perf_counter()
    others = randoms.random_instruments(
        arguments.instruments - 1,
        0,
        resolution=fields.resolution,
        wavelength_range_angstrom=(fields.wavelength_low, fields.wavelength_high),
        axial_divergence=fields.axial_divergence,
    )
    layout, bank = instrument_bank.make_bank([NIST, *others], NIST)
    seconds_of_bank = time.perf_counter() - beginning
    seen = jax.device_put(rendered.Seen(crystals, bank))
    key = jax.random.key(0)
    names = {field: fields[field] for field in rendered.Ranges.__dataclass_fields__}
    view = jax.jit(rendered.make_view(NIST.two_theta_deg, layout, rendered.Ranges(**names)))
    rendering = make_rendering(layout, fields.share)
    orientation = jax.jit(march_dollase.weights)
    axis, r = np.ones((BATCH, 3), np.float32), np.full(BATCH, 0.8, np.float32)
    turned = jax.device_put((crystals.hkl, crystals.d_angstrom, *crystals[3:], axis, r))
    tasks = {
        "step": make_step(None, patterns.astype(np.float32), None),
        "rendering": lambda: rendering(key, seen),
        "orientation": lambda: orientation(*turned),
        "view": lambda: view(key, seen),
        "step_with_view": make_step(layout, crystals, bank),
    }
    seconds = {name: [] for name in tasks}
    for repeat in range(arguments.repeats + 2):
        for name, task in tasks.items():
            beginning = time.perf_counter()
            jax.block_until_ready(task())
            if repeat >= 2:  # the first ones compile
                seconds[name].append(time.perf_counter() - beginning)
    median = {name: statistics.median(times) for name, times in seconds.items()}
    megabytes = sum(array.nbytes for array in jax.tree.leaves(bank)) / 1e6
    print(
        json.dumps(
            {
                "device": jax.devices()[0].device_kind,
                "ratio": round(median["step"] / median["rendering"], 2),
                "ratio_with_impurities_and_noise": round(median["step"] / median["view"], 2),
                "largest_error": round(largest_error(layout, seen.bank, crystals, patterns), 5),
                **{f"{name}_milliseconds": round(1e3 * t, 2) for name, t in median.items()},
                "bank_seconds": round(seconds_of_bank, 1),
                "bank_megabytes_an_instrument": round(megabytes / arguments.instruments, 2),
                "reflections": arguments.reflections,
            }
        )
    )


if __name__ == "__main__":
    main()
