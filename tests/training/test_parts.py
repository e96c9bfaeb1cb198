import jax
import jax.numpy as jnp
import numpy as np
import pytest

from sgan_jax.models import resnet
from sgan_jax.training import parts, steps

CLASSES = 3


def of_network(points, **options):
    classifier = resnet.ResNet1D(CLASSES, **options)
    params = classifier.init(jax.random.key(0), jnp.zeros((1, points)), train=False)["params"]

    def objective(params, patterns, labels, key):
        logits = steps.discriminate(classifier, params, patterns, key).logits
        chosen = jax.nn.log_softmax(logits)[jnp.arange(len(labels)), labels]
        return -jnp.mean(chosen), logits

    return params, objective


def patterns_and_labels(number, points):
    rng = np.random.default_rng(1)
    patterns = rng.uniform(size=(number, points)).astype(np.float32)
    return patterns, rng.integers(CLASSES, size=number).astype(np.int32)


def test_parts_of_the_unpooled_network_have_the_gradient_of_the_whole():
    params, objective = of_network(400, stem_pool=False, dropout=0.0)
    batch = patterns_and_labels(12, 400)
    expected, logits = jax.jit(jax.grad(objective, has_aux=True))(params, *batch, jax.random.key(2))
    found, found_logits = jax.jit(
        lambda *arguments: parts.mean_gradient(objective, *arguments, examples=8)  # so two of 6
    )(params, *batch, jax.random.key(2))
    np.testing.assert_allclose(found_logits, logits, rtol=1e-4, atol=1e-5)
    for a, b in zip(jax.tree.leaves(expected), jax.tree.leaves(found), strict=True):
        np.testing.assert_allclose(b, a, atol=2e-5 * np.abs(a).max())


@pytest.mark.parametrize(
    ("batch", "examples", "size"),
    [(40, None, 40), (40, 1, 1), (40, 8, 8), (40, 100, 40), (63, 8, 7), (7, 5, 1)],
)
def test_linear_least_squares(batch, examples, size):
    # Analytic: the gradient of the mean of (x w - y)^2 / 2 is x^T (x w - y) / B.
    x, y = patterns_and_labels(batch, 6)
    w = np.arange(6, dtype=np.float32)

    sizes = set()

    def objective(w, x, y, key):
        sizes.add(len(x))
        error = x @ w - y
        return jnp.mean(error**2) / 2, error

    gradient, errors = parts.mean_gradient(objective, w, x, y, jax.random.key(0), examples=examples)
    np.testing.assert_allclose(errors, x @ w - y, rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(gradient, x.T @ (x @ w - y) / batch, rtol=1e-5)
    assert sizes == {size}


def test_each_part_has_its_own_random_numbers():
    def objective(w, x, y, key):
        return w, jax.random.bits(key, (len(x),))

    _, drawn = parts.mean_gradient(
        objective, 1.0, *patterns_and_labels(40, 6), jax.random.key(0), examples=8
    )
    assert len(np.unique(drawn)) == 40
