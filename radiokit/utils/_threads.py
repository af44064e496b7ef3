"""Linear algebra on one thread."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from functools import cache
from typing import Any

from threadpoolctl import ThreadpoolController


def one_thread() -> AbstractContextManager[Any]:
    """Hold linear algebra to one thread: how a sum is split among threads changes its last bit.

    Returns
    -------
    context manager
        Inside of it BLAS runs on one thread, so that no value depends on the machine or on n_jobs.

    Examples
    --------
    >>> import numpy as np
    >>> with one_thread():
    ...     float(np.ones(3) @ np.ones(3))
    3.0
    """
    return nullcontext() if _held.for_good else _thread_pools().limit(limits=1)


@cache
def _thread_pools() -> ThreadpoolController:
    return ThreadpoolController()


class _Held:
    """Whether this process was forked from one that holds to one thread.

    Then it does so itself, and must not say it again: OpenBLAS would answer by starting its threads anew, which spin
    for a tenth of a second.
    """

    for_good = False


_held = _Held()


def hold_for_good() -> None:
    """Say, in a process forked inside of `one_thread`, that it stays so."""
    _held.for_good = True
