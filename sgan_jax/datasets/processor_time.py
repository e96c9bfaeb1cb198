"""A limit on the processor time of a block of code."""

import contextlib
import signal
import threading
import time
from collections.abc import Generator


class TooSlowError(BaseException):
    """A block took too long. Not an Exception, so that no handler in the block catches it."""


@contextlib.contextmanager
def limited(seconds: float) -> Generator[None]:
    """Raise `TooSlowError` in the block once it has used this many seconds of processor time.

    Processor time, not wall time: a busy machine loses no file. A call into a C library finishes
    first. Signals arrive in a process's main thread, so a block in another thread has no limit.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    start, running = time.thread_time(), True

    def stop(*_: object) -> None:
        if running and time.thread_time() - start >= seconds:
            raise TooSlowError(f"more than {seconds:g} s of processor time")

    before = signal.signal(signal.SIGALRM, stop)
    # Repeatedly, because an exception raised in a finaliser is lost.
    signal.setitimer(signal.ITIMER_REAL, seconds, seconds / 10)
    try:
        try:
            yield
        finally:
            running = False
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
