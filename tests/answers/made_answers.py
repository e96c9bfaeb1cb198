"""Answers with numbers that are easy to recognise, about a pattern that was made by hand."""

import numpy as np

from sgan_jax.answers.answer import Answer
from sgan_jax.diffraction.instrument import PRESETS
from sgan_jax.measured import pattern
from sgan_jax.measured.model_pattern import ModelPattern

TWO_THETA = np.linspace(10.0, 110.0, 2001)


def seen(file="sample.xye", title="a garnet"):
    """Return peaks at 40° and 80° over a background of 50; parts of the model's grid are missing.

    The model's pattern has its peak at 60°.
    """
    counts = 50.0 + 1000.0 * np.exp(-(((TWO_THETA - 40.0) / 0.2) ** 2))
    counts += 500.0 * np.exp(-(((TWO_THETA - 80.0) / 0.2) ** 2))
    measured = pattern.make_pattern(
        file, "columns", TWO_THETA, counts, title=title, wavelength_angstrom=1.54
    )
    instrument = PRESETS["nist2022"]
    grid = instrument.two_theta_deg
    return ModelPattern(
        measured,
        np.full(len(TWO_THETA), 50.0),
        500.0,
        2,
        None,
        instrument,
        np.exp(-(((grid - 60.0) / 0.5) ** 2)).astype(np.float32),
        (grid >= 20.0) & (grid <= 130.0),
    )


def answer(file="sample.xye", title="a garnet", **changes):
    shown = seen(file, title)
    values = {
        "wavelength_angstrom": 1.54,
        "bravais": [("orthorhombic (P)", 0.75), ("cubic (F)", 0.125), ("cubic (I)", 0.125)],
        "space_groups": [(62, 0.5), (33, 0.25), (225, 0.125), (229, 0.125)],
        "extinction_groups": [
            ("Pn-a", (33, 62), 0.75),
            ("F---", (196, 202, 209, 216, 225), 0.125),
            ("I---", (197, 204, 211, 217, 229), 0.125),
        ],
        "ranking": [("62 Pnma", 0.5), ("33 Pna21", 0.25)],
        "prediction_set": ["62 Pnma", "33 Pna21", "225 Fm-3m"],
        "coverage": 0.9,
        "refused": False,
        "reason": None,
        "words": "Probably orthorhombic (P): 75 %.",
        "measured": shown.measured,
        "seen": shown,
        "file": file,
    }
    return Answer(**{**values, **changes})
