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
    (0.0, "Undecided, at best"),
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
    sentences = [f"{word} {lattice}: {probability:.0%}."]
    index, its_own = best
    if (other := sums.lattice_of(task, classes[index])) != lattice:
        (name,) = symmetry.class_names(task, [classes[index]])
        sentences.append(
            f"The most probable single class, {name} with {its_own:.0%}, is of another lattice, "
            f"{other}; several classes of the lattice {lattice} together outweigh it."
        )
    sentences.append(_about_the_set(len(classes), set_size, coverage, calibration))
    return " ".join(sentences)


def refused(reason: str) -> str:
    """Return the words of an answer that is refused for the given reason."""
    return f"No answer is given. {reason[0].upper()}{reason[1:]}{'' if reason[-1] in '.?' else '.'}"


def _about_the_set(
    classes: int, size: int, coverage: float, calibration: Calibration | None
) -> str:
    if calibration is None:
        return "The model has not been calibrated: it may be surer than it has reason to be."
    if not conformal.is_enough(len(calibration.scores), coverage):
        return (
            f"It was calibrated on {len(calibration.scores)} patterns, too few for a coverage of "
            f"{100 * coverage:.4g} %: the set is all {classes} classes."
        )
    return (
        f"The prediction set has {size} of {classes} classes; of simulated patterns, "
        f"{100 * coverage:.4g} % are of a class in their set."
    )
