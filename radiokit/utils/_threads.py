"""Linear algebra on one thread, also where several Python threads ask for it at the same time."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import cache

from threadpoolctl import ThreadpoolController


@contextmanager
def one_thread() -> Iterator[None]:
    """Hold linear algebra to one thread: how a sum is split among threads changes its last bit.

    Yields
    ------
    None
        Inside of it BLAS runs on one thread, so that no value depends on the machine or on n_jobs.

    Notes
    -----
    The number of threads belongs to the whole process. The first of several Python threads that come here sets it to
    one, and the last that leaves sets it back.

    Examples
    --------
    >>> import numpy as np
    >>> with one_thread():
    ...     float(np.ones(3) @ np.ones(3))
    3.0
    """
    _hold.enter()
    try:
        yield
    finally:
        _hold.leave()


class _Hold:
    """How many threads of this process want one thread, and what there was before the first of them."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.inside = 0
        self.before = ExitStack()

    def renew_lock(self) -> None:
        self.lock = threading.Lock()

    def enter(self) -> None:
        with self.lock:
            if self.inside == 0:
                self.before.enter_context(_thread_pools().limit(limits=1))
            self.inside += 1

    def leave(self) -> None:
        with self.lock:
            self.inside -= 1
            if self.inside == 0:
                self.before.close()


@cache
def _thread_pools() -> ThreadpoolController:
    return ThreadpoolController()


_hold = _Hold()
if hasattr(os, "register_at_fork"):  # a copy of this process must not wait for a thread that it does not have
    os.register_at_fork(after_in_child=_hold.renew_lock)
