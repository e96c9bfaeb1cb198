import numpy as np
import pytest

from sgan_jax.training import batches


def indices(part_size=37, *, seed=0, part="labelled", first_step=0, steps=4, devices=2, batch=4):
    return batches.call_indices(
        100 + np.arange(part_size),
        seed=seed,
        part=part,
        first_step=first_step,
        steps=steps,
        devices=devices,
        batch_size=batch,
    )


def stream(calls) -> np.ndarray:
    """Put [devices, steps, batch] calls back into the order of the samples."""
    return np.concatenate([call.swapaxes(0, 1).reshape(-1) for call in calls])


def test_each_epoch_shows_every_pattern_once_in_a_new_order():
    samples = stream([indices(steps=37, devices=2, batch=4)])  # 8 epochs of 37
    epochs = samples.reshape(8, 37)
    assert (np.sort(epochs, axis=1) == 100 + np.arange(37)).all()
    assert len({tuple(epoch) for epoch in epochs}) == 8


def test_a_restart_sees_what_the_first_run_would_have_seen():
    whole = indices(steps=20)
    for start in (1, 7, 13):
        assert (indices(first_step=start, steps=20 - start) == whole[:, start:]).all()


def test_calls_of_any_length_make_the_same_stream():
    one_by_one = stream([indices(first_step=step, steps=1) for step in range(12)])
    assert (one_by_one == stream([indices(steps=12)])).all()


@pytest.mark.parametrize("devices", [1, 2, 8])
def test_devices_share_the_same_global_batches(devices):
    cut = indices(steps=6, devices=devices, batch=8 // devices)
    assert cut.shape == (devices, 6, 8 // devices)
    assert (stream([cut]) == stream([indices(steps=6, devices=8, batch=1)])).all()


def test_parts_and_seeds_have_streams_of_their_own():
    first = stream([indices()])
    assert (first != stream([indices(part="unlabelled")])).any()
    assert (first != stream([indices(seed=1)])).any()


def test_a_part_smaller_than_a_batch_is_repeated():
    samples = stream([indices(part_size=3, steps=3)])
    assert (np.bincount(samples - 100) == 8).all()


def test_an_empty_part_is_named():
    with pytest.raises(ValueError, match="the unlabelled part is empty"):
        indices(part_size=0, part="unlabelled")


def test_total_steps():
    assert batches.total_steps(steps=7, epochs=100, part_size=10, global_batch=4) == 7
    # 3 epochs of 10 patterns are 30 samples: 7 batches of 4 and one that is not filled.
    assert batches.total_steps(steps=0, epochs=3, part_size=10, global_batch=4) == 8
