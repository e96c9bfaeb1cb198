"""What a run does on SIGTERM, sent by a cluster, or SIGINT, which is Ctrl-C.

The loop asks after each call whether to stop, and if so saves and ends; a phase with nothing to
save (the data set's build, compilation before the first step, the final evaluation) ends at once. A
signal is noticed at once even while the main thread is in compiled code: the interpreter's own
handler writes to a pipe, and a thread waits at its other end. That thread kills the process if the
main thread does not return in time.
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
CUT_OFF = 76  # ended by a signal before saving: up to checkpoint.every_steps steps are lost

DEADLINE_SECONDS = 25.0  # to save; clusters kill 30 s after the signal
GRACE_SECONDS = 2.0  # to clean up where there is nothing to save
# The same request may arrive twice: launchers forward what the terminal or Slurm sends to all.
SAME_SECONDS = 1.0

_SIGNALS = (signal.SIGTERM, signal.SIGINT)


class Stopped(KeyboardInterrupt):  # libraries let a KeyboardInterrupt through
    """The run ends because it was asked to; the message says what is saved."""


class Shutdown:
    """Whether to end, and by when.

    Until `listen` is called, no signal is caught and `should_stop` returns `agree(False)`.

    Args:
      agree: (whether this host was asked to stop) -> whether all hosts stop. Every host calls it
        equally often and at the same places in the program, so that it may communicate.
    """

    def __init__(self, agree: Callable[[bool], bool] = bool) -> None:
        self.agree = agree  # may be set later, when the hosts are connected
        self._received: signal.Signals | None = None
        self._raised = False  # the exception that ends a phase with nothing to save was raised
        self._protected = False  # there is something to save
        self._saved = False  # everything is saved; only ending is left

    def listen(self) -> "Shutdown":
        """Catch signals until the process ends; call it from the main thread.

        XLA's preemption service takes over SIGTERM when `jax.distributed` starts: call this after
        that, or switch `jax_enable_preemption_service` off.
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
        """Keep signals from raising `Stopped` from here on: there is something to save."""
        self._protected = True

    def release(self) -> None:
        """End now if any host has received a signal; later ones end this process at once.

        Call this when everything is saved.
        """
        if self.should_stop():
            raise Stopped("all training is saved")
        self._protected = False

    def was_asked(self, error: BaseException) -> bool:
        """Say whether an error only results from a signal, which worker processes get as well."""
        if isinstance(error, concurrent.futures.BrokenExecutor):
            time.sleep(0.5)  # the signal may have reached the workers first
            return self._received is not None
        return isinstance(error, Stopped)

    def end(self, stopped: BaseException) -> NoReturn:
        """Print what is saved and how to resume; exit with status STOPPED."""
        self._saved = True
        name = self._received.name if self._received else "a signal on another host"
        what = str(stopped) if isinstance(stopped, Stopped) else "nothing is lost"
        _say(f"stopped by {name}; {what}. {_how_to_go_on()}")
        sys.exit(STOPPED)

    def _handle(self, number: int, _: FrameType | None) -> None:
        """Handle a signal in the main thread, as soon as that is back in Python."""
        self._received = self._received or signal.Signals(number)
        if not self._protected and not self._raised:
            self._raised = True
            raise Stopped("nothing is lost")

    def _watch(self, reading: int) -> None:
        """Watch for signals, and for the deadline after one, in a thread of its own."""
        began: float | None = None
        while True:
            if select.select([reading], [], [], None if began is None else 0.1)[0]:
                came = [number for number in os.read(reading, 4096) if number in _SIGNALS]
                if came and began is None:
                    began = time.monotonic()
                    self._received = self._received or signal.Signals(came[0])
                    if self._protected:
                        _say(
                            f"{self._received.name}: saving after the current step, within "
                            f"{DEADLINE_SECONDS:.0f} s; a second signal stops at once"
                        )
                elif came and began is not None and time.monotonic() - began > SAME_SECONDS:
                    self._end_hard("a second signal came")
            if began is not None:
                seconds = DEADLINE_SECONDS if self._protected else GRACE_SECONDS
                if time.monotonic() - began > seconds:
                    self._end_hard(f"stopping took more than {seconds:.0f} s")

    def _end_hard(self, reason: str) -> NoReturn:
        if self._saved:
            os._exit(STOPPED)
        assert self._received is not None
        if self._protected:
            _say(
                f"stopped by {self._received.name}, not saved: {reason}. Earlier checkpoints are "
                f"intact. {_how_to_go_on()}"
            )
            os._exit(CUT_OFF)
        _say(f"stopped by {self._received.name}; nothing is lost. {_how_to_go_on()}")
        os._exit(STOPPED)


def _silent_about_stopped(tell: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """Make a hook that does not report a Stopped raised where none can be, in garbage collection.

    The process ends anyway.
    """
    return lambda told: None if isinstance(told.exc_value, Stopped) else tell(told)


def _how_to_go_on() -> str:
    return f"To resume, repeat the command:\n    {shlex.join(sys.orig_argv)}"


def _say(text: str) -> None:
    with contextlib.suppress(OSError):  # a terminal that is gone, a full disk
        os.write(2, f"{text}\n".encode())
