"""Where the items of a run are worked on: in this process, in its threads, in other processes, or on a cluster."""

from __future__ import annotations

import os
import threading
import time
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextvars import copy_context
from itertools import islice
from typing import Any

from radiokit.exceptions import ExtractionError
from radiokit.utils._limits import Limits
from radiokit.utils._pool import Busy, ChildWork
from radiokit.utils._process import Answer
from radiokit.utils._threads import one_thread
from radiokit.utils.warned import give_again

# Backends of joblib that work on this machine; any other is asked to carry the work to its own workers.
THREADS, PROCESSES = ("ThreadingBackend", "SequentialBackend"), ("LokyBackend", "MultiprocessingBackend")
AHEAD = 8  # items handed out for each worker: one that takes long does not stop the others at once
START_SECONDS = 2.0  # what it costs to start processes on a machine that is free
LOADING_SECONDS = 3.0  # how much of the time of the first item may be the loading of code
PATIENCE_SECONDS = 8.0  # an item that takes longer is not waited for


def in_order(
    function: Callable[[Any], Any],
    items: Iterable[Any],
    *,
    total: int,
    n_jobs: int | None,
    limits: Limits | None = None,
    ahead: int | None = None,
) -> Generator[Any, None, None]:
    """Yield the result of a function for each item, in order.

    joblib's ``parallel_config`` chooses where the work is done. With `limits` each item is worked on in a process that
    may be ended; where that happens, or the process dies, an ExtractionError is yielded. `ahead` is how many results
    may wait to be taken. An exception of the function is raised, and stops the other items.
    """
    from joblib import effective_n_jobs
    from joblib.parallel import get_active_backend

    workers, backend = effective_n_jobs(n_jobs), type(get_active_backend()[0]).__name__
    if backend not in THREADS + PROCESSES:
        yield from _on_a_cluster(ChildWork.of(function, limits or Limits()), items, n_jobs, ahead)
    elif limits is not None:
        yield from _in_threads(_InProcesses(function, limits), items, workers, ahead)
    elif workers == 1:
        yield from map(function, items)
    elif backend in THREADS:
        yield from _in_threads(_Here(function), items, workers, ahead)
    else:
        yield from _in_threads(_WherePays(function, total, workers), items, workers, ahead)


def _in_threads(work: _Here, items: Iterable[Any], workers: int, ahead: int | None) -> Iterator[Any]:
    """Let threads of this process take the items; closing this iterator stops them."""
    most = min(AHEAD * workers, ahead or AHEAD * workers)
    waiting: deque[Future[Answer]] = deque()
    threads = ThreadPoolExecutor(workers, "radiokit", initializer=_work_alone)
    remaining = iter(items)
    try:
        for item in islice(remaining, most):
            waiting.append(threads.submit(copy_context().run, work, item))
        while waiting:
            answer = waiting.popleft().result()
            for item in islice(remaining, 1):
                waiting.append(threads.submit(copy_context().run, work, item))
            give_again(answer.warned)
            yield answer.value
    finally:
        work.stop()
        threads.shutdown(cancel_futures=True)


def _on_a_cluster(work: ChildWork, items: Iterable[Any], n_jobs: int | None, ahead: int | None) -> Iterator[Any]:
    """Let a backend of joblib carry the items; each worker there holds a process that a bad item may bring down."""
    from joblib import Parallel, delayed

    remaining = iter(items)
    while part := list(islice(remaining, ahead)):
        answers = Parallel(n_jobs=n_jobs, return_as="generator")(delayed(work)(item) for item in part)
        try:
            for answer in answers:
                give_again(answer.warned)
                yield answer.value
        finally:
            answers.close()


def _work_alone() -> None:
    """Let whatever this thread works on do all of its own work in this thread."""
    from joblib import parallel_config

    parallel_config(backend="sequential")


class _Here:
    """Work in this process."""

    def __init__(self, function: Callable[[Any], Any]) -> None:
        self.function = function

    def __call__(self, item: Any) -> Answer:
        with one_thread():
            return Answer(self.function(item))

    def stop(self) -> None:
        """Nothing can stop a thread: it ends with its item."""


class _InProcesses(_Here):
    """Work in other processes, each held by a thread of this one."""

    def __init__(self, function: Callable[[Any], Any], limits: Limits) -> None:
        super().__init__(function)
        self.limits, self.busy = limits, Busy()
        self.lock = threading.Lock()
        self.sent: ChildWork | None = None

    def __call__(self, item: Any) -> Answer:
        with self.lock:
            if self.sent is None:
                self.sent = ChildWork.of(self.function, self.limits)
        return self.sent(item, self.busy)

    def stop(self) -> None:
        self.busy.stop()


class _WherePays(_InProcesses):
    """Work here, one item at a time, until the times of the items say that other processes would save more.

    They take about two seconds to start and to load the code, which is longer than a hundred small cases take; on a
    machine with more work than cores they take as much longer as there is more work.
    """

    def __init__(self, function: Callable[[Any], Any], total: int, workers: int) -> None:
        from joblib import cpu_count

        super().__init__(function, Limits())
        self.left, self.gain = total, 1 - 1 / min(workers, cpu_count())
        self.start = START_SECONDS * max(1.0, _load())
        self.turn, self.paid = threading.Lock(), False
        self.last: float | None = None
        self.begun = time.monotonic()  # with the item that is worked on here

    def __call__(self, item: Any) -> Answer:
        while not self.paid:
            if not self.turn.acquire(timeout=PATIENCE_SECONDS):
                self.paid = time.monotonic() - self.begun > PATIENCE_SECONDS
                continue
            try:
                if not self.paid:
                    return self._timed(item)
            finally:
                self.turn.release()
        return super().__call__(item)

    def _timed(self, item: Any) -> Answer:
        self.begun = time.monotonic()
        answer = _Here.__call__(self, item)
        seconds = time.monotonic() - self.begun
        self.left -= 1
        usual = max(0.0, seconds - LOADING_SECONDS) if self.last is None else min(seconds, self.last)
        self.last = seconds
        self.paid = usual * self.left * self.gain > self.start
        return answer


def _load() -> float:
    """Return how many processes wanted each core in the last minute, 0 on systems that do not count them.

    Both numbers are those of the whole machine: a container of few cores on a large machine is not busy by that alone.
    """
    try:
        return os.getloadavg()[0] / (os.cpu_count() or 1)
    except (AttributeError, OSError):  # Windows
        return 0.0


def raise_if_lost(result: Any) -> Any:
    """Return a result, or raise the error that stands for it."""
    if isinstance(result, ExtractionError):
        raise result
    return result
