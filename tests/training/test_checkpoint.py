from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from sgan_jax.training import checkpoint


class State(NamedTuple):
    step: jax.Array
    key: jax.Array
    params: dict
    opt_state: tuple


@pytest.fixture
def state():
    params = {"kernel": jax.random.normal(jax.random.key(1), (3, 5)), "bias": jnp.full(5, 1e-30)}
    key = jax.random.key_data(jax.random.key(7, impl="rbg"))
    return State(jnp.int32(3), key, params, optax.adam(1e-3).init(params))


def assert_bits_equal(one, other):
    pairs = zip(jax.tree.leaves(one), jax.tree.leaves(other), strict=True)
    for a, b in pairs:
        assert np.asarray(a).dtype == np.asarray(b).dtype
        assert np.asarray(a).tobytes() == np.asarray(b).tobytes()


def test_a_state_comes_back_bit_for_bit(tmp_path, state):
    notes = {"seconds": 0.1 + 0.2, "window": {"loss": 1 / 3}, "config": {"seed": 0}}
    with checkpoint.latest(tmp_path, keep=2) as checkpoints:
        assert checkpoints.restore(state) is None
        assert checkpoints.notes() is None
        checkpoints.save(3, state, notes)
    with checkpoint.latest(tmp_path, keep=2) as checkpoints:
        restored = checkpoints.restore(jax.tree.map(jnp.zeros_like, state))
        assert checkpoints.notes() == notes
    assert (restored.step, restored.notes) == (3, notes)
    assert jax.tree.structure(restored.state) == jax.tree.structure(state)
    assert_bits_equal(restored.state, state)


def test_the_newest_are_kept_and_the_best_stays(tmp_path, state):
    with (
        checkpoint.latest(tmp_path, keep=2) as latest,
        checkpoint.best(tmp_path) as best,
    ):
        best.save(4, state, {"accuracy": 0.5})
        for step in (2, 4, 6, 8):
            latest.save(step, state._replace(step=jnp.int32(step)), {})
    kept = {path.name for path in (tmp_path / "checkpoints" / "latest").iterdir() if path.is_dir()}
    assert kept == {"6", "8"}
    with checkpoint.best(tmp_path) as best:
        assert best.notes() == {"accuracy": 0.5}


def test_a_step_is_saved_once(tmp_path, state):
    with checkpoint.best(tmp_path) as best:
        best.save(4, state, {"accuracy": 0.5})
        best.save(4, state, {"accuracy": 0.9})
        assert best.restore(state).notes == {"accuracy": 0.5}


def test_a_half_written_checkpoint_is_not_taken_for_whole(tmp_path, state):
    with checkpoint.latest(tmp_path, keep=2) as checkpoints:
        checkpoints.save(3, state, {})
    (tmp_path / "checkpoints/latest/6.orbax-checkpoint-tmp/state").mkdir(parents=True)
    with checkpoint.latest(tmp_path, keep=2) as checkpoints:
        assert checkpoints.restore(state).step == 3


def test_a_state_of_another_shape_is_refused(tmp_path, state):
    with checkpoint.latest(tmp_path, keep=2) as checkpoints:
        checkpoints.save(3, state, {})
        wider = state._replace(params={"kernel": jnp.zeros((4, 5)), "bias": jnp.zeros(5)})
        with pytest.raises(
            ValueError, match=r"params/kernel is float32 \(3, 5\), .*another --workdir"
        ):
            checkpoints.restore(wider)
        with pytest.raises(ValueError, match=r"not have the same arrays \(params/gain\)"):
            checkpoints.restore(state._replace(params=state.params | {"gain": jnp.ones(1)}))
