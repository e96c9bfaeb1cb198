"""The limit on processor time: what it stops, what it leaves alone, and that it goes away."""

import signal
import threading
import time

import pytest

from sgan_jax.datasets import processor_time


def compute(seconds: float) -> None:
    start = time.thread_time()
    while time.thread_time() - start < seconds:
        try:
            sum(range(1000))
        except Exception:  # like code that catches anything a library may raise
            pytest.fail("a handler took the limit for an error of its own")


def test_what_computes_too_long_is_stopped():
    start = time.thread_time()
    with pytest.raises(processor_time.TooSlowError, match=r"more than 0\.1 s"):
        with processor_time.limited(0.1):
            compute(10.0)
    assert time.thread_time() - start < 1.0


def test_waiting_is_not_computing():
    with processor_time.limited(0.1):
        time.sleep(0.3)


def test_nothing_is_left_of_a_limit():
    before = signal.getsignal(signal.SIGALRM)
    with processor_time.limited(0.05):
        pass
    with pytest.raises(KeyError), processor_time.limited(0.05):
        raise KeyError
    compute(0.2)
    assert signal.getsignal(signal.SIGALRM) == before
    assert signal.getitimer(signal.ITIMER_REAL) == (0.0, 0.0)


def test_other_threads_have_no_limit():
    done = []

    def work():
        with processor_time.limited(0.05):
            compute(0.2)
        done.append(True)

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert done
