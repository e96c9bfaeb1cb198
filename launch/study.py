"""Fill docs/STUDY.md and README.md, and draw figures, from the records in docs/study/.

    python launch/study.py [--generator_of=runs/table4/bl_05_random_sgan_0]

`launch/sweep.py configs/sweeps/table4.py --records=docs/study` writes a record of each run. In
README.md only the first table is filled.
`--generator_of` draws patterns of a run's generator, docs/study/generated_RUN.png.
"""

import argparse
import pathlib

from sgan_jax.evaluation import study_generators, study_page

README = pathlib.Path(__file__).parents[1] / "README.md"
DOCS = README.parent / "docs"

if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--generator_of", type=pathlib.Path, help="folder of a run with a generator"
    )
    given = parser.parse_args()
    if given.generator_of:
        if not (given.generator_of / "config.json").is_file():
            parser.error(f"--generator_of: {given.generator_of} is not a run; give a run's folder")
        print(f"wrote {study_generators.draw(given.generator_of, DOCS)}")
    print(f"wrote {DOCS / 'STUDY.md'} from {study_page.write(README, DOCS)} runs")
