import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from sgan_jax.training import optimizers


def descend(tx, params, gradients):
    opt_state = tx.init(params)
    for gradient in gradients:
        updates, opt_state = tx.update(gradient, opt_state, params)
        params = jax.tree.map(jnp.add, params, updates)
    return params


@pytest.mark.parametrize("eps", [1e-8, 1e-4])
def test_adam_is_kingma_and_bas(eps):
    rng = np.random.default_rng(0)
    start = rng.normal(size=(3, 4))
    gradients = rng.normal(size=(4, 3, 4)) * 1e-4  # comparable to eps
    expected, m, v = start.copy(), 0.0, 0.0
    for t, gradient in enumerate(gradients, 1):
        m = 0.9 * m + 0.1 * gradient
        v = 0.999 * v + 0.001 * gradient**2
        expected -= 1e-2 * (m / (1 - 0.9**t)) / (np.sqrt(v / (1 - 0.999**t)) + eps)
    tx = optimizers.make_adam(1e-2, eps=eps)
    params = descend(tx, {"kernel": jnp.float32(start)}, [{"kernel": g} for g in gradients])
    np.testing.assert_allclose(params["kernel"], expected, rtol=1e-5, atol=1e-6)


def test_weight_decay_shrinks_kernels_only():
    params = {
        "conv": {"kernel": jnp.ones((5, 2, 3))},
        "layer_norm": {"scale": jnp.ones(3), "bias": jnp.ones(3)},
        "head": {"kernel": jnp.ones((3, 2)), "bias": jnp.ones(2)},
    }
    tx = optimizers.make_adam(0.1, weight_decay=0.5)
    decayed = descend(tx, params, [jax.tree.map(jnp.zeros_like, params)])
    for (path, after), before in zip(
        jax.tree_util.tree_leaves_with_path(decayed), jax.tree.leaves(params), strict=True
    ):
        factor = 1 - 0.1 * 0.5 if "kernel" in jax.tree_util.keystr(path) else 1.0
        np.testing.assert_allclose(after, factor * before, rtol=1e-6)


@pytest.mark.parametrize(
    ("schedule", "warmup", "expected"),
    [
        ("constant", 0, [2, 2, 2, 2, 2, 2, 2]),
        ("constant", 4, [0.5, 1, 1.5, 2, 2, 2, 2]),
        ("cosine", 0, [2, 1 + 3**0.5 / 2, 1.5, 1, 0.5, 1 - 3**0.5 / 2, 0]),
        ("cosine", 2, [1, 2, 2, 1 + 0.5**0.5, 1, 1 - 0.5**0.5, 0]),
    ],
)
def test_schedules_by_hand(schedule, warmup, expected):
    rate = optimizers.learning_rate_schedule(
        2.0, schedule=schedule, warmup_steps=warmup, total_steps=6
    )
    np.testing.assert_allclose([rate(i) for i in range(7)], expected, atol=1e-6)


def test_the_schedule_reaches_the_update():
    tx = optimizers.make_adam(1.0, schedule="cosine", total_steps=2)
    params = descend(tx, {"w": jnp.zeros(())}, [{"w": jnp.ones(())}] * 2)
    np.testing.assert_allclose(params["w"], -1.5, rtol=1e-4)  # rates 1 and 0.5, unit steps


def test_wrong_settings_are_named():
    with pytest.raises(ValueError, match="'linear'; use one of constant, cosine"):
        optimizers.make_adam(1e-4, schedule="linear")
    with pytest.raises(ValueError, match="warmup_steps 10 leaves none of the 10"):
        optimizers.make_adam(1e-4, schedule="cosine", warmup_steps=10, total_steps=10)


def test_a_long_gradient_is_scaled_to_the_norm_and_a_short_one_left_alone():
    """After one step of Adam the first moment is a tenth of the gradient that it was given."""
    params = {"a": jnp.zeros(2), "b": jnp.zeros(2)}
    tx = optimizers.make_adam(1.0, clip_norm=2.0)
    for gradient, expected in (((30.0, 0.0, 0.0, 40.0), 1 / 25), ((0.3, 0.0, 0.0, 0.4), 1.0)):
        g = {"a": jnp.array(gradient[:2]), "b": jnp.array(gradient[2:])}
        _, opt_state = tx.update(g, tx.init(params), params)
        moments = optax.tree.get(opt_state, "mu")
        np.testing.assert_allclose(moments["a"], 0.1 * expected * g["a"], rtol=1e-5)
        np.testing.assert_allclose(moments["b"], 0.1 * expected * g["b"], rtol=1e-5)
