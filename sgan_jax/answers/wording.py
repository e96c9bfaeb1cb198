"""How certain an answer is, in words that match its probabilities."""

from collections.abc import Sequence

from sgan_jax import symmetry
from sgan_jax.answers import sums
from sgan_jax.evaluation import conformal
from sgan_jax.evaluation.calibration import Calibration

_LEVELS = (
    (0.95, "Very probably"),
    (0.66, "Probably"),
    (0.5, "More likely than not"),
    (0.0, "Undecided; the most probable lattice is"),
)


def confidence(
    task: str,
    classes: Sequence,
    bravais: Sequence[tuple[str, float]],
    best: tuple[int, float],
    *,
    set_size: int,
    coverage: float,
    calibration: Calibration | None,
) -> str:
    """Return two or three sentences on the best lattice and the prediction set.

    Args:
        task: 'bl', 'sg' or 'eg'.
        classes: of the model.
        bravais: lattices with their probabilities, descending.
        best: index and probability of the most probable class.
        set_size: number of classes in the prediction set.
        coverage: of the prediction set.
        calibration: of the model; None if it has none.
    """
    lattice, probability = bravais[0]
    word = next(word for least, word in _LEVELS if probability >= least)
    sentences = [f"{word} {lattice}: {100 * probability:.0f} %."]
    index, its_own = best
    if (other := sums.lattice_of(task, classes[index])) != lattice:
        (name,) = symmetry.class_names(task, [classes[index]])
        sentences.append(
            f"The most probable single class, {name} ({100 * its_own:.0f} %), has another lattice, "
            f"{other}, but the classes with the lattice {lattice} are more probable together."
        )
    sentences.append(_about_the_set(len(classes), set_size, coverage, calibration))
    return " ".join(sentences)


def refused(reason: str) -> str:
    """Return the words of an answer that is refused for the given reason."""
    end = "" if reason[-1] in ".?" else "."
    return f"No prediction is given. {reason[0].upper()}{reason[1:]}{end}"


def _about_the_set(
    classes: int, size: int, coverage: float, calibration: Calibration | None
) -> str:
    if calibration is None:
        return "The model has not been calibrated, so it may be overconfident."
    if not conformal.is_enough(len(calibration.scores), coverage):
        return (
            f"The model was calibrated on {len(calibration.scores)} patterns, too few for a "
            f"coverage of {100 * coverage:.4g} %, so the prediction set contains all "
            f"{classes} classes."
        )
    return (
        f"The prediction set contains {size} of {classes} classes; for simulated patterns, such "
        f"sets contain the true class in {100 * coverage:.4g} % of cases."
    )
