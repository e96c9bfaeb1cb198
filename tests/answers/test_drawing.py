"""The picture of a page, read back from its SVG."""

import re
import xml.etree.ElementTree

import made_answers
import numpy as np

from sgan_jax.answers import drawing

SVG = "{http://www.w3.org/2000/svg}"


def parts(pattern):
    return xml.etree.ElementTree.fromstring(drawing.svg(pattern))


def lines(picture):
    """Return the curves as pieces of points [n, 2]."""
    return [
        [
            np.array(re.findall(r"[ML]([\d.]+) ([\d.]+)", piece), float)
            for piece in re.findall(r"M[^M]+", path.get("d"))
        ]
        for path in picture.iter(f"{SVG}path")
        if path.get("stroke-width")
    ]


def ticks(picture):
    """Return the numbers on both panels' 2θ axes, with their positions."""
    texts = [x for x in picture.iter(f"{SVG}text") if re.fullmatch(r"[\d.]+", x.text or "")]
    along = [x for x in texts if x.get("text-anchor") == "middle"]
    rows = sorted({x.get("y") for x in along}, key=float)
    return [
        np.array([(float(x.text), float(x.get("x"))) for x in along if x.get("y") == row])
        for row in rows
    ]


def degrees(axis, x):
    """Return the 2θ of positions x [n] on an axis, from its first and last number."""
    (first, start), (last, end) = axis[[0, -1]]
    return first + (np.asarray(x, float) - start) * (last - first) / (end - start)


def test_peaks_stand_where_the_axes_say():
    picture = parts(made_answers.seen())
    measured, background, seen = lines(picture)
    upper, lower = ticks(picture)
    for (curve,), axis, peak in ((measured, upper, 40.0), (seen, lower, 60.0)):
        at = curve[np.argmin(curve[:, 1]), 0]  # y points down
        assert abs(degrees(axis, at) - peak) < 0.15
    (flat,) = background
    assert np.ptp(flat[:, 1]) == 0
    assert flat[0, 1] > np.min(measured[0][:, 1])


def test_what_was_not_measured_is_shaded_and_not_drawn():
    picture = parts(made_answers.seen())
    _, lower = ticks(picture)
    shaded = [
        degrees(lower, [float(x.get("x")), float(x.get("x")) + float(x.get("width"))])
        for x in picture.iter(f"{SVG}rect")
    ]
    np.testing.assert_allclose(shaded, [[3.0, 20.0], [130.0, 155.0]], atol=0.2)
    (seen,) = lines(picture)[2]
    np.testing.assert_allclose(degrees(lower, seen[[0, -1], 0]), [20.0, 130.0], atol=0.2)


def test_a_long_pattern_keeps_its_peaks():
    x = np.arange(100_000.0)
    y = np.zeros(100_000)
    y[[7, 50_001, 99_998]] = 1.0, 3.0, 2.0
    thin_x, thin_y = drawing._thinned(x, y)
    assert len(thin_x) <= 2 * drawing._COLUMNS
    assert (np.diff(thin_x) > 0).all()
    assert sorted(thin_y)[-3:] == [1.0, 2.0, 3.0]
    np.testing.assert_array_equal(thin_x[thin_y > 0], [7, 50_001, 99_998])


def test_numbers_on_an_axis_are_round():
    assert drawing._round_numbers(3.0, 155.0, 9) == [20.0 * n for n in range(1, 8)]
    assert drawing._round_numbers(0.0, 1.0, 5) == [0.0, 0.2, 0.4, 0.6000000000000001, 0.8, 1.0]
