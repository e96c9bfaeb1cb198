"""Checkpoints damaged by a disk, a kill or a user."""

import logging
import re
import shutil
import time

import jax
import numpy as np
import pytest
from full_disk import small_disk

from sgan_jax.training import checkpoint, workdir

# If one array fails, orbax no longer waits for the others, whose errors then go unheard.
pytestmark = pytest.mark.filterwarnings(
    "ignore:Exception ignored in. None:pytest.PytestUnraisableExceptionWarning"
)

SIZE = 20_000  # numbers in a state


def state(step, size=SIZE):
    numbers = np.random.default_rng(step).normal(size=size).astype(np.float32)
    return {"step": np.int32(step), "params": {"kernel": numbers}, "opt_state": (numbers * 2,)}


def notes(step):
    return {"progress": {"step": step, "seconds": step / 3}}


@pytest.fixture(scope="module")
def sound(tmp_path_factory):
    run = tmp_path_factory.mktemp("sound")
    with checkpoint.latest(run, keep=2) as latest, checkpoint.best(run) as best:
        for step in (3, 6):
            latest.save(step, state(step), notes(step))
            best.save(step, state(step), notes(step))
    return run


@pytest.fixture
def run(sound, tmp_path):
    return shutil.copytree(sound, tmp_path / "run")


def flip_a_bit(path):
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 0x10
    path.write_bytes(content)


def truncate(path):
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def empty(path):
    path.write_bytes(b"")


def remove(path):
    path.unlink()


def assert_is(restored, step):
    assert (restored.step, restored.notes) == (step, notes(step))
    jax.tree.map(np.testing.assert_array_equal, restored.state, state(step))


def files_of(folder):
    return sorted(path for path in folder.rglob("*") if path.is_file())


@pytest.mark.parametrize("damage", [flip_a_bit, truncate, empty, remove])
@pytest.mark.parametrize("kind", [checkpoint.latest, checkpoint.best])
def test_each_damaged_file_is_without_effect_or_named_and_the_one_before_is_used(
    run, sound, kind, damage, caplog
):
    """Orbax also writes files that nothing reads; damage to those has no effect."""
    caplog.set_level(logging.WARNING)
    keep = {"keep": 2} if kind is checkpoint.latest else {}
    folder = run / "checkpoints" / kind.__name__
    fell_back = set()
    for path in files_of(folder / "6"):
        whole = path.read_bytes()
        damage(path)
        caplog.clear()
        with kind(run, read_only=True, **keep) as checkpoints:
            restored = checkpoints.restore(state(0))
            assert checkpoints.notes() == restored.notes
        assert_is(restored, restored.step)
        if restored.step == 3:
            fell_back.add(path.relative_to(folder / "6").parts[0])
            assert f"checkpoint {folder / '6'} is damaged" in caplog.text
            assert "using the newest intact checkpoint, of step 3" in caplog.text
        else:
            assert restored.step == 6
            assert "is damaged" not in caplog.text
        path.write_bytes(whole)
    assert fell_back >= {"state", "notes"}


@pytest.mark.parametrize("item", ["state", "notes"])
def test_every_bit_of_the_content_counts(run, item):
    """The checksum covers the arrays, not only the files' format: other numbers are refused."""
    with checkpoint.latest(run, keep=2) as latest:
        other = state(9)
        other["params"]["kernel"][SIZE // 2] += np.float32(1e-6)
        latest.save(9, other, notes(9))
    with checkpoint.latest(run, keep=2) as latest:
        latest.save(12, state(9), notes(9))
    folder = run / "checkpoints/latest"
    # A whole item of another checkpoint passes all of orbax's own checks.
    shutil.rmtree(folder / "12" / item)
    shutil.copytree(folder / "9" / item, folder / "12" / item)
    with checkpoint.latest(run, keep=2) as latest:
        assert latest.restore(state(0)).step == 9


def test_what_is_damaged_is_set_aside_before_the_next_save(run):
    """It would count as the newest: the next would not be saved, or would be the first to go."""
    truncate(max(files_of(run / "checkpoints/latest/6"), key=lambda path: path.stat().st_size))
    with checkpoint.latest(run, keep=2) as latest:
        assert latest.restore(state(0)).step == 3
        latest.save(5, state(5), notes(5))
        latest.save(6, state(6), notes(6))
    with checkpoint.latest(run, keep=2) as latest:
        assert_is(latest.restore(state(0)), 6)
    names = sorted(path.name for path in (run / "checkpoints/latest").iterdir())
    assert names == ["5", "6"]
    assert [path.name[:9] for path in (run / "checkpoints/damaged").iterdir()] == ["latest-6-"]


@pytest.mark.parametrize("kind", ["latest", "best"])
def test_nothing_but_damaged_ones_is_an_error_that_leaves_them(run, kind):
    for step in (3, 6):
        remove(run / "checkpoints" / kind / str(step) / "notes" / "metadata")
    before = files_of(run)
    for read_only in (True, False):
        opened = checkpoint.Checkpoints(run / "checkpoints" / kind, keep=2, read_only=read_only)
        with opened as checkpoints, pytest.raises(checkpoint.DamagedError, match=r"6, 3"):
            checkpoints.restore(state(0))
    assert files_of(run) == before


def test_reading_leaves_what_a_running_training_is_writing(run):
    half = run / "checkpoints/latest/9.orbax-checkpoint-tmp/state"
    half.mkdir(parents=True)
    with checkpoint.latest(run, keep=2, read_only=True) as latest:
        assert latest.restore(state(0)).step == 6
    assert half.is_dir()
    with checkpoint.latest(run, keep=2) as latest:  # the training, killed and started again
        latest.save(9, state(9), notes(9))
    assert not half.parent.exists()


def test_reading_a_run_without_checkpoints_makes_none(tmp_path):
    with checkpoint.latest(tmp_path, keep=2, read_only=True) as latest:
        assert latest.restore(state(0)) is None
    assert not list(tmp_path.iterdir())


def test_a_disk_that_fills_during_a_save_leaves_the_checkpoints_before(tmp_path):
    size = 250_000  # 2 MB a checkpoint
    with small_disk(tmp_path / "disk", kilobytes=5_000) as disk:
        with (
            pytest.raises(workdir.WorkdirError) as raised,
            checkpoint.latest(disk, keep=2) as latest,
        ):
            for step in (3, 6, 9):
                latest.save(step, state(step, size), notes(step))
                latest.wait()
        said = str(raised.value)
        assert str(disk / "checkpoints/latest") in said
        assert re.search(r"is full: 2\.0 MB are needed, [01]\.\d MB are free", said)
        assert "make space" in said
        with checkpoint.latest(disk, keep=2) as latest:
            restored = latest.restore(state(0, size))
        np.testing.assert_array_equal(
            restored.state["params"]["kernel"], state(6, size)["params"]["kernel"]
        )


def test_a_save_that_failed_in_the_background_is_told_at_the_next_look(tmp_path, monkeypatch):
    with checkpoint.latest(tmp_path, keep=2) as latest:
        latest.save(3, state(3), notes(3))
        latest.wait()
        latest.check()
        monkeypatch.setattr(latest._manager, "save", lambda *_, **__: 1 / 0)
        latest.save(6, state(6), notes(6))
        while not latest._writing.done():
            time.sleep(0.001)
        with pytest.raises(workdir.WorkdirError, match=r"step 6 could not be written .*division"):
            latest.check()
