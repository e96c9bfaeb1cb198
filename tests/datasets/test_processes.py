"""The ordered map over processes: order, laziness, errors, and no process left behind."""

import itertools
import multiprocessing
import os
import signal
import subprocess
import sys
import time

import pytest

from sgan_jax.datasets import processes


def process_and_threads(_: int) -> tuple[int, str]:
    return os.getpid(), os.environ["OMP_NUM_THREADS"]


def reciprocal(number: int) -> float:
    return 1 / number


def prepare() -> None:
    os.environ["PREPARED"] = "yes"


def number_and_prepared(number: int) -> tuple[int, bool]:
    return number, "PREPARED" in os.environ


@pytest.mark.parametrize("count", [1, 2, 3])
def test_results_are_in_order(count):
    results = processes.ordered_map(abs, range(-100, 0), processes=count, chunk=7)
    assert list(results) == list(range(100, 0, -1))


def test_an_endless_input_is_drawn_as_needed():
    results = processes.ordered_map(abs, itertools.count(), processes=2, chunk=3)
    assert list(itertools.islice(results, 100)) == list(range(100))
    results.close()


def test_large_items_are_sent_few_at_a_time():
    drawn = 0

    def large():
        nonlocal drawn
        for _ in range(200):
            drawn += 1
            yield bytes(2**20)

    results = processes.ordered_map(len, large(), processes=2, chunk=16)
    assert next(results) == 2**20
    results.close()
    assert drawn <= 32  # it would be 128 with small items


def test_work_is_done_by_others_with_one_thread_each():
    before = dict(os.environ)
    ids, threads = zip(
        *processes.ordered_map(process_and_threads, range(400), processes=2, chunk=1), strict=True
    )
    assert os.getpid() not in ids
    assert set(threads) == {"1"}
    assert dict(os.environ) == before


def test_an_error_of_the_function_comes_out():
    with pytest.raises(ZeroDivisionError):
        list(processes.ordered_map(reciprocal, range(-50, 50), processes=2, chunk=5))


def test_workers_are_prepared_before_there_is_work():
    before = set(multiprocessing.active_children())
    with processes.Workers(2, prepare) as workers:
        assert len(set(multiprocessing.active_children()) - before) == 2
        found = list(workers.map(number_and_prepared, range(100), chunk=7))
    assert [number for number, _ in found] == list(range(100))
    assert all(prepared for _, prepared in found)
    assert set(multiprocessing.active_children()) == before


def test_workers_end_with_an_error_of_who_started_them():
    before = set(multiprocessing.active_children())
    with pytest.raises(ValueError, match="no model"), processes.Workers(2, prepare):
        raise ValueError("no model")
    assert set(multiprocessing.active_children()) == before


def test_processes_end_when_the_parent_is_killed():
    program = (
        "import itertools, os, time\n"
        "from sgan_jax.datasets import processes\n"
        "for _ in processes.ordered_map(os.getpgid, itertools.repeat(0), processes=2):\n"
        "    print('up', flush=True); time.sleep(100)\n"
    )
    parent = subprocess.Popen(
        [sys.executable, "-c", program], stdout=subprocess.PIPE, start_new_session=True
    )
    assert parent.stdout.readline() == b"up\n"
    parent.send_signal(signal.SIGKILL)
    parent.wait()
    parent.stdout.close()
    for _ in range(100):
        try:
            os.killpg(parent.pid, 0)  # raises when the whole group is gone
        except ProcessLookupError:
            return
        time.sleep(0.1)
    os.killpg(parent.pid, signal.SIGKILL)
    pytest.fail("workers outlived their parent")
