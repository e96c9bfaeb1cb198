import jax
import numpy as np
import pytest
import stand_ins

from sgan_jax.training import optimizers, state

TX = optimizers.make_adam(1e-3)


def sgan_state(txs, **options):
    return state.create_sgan_state(
        stand_ins.Discriminator(),
        stand_ins.Generator(axis_name=state.AXIS),
        txs,
        points=stand_ins.POINTS,
        latent=stand_ins.LATENT,
        **options,
    )


def supervised_state(**options):
    return state.create_classifier_state(
        stand_ins.Discriminator(), TX, points=stand_ins.POINTS, **options
    )


def step_keys(train_state):
    """Return the key data of this step on the eight devices."""
    data = jax.pmap(
        lambda s, _: jax.random.key_data(state.step_key(s)), state.AXIS, in_axes=(None, 0)
    )(train_state, np.arange(8))
    return {tuple(row) for row in np.asarray(data).tolist()}


def test_parameters_depend_on_the_seed_alone():
    first = supervised_state(seed=1, rng="rbg")
    stand_ins.assert_trees_equal(first.params, supervised_state(seed=1, rng="threefry2x32").params)
    both = sgan_state(state.Networks(TX, TX), seed=1)
    stand_ins.assert_trees_equal(first.params, both.params.discriminator)
    other = supervised_state(seed=2)
    assert (first.params["hidden"]["kernel"] != other.params["hidden"]["kernel"]).any()


@pytest.mark.parametrize(
    "txs", [state.Networks(TX, TX), state.ReleasedOptimizers(TX, TX, TX)], ids=["two", "three"]
)
def test_every_leaf_is_an_array_and_each_optimiser_fits_its_network(txs):
    created = sgan_state(txs, seed=0)
    assert all(isinstance(leaf, jax.Array) for leaf in jax.tree.leaves(created))
    assert type(created.opt_state) is type(txs)
    for name in txs._fields:
        params = getattr(created.params, name if name == "generator" else "discriminator")
        moments = getattr(created.opt_state, name)[0].mu
        assert jax.tree.map(np.shape, moments) == jax.tree.map(np.shape, params)


@pytest.mark.parametrize("rng", ["rbg", "threefry2x32"])
def test_the_root_key_survives_as_plain_numbers(rng):
    created = jax.device_get(supervised_state(seed=3, rng=rng))
    assert created.key.dtype == np.uint32
    expected = jax.random.key(3, impl=rng)
    assert state.root_key(created) == expected
    with pytest.raises(ValueError, match="'mt19937' is unknown; use one of threefry2x32, rbg"):
        supervised_state(seed=3, rng="mt19937")


def test_every_device_and_step_has_a_key_of_its_own():
    created = supervised_state(seed=0)
    first, again = step_keys(created), step_keys(created)
    second = step_keys(created.replace(step=created.step + 1))
    assert first == again
    assert len(first | second) == 16
