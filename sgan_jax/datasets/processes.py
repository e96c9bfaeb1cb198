"""Map work over processes; the results keep the order of the input, whatever their number."""

import collections
import concurrent.futures
import contextlib
import itertools
import multiprocessing
import os
import pickle
import signal
import threading
from collections.abc import Callable, Generator, Iterable

_CHUNK_BYTES = 2**20  # plus one item, at most: files of 32 MiB each must not fill the memory
_ONE_THREAD = (
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "VECLIB_MAXIMUM_THREADS",
)


def ordered_map[Item, Result](
    function: Callable[[Item], Result], items: Iterable[Item], *, processes: int, chunk: int = 16
) -> Generator[Result]:
    """Yield function(item) for every item, in order, computed in `processes` processes.

    Items are drawn as they are needed, so the input may be huge or endless. With one process, or
    at most one chunk of items, everything runs in the calling process. Workers are spawned, not
    forked (a fork of a process with jax's threads may hang), and end with their parent, however
    it ends.

    Args:
      function: importable from a module; it and the items are pickled.
      items: any iterable.
      processes: 0 is one per core.
      chunk: items sent at a time, at most.
    """
    processes = processes or available_cores()
    items = iter(items)
    ahead = list(itertools.islice(items, chunk + 1))
    items = itertools.chain(ahead, items)
    if processes == 1 or len(ahead) <= chunk:
        yield from map(function, items)
        return
    with Workers(processes) as workers:
        yield from workers.map(function, items, chunk=chunk)


class Workers:
    """Worker processes that can be started before their task is known.

    A worker takes a second or more to load its modules; meanwhile the parent may load its own.
    Leaving the context ends the workers.

    Args:
      processes: how many.
      prepare: called in each at its start, to load modules; importable from a module.
    """

    def __init__(self, processes: int, prepare: Callable[[], object] | None = None) -> None:
        self.processes = processes
        self._executor = concurrent.futures.ProcessPoolExecutor(
            processes, mp_context=multiprocessing.get_context("spawn"), initializer=_end_with_parent
        )
        if prepare is not None:
            for _ in range(processes):  # each call starts one
                self._submit(prepare)

    def map[Item, Result](
        self, function: Callable[[Item], Result], items: Iterable[Item], *, chunk: int
    ) -> Generator[Result]:
        """Return a generator of function(item) for every item, in order.

        The first items are sent at once, later ones as they are needed.
        """
        chunks = _pickled(items, chunk)
        waiting = collections.deque(
            self._submit(_do_chunk, function, some)
            for some in itertools.islice(chunks, 4 * self.processes)
        )

        def results() -> Generator[Result]:
            while waiting:
                found = waiting.popleft().result()
                for some in itertools.islice(chunks, 1):
                    waiting.append(self._submit(_do_chunk, function, some))
                yield from found

        return results()

    def __enter__(self) -> "Workers":
        return self

    def __exit__(self, *_: object) -> None:
        self._executor.shutdown(cancel_futures=True)

    def _submit(self, function: Callable, *given: object) -> concurrent.futures.Future:
        # A submit may start a process, which inherits both settings.
        with _environment(dict.fromkeys(_ONE_THREAD, "1")), _interrupts_blocked():
            return self._executor.submit(function, *given)


def available_cores() -> int:
    """Return the number of cores that this process may use (a job's share of a node)."""
    if hasattr(os, "sched_getaffinity"):  # not on macOS
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _pickled(items: Iterable, most: int) -> Generator[list[bytes]]:
    """Yield chunks of pickled items: `most` each, or fewer that together exceed `_CHUNK_BYTES`."""
    chunk: list[bytes] = []
    for item in items:
        chunk.append(pickle.dumps(item))
        if len(chunk) == most or sum(map(len, chunk)) > _CHUNK_BYTES:
            yield chunk
            chunk = []
    if chunk:
        yield chunk


def _do_chunk(function: Callable, items: list[bytes]) -> list:
    return [function(pickle.loads(item)) for item in items]


def _end_with_parent() -> None:
    """Make a worker end when its parent is killed."""
    parent = multiprocessing.parent_process()
    assert parent is not None

    def watch() -> None:
        parent.join()
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


@contextlib.contextmanager
def _interrupts_blocked() -> Generator[None]:
    """Block Ctrl-C, permanently in the processes started meanwhile: only the parent handles it.

    They inherit this, because a process that is still starting cannot have blocked it itself.
    """
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


@contextlib.contextmanager
def _environment(values: dict[str, str]) -> Generator[None]:
    """Set environment variables for processes started meanwhile, then restore them."""
    before = {name: os.environ.get(name) for name in values}
    os.environ.update(values)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value
