"""How often pseudo-labels are right, by the confidence that is asked of them.

python benchmarks/pseudo_labels.py RUN ...

FixMatch and FreeMatch take a prediction for the label of an unlabelled pattern if its probability
exceeds a threshold. This counts, for a run's test patterns (`test_predictions.csv`; unlabelled
patterns are just like them), how many exceed each threshold and how many of those are right. The
JSON at the end lists the classes with few accepted patterns, too.
"""

import argparse
import csv
import json
import pathlib

import numpy as np

THRESHOLDS = (0.0, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.99)
FEW = 0.1  # of a class's own patterns


def main() -> None:
    """Print how many predictions are accepted, and how many of these are right."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("runs", nargs="+", type=pathlib.Path, help="folders of evaluated runs")
    given = parser.parse_args()
    results = {}
    for run in given.runs:
        path = run / "test_predictions.csv"
        if not path.exists():
            parser.error(f"{path} does not exist; give the folder of a run that is evaluated")
        with path.open(newline="", encoding="utf-8") as file:
            rows = list(csv.DictReader(file))
        results[run.name] = accepted(rows)
        print(run)
        for threshold, found in results[run.name].items():
            right = "" if found["right_percent"] is None else f", {found['right_percent']} % right"
            print(f"  above {threshold}: {found['accepted_percent']} % accepted{right}")
    print(json.dumps(results))


def accepted(rows: list[dict[str, str]]) -> dict[str, dict]:
    """Return for each threshold the share that is accepted and of that the share that is right."""
    true, guess = (np.array([row[key] for row in rows]) for key in ("true", "class_1"))
    probability = np.array([float(row["probability_1"]) for row in rows])
    found = {}
    for threshold in THRESHOLDS:
        taken = probability > threshold
        share = {name: (taken & (true == name)).sum() / (true == name).sum() for name in set(true)}
        found[str(threshold)] = {
            "accepted_percent": round(100 * float(taken.mean()), 1),
            "right_percent": round(100 * float((true == guess)[taken].mean()), 1)
            if taken.any()
            else None,
            "few_accepted": sorted(name for name, part in share.items() if part < FEW),
        }
    return found


if __name__ == "__main__":
    main()
