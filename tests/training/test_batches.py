import numpy as np
import pytest

from sgan_jax.training import batches


def samples(
    part_size=37, *, seed=0, part="labelled", first_step=0, steps=4, devices=2, batch_size=4
):
    """Return what the devices put into their batches, [steps, devices * batch_size]."""
    share = batches.share(100 + np.arange(part_size), devices=devices, batch_size=batch_size)
    positions = batches.call_positions(
        part_size,
        seed=seed,
        part=part,
        first_step=first_step,
        steps=steps,
        devices=devices,
        batch_size=batch_size,
    )
    assert positions.shape == (devices, steps, batch_size) and positions.dtype == np.int32
    of_device = [share[device][positions[device]] for device in range(devices)]
    return np.concatenate(of_device, axis=1)


def test_a_lane_shows_each_of_its_members_before_any_again_in_a_new_order():
    shown = samples(37, steps=40)
    for lane in range(8):
        members = 100 + np.arange(37)[lane::8]
        epochs = shown[:, lane][: 40 // len(members) * len(members)].reshape(-1, len(members))
        assert (np.sort(epochs, axis=1) == members).all()
        assert len({tuple(epoch) for epoch in epochs}) > 2


def test_every_pattern_is_shown_equally_often():
    # Lanes of 4 and 5: in 20 steps each member of them comes 5 and 4 times.
    counts = np.bincount(samples(37, steps=20).ravel() - 100)
    assert (counts == np.where(np.arange(37) % 8 < 37 % 8, 4, 5)).all()
    assert (np.bincount(samples(40, steps=20).ravel() - 100) == 4).all()


def test_a_restart_sees_what_the_first_run_would_have_seen():
    whole = samples(steps=20)
    for start in (1, 7, 13):
        assert (samples(first_step=start, steps=20 - start) == whole[start:]).all()


@pytest.mark.parametrize("part_size", [37, 5])
@pytest.mark.parametrize("devices", [1, 2, 4, 8])
def test_devices_share_the_same_global_batches(devices, part_size):
    cut = samples(part_size, steps=6, devices=devices, batch_size=8 // devices)
    assert (cut == samples(part_size, steps=6, devices=8, batch_size=1)).all()


@pytest.mark.parametrize("part_size", [3, 37, 64])
def test_a_device_holds_its_own_share_only(part_size):
    share = batches.share(np.arange(part_size), devices=4, batch_size=2)
    assert set(share.ravel().tolist()) == set(range(part_size))
    assert share.shape == (4, 2 * max(1, -(-part_size // 8)))
    owners = [set(row.tolist()) - {0} for row in share]  # the first fills up
    if part_size >= 8:
        assert sum(map(len, owners)) == part_size - 1


def test_parts_and_seeds_have_streams_of_their_own():
    first = samples(100)
    assert (first != samples(100, part="unlabelled")).any()
    assert (first != samples(100, seed=1)).any()


def test_a_part_smaller_than_a_batch_is_repeated():
    assert (np.bincount(samples(3, steps=3).ravel() - 100) == [9, 9, 6]).all()


def test_an_empty_part_is_an_error():
    with pytest.raises(ValueError, match="part of the data is empty"):
        samples(0)


def test_total_steps():
    assert batches.total_steps(steps=7, epochs=100, part_size=10, global_batch=4) == 7
    # 3 epochs of 10 patterns are 30 samples: 7 batches of 4 and one that is not filled.
    assert batches.total_steps(steps=0, epochs=3, part_size=10, global_batch=4) == 8


@pytest.mark.parametrize(
    ("part_size", "devices", "batch_size"), [(23, 8, 2), (5, 8, 4), (64, 4, 5)]
)
def test_evaluation_sees_each_pattern_once_and_puts_it_back(part_size, devices, batch_size):
    rows = 1000 + np.arange(part_size)
    share = batches.evaluation_share(rows, devices=devices)
    seen, answers = [], []
    for positions, mask in batches.padded_batches(
        part_size, devices=devices, batch_size=batch_size
    ):
        here = np.take_along_axis(share, positions, axis=1)
        seen += here[mask > 0].tolist()
        answers.append(here)
    assert sorted(seen) == rows.tolist()
    dealt = np.concatenate(answers, axis=1)[:, : share.shape[1]]
    assert (batches.in_order(dealt, part_size) == rows).all()
