"""Accuracy against the labelled percentage: what is drawn is what was given."""

import pytest

from sgan_jax.evaluation import accuracy_figure


def test_figure_shows_the_numbers_it_was_given():
    series = [
        accuracy_figure.Series("sgan", [(5, 0.7, 0.02), (50, 0.85, None)]),
        accuracy_figure.Series("supervised", []),
    ]
    other = [accuracy_figure.Series("supervised", [])]
    figure = accuracy_figure.accuracy_over_labelled(
        [accuracy_figure.Panel("one", series), accuracy_figure.Panel("two", other)]
    )
    one, two = figure.axes
    line = one.lines[0]
    assert list(line.get_ydata()) == [70, 85]
    assert list(line.get_xdata()) == pytest.approx([5, 50], rel=0.02)
    (bars,) = one.collections
    drawn = [list(segment[:, 1]) for segment in bars.get_segments() if len(segment)]
    assert drawn == [pytest.approx([68, 72])]  # none for a mean of one run
    assert [text.get_text() for text in one.get_xticklabels()] == ["5", "50"]
    (legend,) = figure.legends
    assert [text.get_text() for text in legend.get_texts()] == ["sgan"]
    figure.draw_without_rendering()
    assert legend.get_window_extent().y1 <= min(ax.get_window_extent().y0 for ax in (one, two))
    assert [text.get_text() for text in two.texts] == ["no finished run"]


def test_no_two_of_twenty_methods_look_alike():
    series = [accuracy_figure.Series(f"method {k}", [(5, 0.5, 0.02)]) for k in range(20)]
    figure = accuracy_figure.accuracy_over_labelled([accuracy_figure.Panel("one", series)])
    points = [line for line in figure.axes[0].lines if line.get_marker() in set("osD^vP<")]
    assert len(points) == 20
    assert len({(line.get_color(), line.get_marker()) for line in points}) == 20
