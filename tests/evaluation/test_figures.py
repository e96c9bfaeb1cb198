"""The pictures show the numbers they were given, read back from the drawn objects."""

import numpy as np
import pytest

from sgan_jax.evaluation import class_figures, figures


def texts(figure):
    return [text.get_text() for text in figure.axes[0].texts]


def test_confusion_is_in_percent_of_the_true_class():
    confusion = np.array([[3, 1, 0], [0, 1, 999], [0, 0, 0]])
    figure = class_figures.confusion_matrix(confusion, ["cubic (F)", "cubic (I)", "cubic (P)"])
    assert texts(figure) == ["75", "25", "", "", "<1", "100", "", "", "–"]
    image = figure.axes[0].images[0].get_array()
    np.testing.assert_allclose(image[0], [75, 25, 0])
    assert image.mask[2].all()  # no test examples: no colour
    labels = [label.get_text() for label in figure.axes[0].get_yticklabels()]
    assert labels == ["cubic (F)  n = 4", "cubic (I)  n = 1000", "cubic (P)  n = 0"]


def test_many_classes_are_named_by_crystal_system():
    names = [f"{number} X" for number in range(1, 231)]
    figure = class_figures.confusion_matrix(np.eye(230, dtype=int), names)
    assert [label.get_text() for label in figure.axes[0].get_yticklabels()] == [
        "triclinic", "monoclinic", "orthorhombic", "tetragonal", "trigonal", "hexagonal", "cubic",
    ]  # fmt: skip
    assert texts(figure) == []
    np.testing.assert_array_equal(figure.axes[0].images[0].get_array(), 100 * np.eye(230))


@pytest.mark.parametrize("classes", [3, 30])
def test_bars_of_the_parts_stand_on_one_another(classes):
    names = [f"{number} X" for number in range(1, classes + 1)]
    counts = {
        "labelled": np.arange(classes),
        "test": np.ones(classes),
        "unlabelled": np.zeros(classes),
    }
    axes = class_figures.class_distribution(counts, names).axes[0]
    bars = [[(patch.get_x(), patch.get_y(), patch.get_width(), patch.get_height())
             for patch in container] for container in axes.containers]  # fmt: skip
    assert len(bars) == 2  # an empty part is not drawn
    horizontal = classes == 3
    for k in range(classes):
        x, y, width, height = bars[1][k]
        assert (x if horizontal else y) == k
        assert (width if horizontal else height) == 1


def test_runs_of_equal_neighbours():
    assert class_figures.runs(["a", "a", "b", "a"]) == [("a", 0, 2), ("b", 2, 3), ("a", 3, 4)]
    assert class_figures.runs([]) == []


def test_noisy_curves_keep_their_mean():
    steps = np.arange(300)
    values = 0.5 + 0.1 * (-1.0) ** steps
    axes = figures.learning_curves([("training", steps, values)], percent=True).axes[0]
    smooth = axes.lines[1].get_ydata()
    np.testing.assert_allclose(smooth, 50, atol=1e-9)
    assert axes.lines[0].get_ydata()[0] == pytest.approx(60)
