"""A limit on the processor time of a block of code."""

import contextlib
import signal
import threading
import time
from collections.abc import Generator


class TooSlowError(BaseException):
    """A block took too long. Not an Exception: no handler on the way may take it for its own."""


@contextlib.contextmanager
def limited(seconds: float) -> Generator[None]:
    """Raise `TooSlowError` in the block once it has computed for so many seconds.

    The processor's time, not the clock's: a busy machine loses no file. A call into a library in C
    comes to its end first. Signals arrive in a process's main thread; a block in another thread has
    no limit.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    start, running = time.thread_time(), True

    def stop(*_: object) -> None:
        if running and time.thread_time() - start >= seconds:
            raise TooSlowError(f"more than {seconds:g} s of processor time")

    before = signal.signal(signal.SIGALRM, stop)
    # Again and again, for the exception is lost where it comes in a finaliser.
    signal.setitimer(signal.ITIMER_REAL, seconds, seconds / 10)
    try:
        try:
            yield
        finally:
            running = False
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
