import numpy as np
import pytest
from scipy.spatial import distance

from sgan_jax.evaluation import generated


def test_measures_are_those_of_scipys_distances_one_by_one():
    rng = np.random.default_rng(0)
    fake, real = rng.random((7, 20), np.float32), rng.random((9, 20), np.float32)
    across = distance.cdist(fake, real)
    among = [np.delete(row, i) for i, row in enumerate(distance.cdist(real, real))]
    radius = [np.sort(row)[4] for row in among]
    inside = [[across[g, r] < radius[r] for r in range(9)] for g in range(7)]
    found = generated.measures(fake, real)
    expected = {
        "nearest_real": np.mean([min(row) for row in across]),
        "nearest_other_real": np.mean([min(row) for row in among]),
        "diversity": distance.pdist(fake).mean(),
        "real_diversity": distance.pdist(real).mean(),
        "density": np.sum(inside) / 35,
        "coverage": np.mean(np.any(inside, axis=0)),
    }
    assert set(found) == set(expected)
    for name, value in expected.items():
        assert found[name] == pytest.approx(value, rel=1e-6), name


def test_a_collapsed_generator_is_seen_and_a_perfect_one_is_like_the_real():
    rng = np.random.default_rng(1)
    centres = rng.normal(size=(10, 50))
    draw = lambda of: of + 0.1 * rng.normal(size=of.shape)  # noqa: E731
    real, perfect = draw(np.repeat(centres, 30, axis=0)), draw(np.repeat(centres, 30, axis=0))
    collapsed = draw(np.repeat(centres[:1], 300, axis=0))
    good, bad = generated.measures(perfect, real), generated.measures(collapsed, real)
    assert good["diversity"] == pytest.approx(good["real_diversity"], rel=0.05)
    assert bad["diversity"] < 0.2 * bad["real_diversity"]
    assert good["coverage"] > 0.9 and bad["coverage"] <= 0.1
    assert good["density"] == pytest.approx(1.0, abs=0.2)
    # Each collapsed pattern alone is as good as a real one.
    assert bad["nearest_real"] < 1.1 * bad["nearest_other_real"]


def test_most_similar_is_the_highest_correlation_whatever_the_scale():
    rng = np.random.default_rng(2)
    real = rng.random((8, 30))
    fake = 0.2 + 3 * real[[5, 0]] + 0.1 * rng.random((2, 30))
    expected = [np.argmax([np.corrcoef(one, other)[0, 1] for other in real]) for one in fake]
    assert generated.most_similar(fake, real).tolist() == expected == [5, 0]


def test_too_few_patterns_are_refused():
    with pytest.raises(ValueError, match="1 generated and 9 real patterns; give at least 2 and 6"):
        generated.measures(np.zeros((1, 4)), np.zeros((9, 4)))
