"""Fill the tables of docs/STUDY.md, and draw its figure, from the records in docs/study/.

    python launch/study.py

`launch/sweep.py configs/sweeps/table4.py --records=docs/study` writes a record of each run.
"""

import pathlib

from sgan_jax.evaluation import study_page

DOCS = pathlib.Path(__file__).parents[1] / "docs"

if __name__ == "__main__":
    print(f"wrote {DOCS / 'STUDY.md'} from {study_page.write(DOCS)} runs")
