"""Put trained runs into the package, sgan_jax/trained/TASK/, with a model card.

    python launch/package_models.py --runs runs/bl runs/sg --measured bl.json sg.json

`--measured`: for each run, a file with the last line that benchmarks/measured_patterns.py prints.
"""

import argparse
import json
import pathlib

from sgan_jax.answers import loading, model_card, packaged

if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", nargs="+", type=pathlib.Path, required=True, help="run folders")
    parser.add_argument("--measured", nargs="*", type=pathlib.Path, default=[], help="JSON files")
    arguments = parser.parse_args()
    model_card.commands(arguments.runs)  # raises before anything is written
    for run in arguments.runs:
        task = json.loads((run / "config.json").read_text())["task"]["name"]
        loading.export(run, packaged.FOLDER / task)
    measured = [json.loads(path.read_text()) for path in arguments.measured]
    path = packaged.FOLDER / "README.md"
    path.write_text(model_card.card(arguments.runs, measured))
    print(f"wrote {path}")
