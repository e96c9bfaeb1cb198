import jax
import numpy as np

from sgan_jax.training import messages, state

RNG = np.random.default_rng(0)
GRADIENTS = {
    "kernel": RNG.normal(size=(8, 3, 2)).astype(np.float32),
    "bias": RNG.normal(size=(8, 2)).astype(np.float32),
}
SUMS = {"loss": RNG.normal(size=8).astype(np.float32)}


def program(devices):
    """Return the jaxpr of what each of the devices does."""
    call = jax.pmap(messages.average_and_sum, state.AXIS, devices=jax.devices()[:devices])
    on_them = jax.tree.map(lambda a: a[:devices], (GRADIENTS, SUMS))
    return str(jax.make_jaxpr(call)(*on_them))


def test_means_and_sums_over_eight_devices():
    means, sums = jax.pmap(messages.average_and_sum, state.AXIS)(GRADIENTS, SUMS)
    for name, mean in means.items():
        expected = np.broadcast_to(GRADIENTS[name].mean(axis=0), mean.shape)
        np.testing.assert_allclose(mean, expected, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(sums["loss"], np.full(8, SUMS["loss"].sum()), rtol=1e-5)


def test_several_devices_send_one_message_and_one_device_copies_nothing():
    assert program(8).count("psum") == 1 and "concatenate" in program(8)
    assert "psum" not in program(1) and "concatenate" not in program(1)
