"""Workers that are copies of this process: the same results as any others, and nothing left behind."""

from __future__ import annotations

import multiprocessing
import os
import subprocess
import sys
import threading
import time
from concurrent.futures.process import BrokenProcessPool

import cohort_tasks
import numpy as np
import pytest
from joblib import effective_n_jobs, parallel_config

from radiokit.utils import _parallel, one_thread, parallel_map
from radiokit.utils._forked import can_fork, forked_iter

linux = pytest.mark.skipif(sys.platform != "linux", reason="other systems do not fork safely")


def square(x: int) -> int:
    return x * x


def sum_of_products(seed: int) -> float:
    with one_thread():
        a = np.random.default_rng(seed).normal(size=(200, 200))
        return float((a @ a).sum())


def die_at_three(x: int) -> int:
    if x == 3:
        os._exit(1)
    return x


def forked_children() -> list[str]:
    """Workers of this test; joblib may keep its own from another one."""
    return [child.name for child in multiprocessing.active_children() if not child.name.startswith("Loky")]


@linux
def test_the_order_is_that_of_the_items() -> None:
    assert list(forked_iter(square, range(50), 2)) == [x * x for x in range(50)]
    assert not forked_children()


@linux
def test_no_bit_depends_on_the_workers() -> None:
    assert list(forked_iter(sum_of_products, range(4), 2)) == [sum_of_products(seed) for seed in range(4)]


@linux
def test_what_is_not_picklable_may_be_the_function() -> None:
    offset = 3
    assert list(forked_iter(lambda x: x + offset, range(3), 2)) == [3, 4, 5]


@linux
def test_a_worker_has_no_workers_of_its_own() -> None:
    assert list(forked_iter(lambda _: effective_n_jobs(4), range(2), 2)) == [1, 1]


@linux
def test_a_worker_that_dies_is_an_error_and_not_a_wait() -> None:
    with pytest.raises(BrokenProcessPool):
        list(forked_iter(die_at_three, range(6), 2))


@linux
def test_an_exception_arrives() -> None:
    with pytest.raises(ZeroDivisionError):
        list(forked_iter(lambda x: 1 / x, [1, 0], 2))


@linux
def test_closing_ends_the_workers() -> None:
    results = forked_iter(lambda seconds: time.sleep(seconds), [0, 600, 600], 2)
    next(results)
    results.close()
    assert not forked_children()


@linux
def test_other_threads_forbid_a_copy() -> None:
    done = threading.Event()
    other = threading.Thread(target=done.wait)
    other.start()
    try:
        assert not can_fork()
    finally:
        done.set()
        other.join()


def test_a_backend_that_was_chosen_is_used() -> None:
    with parallel_config(backend="threading", n_jobs=2):
        assert not can_fork()
        assert parallel_map(lambda _: os.getpid(), [1]) == [os.getpid()]


@linux
def test_openmp_forbids_a_copy() -> None:
    """Its threads do not survive one; OpenBLAS has handlers for it."""
    code = (
        "import numpy; from radiokit.utils._forked import can_fork; first = can_fork(); "
        "import sklearn.cluster; assert (first, can_fork()) == (True, False), (first, can_fork())"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.filterwarnings("ignore:A worker stopped")  # an error in joblib's own thread would be a wait
def test_a_worker_that_has_grown_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    """A network after a logistic model loads torch: no leak that a new worker would mend, and nothing to warn of."""
    pytest.importorskip("psutil", reason="joblib looks at memory by psutil only")
    monkeypatch.setattr(_parallel, "can_fork", lambda: False)
    small = parallel_map(cohort_tasks.grow, [1, 1], n_jobs=2)
    large = parallel_map(cohort_tasks.grow, [400, 400, 1, 1], n_jobs=2)
    assert set(large) <= set(small)
