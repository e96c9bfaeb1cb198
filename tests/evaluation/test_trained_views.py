"""Views of a data set: of the requested patterns, as training shows them."""

import numpy as np
import pytest

from sgan_jax import config as configuration
from sgan_jax.evaluation import trained_views
from sgan_jax.training import experiment, rendered


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    config = configuration.base("bl", 50, "supervised")
    config.data.synthetic_crystals, config.data.class_balance = 140, "uniform"
    config.data.dir = str(tmp_path_factory.mktemp("data"))
    config.data.processes = 1
    return config, experiment.load_data(config)


def rows(data):
    # More than are shown at a time, and not a multiple of that.
    return np.random.default_rng(0).integers(len(data.labels), size=300)


def test_nothing_is_shown_where_training_distorts_nothing(small):
    assert trained_views.make_views(*small) is None


def test_a_distorted_pattern_is_most_like_the_one_that_was_asked_for(small):
    config, data = small
    config = config.copy_and_resolve_references()
    config.augment.noise, config.data.intensity_offset = 0.01, 0.25
    wanted = rows(data)
    views = trained_views.make_views(config, data)
    shown = views(wanted)
    assert shown.shape == (300, data.instrument.points)
    np.testing.assert_allclose(shown.max(axis=1), 1.25, atol=0.05)
    stored = data.dataset.patterns[np.arange(len(data.labels))]
    distance = ((shown[:, None, ::5] - 0.25 - stored[None, :, ::5]) ** 2).sum(axis=-1)
    closest = stored[distance.argmin(axis=1)]
    np.testing.assert_allclose(closest, stored[wanted], atol=0.05)  # itself, or one just like it
    np.testing.assert_array_equal(views(wanted), shown)


def test_rendered_patterns_are_the_stored_ones_where_the_instrument_is_theirs(small, monkeypatch):
    monkeypatch.setattr(rendered, "OWN_SHARE", 0.25)  # there are few groups
    config, data = small
    config = config.copy_and_resolve_references()
    config.render.on, config.render.reflections = True, 64
    for name in ("strain", "zero_shift_deg", "displacement_deg", "orientation", "impurity"):
        config.render[name] = 0.0
    config.render.background = config.render.noise = config.render.missing_deg = 0.0
    wanted = rows(data)
    shown = trained_views.make_views(config, data)(wanted)
    off = np.abs(shown - data.dataset.patterns[wanted]).max(axis=1)
    assert 0.05 < np.mean(off < 2e-3) < 0.6  # a quarter of the groups see that instrument
