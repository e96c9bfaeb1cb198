"""Each test starts its own process, which loads nothing but the file that is tested."""

import pathlib
import signal
import subprocess
import sys
import textwrap
import time

import pytest

from sgan_jax.training import shutdown

ROOT = pathlib.Path(__file__).parents[2]
PREAMBLE = """
import concurrent.futures, hashlib, os, signal, sys, time
from sgan_jax.training import shutdown

def deep_in_c():
    "Let the main thread run no Python for minutes."
    print("now", flush=True)
    hashlib.pbkdf2_hmac("sha256", b"", b"", 1_000_000_000)

def until_told(stop):
    print("now", flush=True)
    while not stop.should_stop():
        time.sleep(0.01)

stop = shutdown.Shutdown().listen()
try:
"""
ENDING = """
except shutdown.Stopped as error:
    stop.end(error)
except concurrent.futures.BrokenExecutor as error:
    assert stop.was_asked(error)
    stop.end(error)
"""


def start(body):
    program = PREAMBLE + textwrap.indent(textwrap.dedent(body), "    ") + ENDING
    process = subprocess.Popen(
        [sys.executable, "-c", program], cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        text=True, start_new_session=True,
    )  # fmt: skip
    assert process.stdout.readline() == "now\n"
    time.sleep(0.1)
    return process


def end(process, within):
    began = time.monotonic()
    _, said = process.communicate(timeout=60)
    assert time.monotonic() - began < within
    return process.returncode, said


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
@pytest.mark.parametrize("place", ["deep_in_c()", "print('now', flush=True); time.sleep(60)"])
def test_with_nothing_to_save_it_ends_at_once(number, place):
    process = start(place)
    process.send_signal(number)
    status, said = end(process, within=shutdown.GRACE_SECONDS + 3)
    assert status == shutdown.STOPPED == 75
    assert f"stopped by {number.name}; nothing is lost. To resume, repeat the command:" in said
    assert f"{sys.executable} -c" in said
    assert "Traceback" not in said


def test_with_something_to_save_the_loop_is_asked_to():
    process = start("""
        stop.protect()
        until_told(stop)
        time.sleep(0.3)
        raise shutdown.Stopped("step 7 of 9 is saved")
    """)
    process.send_signal(signal.SIGTERM)
    status, said = end(process, within=5)
    assert status == shutdown.STOPPED
    assert said.splitlines()[0].startswith("SIGTERM: saving after the current step")
    assert "stopped by SIGTERM; step 7 of 9 is saved. To resume, repeat the command:" in said


def test_a_main_thread_that_does_not_come_back_is_cut_off():
    assert shutdown.DEADLINE_SECONDS <= 25
    process = start("shutdown.DEADLINE_SECONDS = 1.0; stop.protect(); deep_in_c()")
    process.send_signal(signal.SIGTERM)
    status, said = end(process, within=4)
    assert status == shutdown.CUT_OFF == 76
    assert "not saved: stopping took more than 1 s. Earlier checkpoints" in said


def test_a_second_signal_ends_at_once_but_one_order_may_come_twice():
    process = start("stop.protect(); deep_in_c()")
    for number in (signal.SIGINT, signal.SIGTERM):
        process.send_signal(number)
    time.sleep(shutdown.SAME_SECONDS + 0.3)
    assert process.poll() is None
    process.send_signal(signal.SIGINT)
    status, said = end(process, within=3)
    assert (status, "not saved: a second signal came" in said) == (shutdown.CUT_OFF, True)


def test_an_end_that_hangs_after_the_save_is_no_failure():
    process = start("""
        import atexit
        shutdown.DEADLINE_SECONDS = 1.5
        atexit.register(time.sleep, 60)
        stop.protect()
        until_told(stop)
        raise shutdown.Stopped("all is saved")
    """)
    process.send_signal(signal.SIGTERM)
    status, said = end(process, within=5)
    assert (status, "not saved" in said) == (shutdown.STOPPED, False)


def test_a_signal_to_the_worker_processes_too_is_no_other_error():
    process = start("""
        with concurrent.futures.ProcessPoolExecutor(2) as pool:
            running = [pool.submit(time.sleep, 30) for _ in range(2)]
            time.sleep(0.5)
            for child in list(pool._processes):  # before the parent gets its own
                os.kill(child, signal.SIGTERM)
            print("now", flush=True)
            [task.result() for task in running]
    """)
    process.send_signal(signal.SIGTERM)
    status, said = end(process, within=5)
    assert (status, "Traceback" in said) == (shutdown.STOPPED, False)


def test_a_signal_after_the_last_save_ends_before_the_evaluation():
    process = start("""
        stop.protect()
        until_told(stop)
        stop.release()
        print("evaluated")
    """)
    process.send_signal(signal.SIGTERM)
    status, said = end(process, within=5)
    assert (status, "all training is saved" in said) == (shutdown.STOPPED, True)


def test_hosts_decide_together():
    told = []
    other_host_was_told = iter([False, True])

    def agree(here):
        told.append(here)
        return here or next(other_host_was_told)

    stop = shutdown.Shutdown(agree)
    assert [stop.should_stop(), stop.should_stop()] == [False, True]
    assert told == [False, False]
