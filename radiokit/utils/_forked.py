"""Workers that start in a hundredth of a second: copies of this process, where it can be copied safely.

A new process imports and links for two seconds before it computes anything, which is longer than thirty small cases
take. A fork has everything at once. It copies one thread of the process only, so it is safe where no other holds a
lock: elsewhere, and on other systems than Linux, joblib starts its own workers.
"""

from __future__ import annotations

import multiprocessing
import sys
import threading
from collections import deque
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import Future, ProcessPoolExecutor
from typing import Any, TypeVar

from threadpoolctl import ThreadpoolController

from radiokit.utils._threads import hold_for_good, one_thread

Item = TypeVar("Item")
Result = TypeVar("Result")
AHEAD = 8  # items handed out for each worker: one that takes long does not stop the others at once


def starts_loky() -> bool:
    """Tell whether joblib would start its own processes: no other backend was asked for."""
    from joblib._parallel_backends import LokyBackend
    from joblib.parallel import get_active_backend

    return type(get_active_backend()[0]) is LokyBackend


def can_fork() -> bool:
    """Tell whether joblib's default would start processes, and copies of this one are safe.

    OpenBLAS ends its threads before a fork and starts new ones after it; the pools of OpenMP do not survive.
    """
    if sys.platform != "linux" or threading.active_count() > 1 or not starts_loky():
        return False
    pools = ThreadpoolController().info()
    return all(p["internal_api"] == "openblas" and p["threading_layer"] == "pthreads" for p in pools)


def forked_iter(
    function: Callable[[Item], Result], items: Iterable[Item], n_workers: int
) -> Generator[Result, None, None]:
    """Yield the results in order; a worker that dies raises BrokenProcessPool, and closing ends the workers."""
    pool = ProcessPoolExecutor(
        n_workers, mp_context=multiprocessing.get_context("fork"), initializer=_prepare, initargs=(function,)
    )
    waiting: deque[Future[Result]] = deque()
    with one_thread():
        try:
            for item in items:
                waiting.append(pool.submit(_call, item))
                if len(waiting) >= AHEAD * n_workers:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            if waiting:  # closed before the end: nobody will read what they still compute
                for worker in list(pool._processes.values()):
                    worker.terminate()
            pool.shutdown(cancel_futures=True)


def _prepare(function: Callable[[Any], Any]) -> None:
    """Remember what to do; whatever it does in turn, it does in this process, on one thread."""
    from joblib import parallel_config

    _call.function = function  # type: ignore[attr-defined]
    parallel_config(backend="sequential")
    hold_for_good()


def _call(item: Any) -> Any:
    return _call.function(item)  # type: ignore[attr-defined]
