"""What a run does when it is told to end: SIGTERM, from a cluster, or SIGINT, which is Ctrl-C.

The loop asks after each call whether to stop, saves and ends; a phase that has nothing to save (the
data set's build, compilation before the first step, the final evaluation) ends at once. A signal
is noticed at once even while the main thread sits in compiled code: the interpreter's own handler
writes to a pipe, on whose other end a thread waits. That thread ends the process, hard, where the
main thread does not come back in time.
"""

import concurrent.futures
import contextlib
import os
import select
import shlex
import signal
import sys
import threading
import time
from collections.abc import Callable
from types import FrameType
from typing import Any, NoReturn

STOPPED = 75  # exit status (EX_TEMPFAIL): ended by a signal, nothing is lost
CUT_OFF = 76  # ended by a signal before the state could be saved: up to every_steps steps are

DEADLINE_SECONDS = 25.0  # to save; clusters kill 30 s after the signal
GRACE_SECONDS = 2.0  # to clean up where there is nothing to save
# One order may come twice: a launcher hands on what the terminal or Slurm has sent to all.
SAME_SECONDS = 1.0

_SIGNALS = (signal.SIGTERM, signal.SIGINT)


class Stopped(KeyboardInterrupt):  # libraries let a KeyboardInterrupt through
    """The run ends because it was told to; the text says what is saved."""


class Shutdown:
    """Whether to end, and by when.

    Until `listen` is called, no signal is caught and `should_stop` is what `agree` makes of False.

    Args:
      agree: makes one decision of all hosts' (whether this host was told to stop) -> whether all
        do. Each host calls it as often as the others and at the same places of the program, so
        that it may communicate.
    """

    def __init__(self, agree: Callable[[bool], bool] = bool) -> None:
        self.agree = agree  # may be set later, when the hosts have found one another
        self._received: signal.Signals | None = None
        self._raised = False  # the exception that ends a phase with nothing to save
        self._protected = False  # there is something to save
        self._saved = False  # and it is saved, all that is left is to end

    def listen(self) -> "Shutdown":
        """Catch signals until the process ends; call it from the main thread.

        XLA's preemption service takes SIGTERM when `jax.distributed` starts: call this after it,
        or switch `jax_enable_preemption_service` off.
        """
        reading, writing = os.pipe()
        os.set_blocking(writing, False)
        signal.set_wakeup_fd(writing, warn_on_full_buffer=False)
        for number in _SIGNALS:
            signal.signal(number, self._handle)
        sys.unraisablehook = _silent_about_stopped(sys.unraisablehook)
        threading.Thread(target=self._watch, args=(reading,), name="signals", daemon=True).start()
        return self

    def should_stop(self) -> bool:
        """Say whether to save and end here; all hosts get the same answer."""
        return self.agree(self._received is not None)

    def protect(self) -> None:
        """From here on there is something to save: a signal ends nothing by itself."""
        self._protected = True

    def release(self) -> None:
        """All is saved: end now if a signal has come to a host, and at once when one comes here."""
        if self.should_stop():
            raise Stopped("all that was trained is saved")
        self._protected = False

    def was_asked(self, error: BaseException) -> bool:
        """Say whether an error is but the echo of a signal, which worker processes got as well."""
        if isinstance(error, concurrent.futures.BrokenExecutor):
            time.sleep(0.5)  # it may have reached them first
            return self._received is not None
        return isinstance(error, Stopped)

    def end(self, stopped: BaseException) -> NoReturn:
        """Say what is saved and how to go on; leave with status STOPPED."""
        self._saved = True
        name = self._received.name if self._received else "another host's signal"
        what = str(stopped) if isinstance(stopped, Stopped) else "nothing is lost"
        _say(f"stopped by {name}; {what}. {_how_to_go_on()}")
        sys.exit(STOPPED)

    def _handle(self, number: int, _: FrameType | None) -> None:
        """Act in the main thread, as soon as it is back in Python."""
        self._received = self._received or signal.Signals(number)
        if not self._protected and not self._raised:
            self._raised = True
            raise Stopped("nothing is lost")

    def _watch(self, reading: int) -> None:
        """Wait for signals beside the main thread."""
        began: float | None = None
        while True:
            if select.select([reading], [], [], None if began is None else 0.1)[0]:
                came = [number for number in os.read(reading, 4096) if number in _SIGNALS]
                if came and began is None:
                    began = time.monotonic()
                    self._received = self._received or signal.Signals(came[0])
                    if self._protected:
                        _say(
                            f"{self._received.name}: saving after the step that runs now, "
                            f"in at most {DEADLINE_SECONDS:.0f} s; a second signal ends at once"
                        )
                elif came and began is not None and time.monotonic() - began > SAME_SECONDS:
                    self._end_hard("a second signal came")
            if began is not None:
                seconds = DEADLINE_SECONDS if self._protected else GRACE_SECONDS
                if time.monotonic() - began > seconds:
                    self._end_hard(f"it took more than {seconds:.0f} s to come to an end")

    def _end_hard(self, reason: str) -> NoReturn:
        if self._saved:
            os._exit(STOPPED)
        assert self._received is not None
        if self._protected:
            _say(
                f"stopped by {self._received.name}, and not saved: {reason}. The checkpoints from "
                f"before are whole. {_how_to_go_on()}"
            )
            os._exit(CUT_OFF)
        _say(f"stopped by {self._received.name}; nothing is lost. {_how_to_go_on()}")
        os._exit(STOPPED)


def _silent_about_stopped(tell: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """Say nothing of a Stopped raised where none can be, in a garbage collection; we end anyway."""
    return lambda told: None if isinstance(told.exc_value, Stopped) else tell(told)


def _how_to_go_on() -> str:
    return f"The same command goes on:\n    {shlex.join(sys.orig_argv)}"


def _say(text: str) -> None:
    with contextlib.suppress(OSError):  # a terminal that is gone, a full disk
        os.write(2, f"{text}\n".encode())
