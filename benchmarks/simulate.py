"""How fast crystals become patterns: the whole chain on all cores; reflections against pymatgen.

python benchmarks/simulate.py --crystals=open_crystals.zip [--count=5000]

`crystals_per_second` is for the chain that a user waits for, from the zip to the stored data set:
reading, symmetry, reflections, pattern, duplicates, progress bar, files. `times_pymatgen` compares
d, multiplicity, |F|² and Lorentz factor of a random sample with NDCalculator.get_pattern up to the
same 2θ: CPU time on one thread each, in turn. The last line is JSON.
"""
# ruff: noqa: E402 (numpy reads the number of threads when it is imported)

import os

for _name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[_name] = "1"  # one core for each side of the comparison and each build worker

import argparse
import itertools
import json
import pathlib
import random
import tempfile
import time
import warnings
import zipfile

from pymatgen.analysis.diffraction.neutron import NDCalculator
from pymatgen.core import Lattice, Structure

from sgan_jax.crystals import cif
from sgan_jax.crystals.crystal import Crystal
from sgan_jax.datasets import powder_patterns, preparation, processes
from sgan_jax.datasets.sources import CifSource
from sgan_jax.diffraction import instrument as instruments
from sgan_jax.diffraction import profile
from sgan_jax.diffraction import reflections as bragg

INSTRUMENT = instruments.PRESETS["nist2022"]


def sample_of(crystals: pathlib.Path, count: int, folder: pathlib.Path) -> pathlib.Path:
    """Write a zip of `count` random members of a zip, the same ones each time."""
    sample = folder / f"{crystals.stem}_{count}.zip"
    with zipfile.ZipFile(crystals) as whole, zipfile.ZipFile(sample, "w") as part:
        names = sorted(name for name in whole.namelist() if name.endswith(".cif"))
        for name in sorted(random.Random(0).sample(names, min(count, len(names)))):
            part.writestr(name, whole.read(name))
    return sample


def whole_chain(path: pathlib.Path, folder: pathlib.Path) -> dict[str, float]:
    """Build a data set and time it."""
    start = time.perf_counter()
    built = preparation.prepare(
        CifSource(path, symmetry="file", b_iso_default=0.5),
        INSTRUMENT,
        max_skipped_fraction=0.2,
        dir=folder / "data",
        processes=0,
    )
    seconds = time.perf_counter() - start
    summary = powder_patterns.read_summary(built)
    crystals_read = summary["crystals"] + summary["duplicates"]
    return {
        "crystals_per_second": crystals_read / seconds,
        "crystals": crystals_read,
        "seconds": seconds,
        "processes": processes.available_cores(),
    }


def beside_pymatgen(crystals: list[Crystal]) -> dict[str, float]:
    """Time reflections, patterns and pymatgen on the same crystals, in milliseconds per crystal."""
    calculator = NDCalculator(INSTRUMENT.wavelength_angstrom)
    two_theta_max_deg = INSTRUMENT.two_theta_end_deg
    start = time.process_time()
    profile.simulate(crystals[0], INSTRUMENT)  # fills the instrument's table
    table_seconds = time.process_time() - start
    ours = theirs = patterns = 0.0
    # A few dozen crystals at a time, as users have them: with one, the caches are swept in between;
    # with all, the machine's load changes between the two sides.
    for batch in itertools.batched(crystals, 50):
        strengths = []
        start = time.process_time()
        for crystal in batch:
            found = bragg.reflections(crystal, INSTRUMENT.wavelength_angstrom, two_theta_max_deg)
            strength = found.multiplicity * found.f_squared
            profile.integrated_intensity(found.d_angstrom, strength, INSTRUMENT.wavelength_angstrom)
            strengths.append((found.d_angstrom, strength))
        ours += time.process_time() - start

        start = time.process_time()
        for d_angstrom, strength in strengths:
            profile.intensity_pattern(d_angstrom, strength, INSTRUMENT)
        patterns += time.process_time() - start

        structures = [_pymatgen_structure(crystal) for crystal in batch]
        start = time.process_time()
        for structure in structures:
            calculator.get_pattern(structure, scaled=False, two_theta_range=(0, two_theta_max_deg))
        theirs += time.process_time() - start
    return {
        "times_pymatgen": theirs / ours,
        "reflections_ms": 1e3 * ours / len(crystals),
        "pattern_ms": 1e3 * patterns / len(crystals),
        "pymatgen_ms": 1e3 * theirs / len(crystals),
        "table_seconds": table_seconds,
    }


def _pymatgen_structure(crystal: Crystal) -> Structure:
    sites = crystal.unit_cell_sites()
    species = [{e: o} for e, o in zip(sites.elements, sites.occupancies, strict=True)]
    return Structure(Lattice.from_parameters(*crystal.cell), species, sites.fractional)


def comparable(crystals: pathlib.Path) -> list[Crystal]:
    """Return the crystals of a file that pymatgen accepts: it has no D, for example."""
    known = set(NDCalculator.get_pattern.__globals__["ATOMIC_SCATTERING_LEN"])
    return [
        crystal
        for crystal in cif.read_crystals(crystals, skipped=[])
        if known.issuperset(crystal.elements)
    ]


def main() -> None:
    """Print the figures, as JSON on the last line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--crystals", type=pathlib.Path, required=True, help="a zip of CIFs")
    parser.add_argument("--count", type=int, default=0, help="build only this many; 0: all")
    parser.add_argument("--compare", type=int, default=1000, help="number of crystals to compare")
    arguments = parser.parse_args()
    warnings.simplefilter("ignore")  # pymatgen's, about electronegativities
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        compared = comparable(sample_of(arguments.crystals, arguments.compare, folder))
        figures = beside_pymatgen(compared)
        whole = arguments.crystals
        if arguments.count:
            whole = sample_of(arguments.crystals, arguments.count, folder)
        figures = whole_chain(whole, folder) | figures
    print(json.dumps({key: round(value, 3) for key, value in figures.items()}))


if __name__ == "__main__":
    main()
