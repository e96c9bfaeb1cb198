"""report.html: one self-contained page about a trained model, made from arrays and dicts.

The page needs no network and no other file: its figures are embedded (`figures`); its text and
tables come from `report.html.j2`.
"""

import dataclasses
import math
import pathlib
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from sgan_jax.evaluation import class_figures, figures, page, robustness_figure
from sgan_jax.evaluation.figure_style import svg_data_uri
from sgan_jax.evaluation.generated import most_similar

# (title, in per cent?, [(kind, key, label)]), drawn if metrics.jsonl has the key.
CURVES = (
    ("Loss", False, [("train", "loss", "training"), ("validation", "loss", "validation")]),
    (
        "Accuracy",
        True,
        [("train", "accuracy", "training"), ("validation", "accuracy", "validation")],
    ),
    (
        "Discriminator: probability of being real",
        True,
        [("train", "d_unlabelled", "D(real)"), ("train", "d_generated", "D(generated)")],
    ),
    (
        "Losses of discriminator and generator",
        False,
        [
            ("train", "discriminator_loss", "discriminator"),
            ("train", "generator_loss", "generator"),
        ],
    ),
)
MOST_CONFUSED = 12
WHATS = {"bl": "Bravais lattice", "sg": "space group", "eg": "extinction group"}
METHODS = {
    "supervised": "Supervised classifier",
    "sgan": "Semi-supervised GAN",
    "feature_matching": "Semi-supervised GAN with feature matching",
    "consistency": "Consistency training",
    "pretrain": "Contrastive pre-training",
}


@dataclasses.dataclass(frozen=True)
class Contents:
    """The contents of a report, for patterns of P points and C classes.

    Attributes:
      title: of the page.
      metrics: the content of test_metrics.json (results.split_metrics).
      history: the lines of metrics.jsonl: step, kind ('train', 'validation') and values.
      best_step: training step of the evaluated parameters; None for the last ones.
      config: dotted field name -> value.
      reference_config: the paper's settings in the same form, to mark differences; may be empty.
      class_counts: part of the data ('labelled', ...) -> number of patterns of each class [C].
      two_theta_deg: [P].
      examples: (caption, note, pattern [P]).
      generated: patterns [G, P] made by the generator; None without one.
      real: patterns [R, P], of which the most similar one is shown with each generated pattern.
      facts: (name, value) rows about the data and the run.
      robustness: the content of robustness.json; None if it was not measured.
    """

    title: str
    metrics: Mapping[str, Any]
    history: Sequence[Mapping[str, Any]]
    best_step: int | None
    config: Mapping[str, Any]
    reference_config: Mapping[str, Any]
    class_counts: Mapping[str, np.ndarray]
    two_theta_deg: np.ndarray
    examples: Sequence[tuple[str, str, np.ndarray]]
    generated: np.ndarray | None = None
    real: np.ndarray | None = None
    facts: Sequence[tuple[str, str]] = ()
    robustness: Mapping[str, Any] | None = None


def write_report(path: pathlib.Path, contents: Contents) -> None:
    """Write the page, replacing the file atomically."""
    page.write_page(path, "evaluation/report.html.j2", page_values(contents))


def page_values(contents: Contents) -> dict[str, Any]:
    """Return the values of the template."""
    measured = contents.metrics
    names = measured["classes"]
    confusion = np.asarray(measured["confusion"])
    return {
        "title": contents.title,
        "metrics": measured,
        "what": WHATS[measured["task"]],
        "method": METHODS[measured["method"]],
        "margin": accuracy_margin(measured["top1"], measured["examples"]),
        "majority": majority_share(confusion),
        "curves": curve_pictures(contents.history, contents.best_step),
        "confusion_picture": svg_data_uri(class_figures.confusion_matrix(confusion, names)),
        "confusions": most_confused(confusion, names, MOST_CONFUSED),
        "classes": class_rows(confusion, names, measured["per_class_recall"]),
        "examples": [
            (
                caption,
                note,
                svg_data_uri(figures.pattern(contents.two_theta_deg, pattern)),
            )
            for caption, note, pattern in contents.examples
        ],
        "distribution": svg_data_uri(
            class_figures.class_distribution(contents.class_counts, names)
        ),
        "parts": {part: int(np.sum(n)) for part, n in contents.class_counts.items()},
        "generated": generated_pictures(contents.two_theta_deg, contents.generated, contents.real),
        "robustness": robustness_curves(contents.robustness),
        "facts": contents.facts,
        "config": config_rows(contents.config, contents.reference_config),
    }


def accuracy_margin(accuracy: float | None, examples: int) -> float | None:
    """Return half the width of the 95 % Wilson interval of an accuracy (Wilson, 1927)."""
    if accuracy is None:
        return None
    z2 = 1.96**2
    inside = accuracy * (1 - accuracy) / examples + z2 / (4 * examples**2)
    return math.sqrt(z2 * inside) / (1 + z2 / examples)


def majority_share(confusion: np.ndarray) -> float | None:
    """Return the accuracy of always predicting the test part's most frequent class."""
    totals = confusion.sum(axis=1)
    return float(totals.max() / totals.sum()) if totals.sum() else None


def most_confused(confusion: np.ndarray, names: Sequence[str], count: int) -> list[dict]:
    """Return the `count` most frequent pairs of a true and a wrong class, most frequent first."""
    wrong = np.array(confusion)
    np.fill_diagonal(wrong, 0)
    order = np.argsort(-wrong, axis=None, kind="stable")[:count]
    pairs = np.column_stack(np.unravel_index(order, wrong.shape)).tolist()
    return [
        {
            "true": names[row],
            "predicted": names[column],
            "count": int(wrong[row, column]),
            "share": float(wrong[row, column] / confusion[row].sum()),
        }
        for row, column in pairs
        if wrong[row, column]
    ]


def class_rows(
    confusion: np.ndarray, names: Sequence[str], recall: Sequence[float | None]
) -> list[dict]:
    """Return the name, test examples, recall, precision and commonest mistake of each class."""
    wrong = np.array(confusion)
    np.fill_diagonal(wrong, 0)
    predicted = confusion.sum(axis=0)
    return [
        {
            "name": name,
            "examples": int(confusion[k].sum()),
            "recall": recall[k],
            "precision": float(confusion[k, k] / predicted[k]) if predicted[k] else None,
            "mistaken_for": names[int(wrong[k].argmax())] if wrong[k].any() else "",
        }
        for k, name in enumerate(names)
    ]


def curve_pictures(
    history: Sequence[Mapping[str, Any]], best_step: int | None
) -> list[tuple[str, str]]:
    """Return (title, picture) for each entry of CURVES with at least two points in the history."""
    pictures = []
    for title, in_percent, keys in CURVES:
        series = []
        for kind, key, label in keys:
            points = [(x["step"], x[key]) for x in history if x["kind"] == kind and key in x]
            if len(points) > 1:
                steps, values = np.array(points, float).T
                series.append((label, steps, values))
        if series:
            shown_best = best_step if any(label == "validation" for label, _, _ in series) else None
            figure = figures.learning_curves(series, percent=in_percent, best_step=shown_best)
            pictures.append((title, svg_data_uri(figure)))
    return pictures


def generated_pictures(
    two_theta_deg: np.ndarray, generated: np.ndarray | None, real: np.ndarray | None
) -> list[str]:
    """Return a picture of each generated pattern, above the best correlated real one."""
    if generated is None or real is None or not len(real):
        return []
    return [
        svg_data_uri(figures.generated_beside_real(two_theta_deg, [pattern], [like_it]))
        for pattern, like_it in zip(generated, real[most_similar(generated, real)], strict=True)
    ]


def robustness_curves(found: Mapping[str, Any] | None) -> list[dict[str, Any]]:
    """Return the curves of robustness.json, each with its picture."""
    return [
        {
            **curve,
            "picture": svg_data_uri(robustness_figure.accuracy_over_levels(curve)),
        }
        for curve in (found["curves"] if found else ())
    ]


def config_rows(config: Mapping[str, Any], reference: Mapping[str, Any]) -> list[dict]:
    """Return each field with its value and, if it differs, the reference value."""
    return [
        {
            "field": field,
            "value": _shown(value),
            "reference": _shown(reference[field])
            if field in reference and reference[field] != value
            else None,
        }
        for field, value in config.items()
        if value is not None or reference.get(field) is not None
    ]


def _shown(value: Any) -> str:
    return "not set" if value in (None, "") else str(value)
