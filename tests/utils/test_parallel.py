"""Workers change nothing but the time: the same results, the same warnings, and nothing of the user's is touched."""

from __future__ import annotations

import os
import threading
import time
import warnings
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from cohort_tasks import sum_of_products
from joblib import Parallel, delayed, effective_n_jobs, parallel_config
from threadpoolctl import threadpool_info

from radiokit.exceptions import DataWarning, WorkerDiedError
from radiokit.utils import CaseResult, _workers, collect_warnings, content_hash, one_thread, parallel_map, run_cases


@pytest.fixture
def processes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Other processes always pay, once the first item is done."""
    monkeypatch.setattr(_workers, "START_SECONDS", -1.0)


@pytest.mark.usefixtures("processes")
def test_processes_change_nothing(tmp_path: Path) -> None:
    """One pool for all of these, as it takes seconds to start: order, bits, closures, workers within, warnings."""
    assert parallel_map(lambda x: x * x, range(50), n_jobs=2) == [x * x for x in range(50)]
    with one_thread():
        alone = [sum_of_products(seed) for seed in range(4)]
    assert parallel_map(sum_of_products, range(4), n_jobs=2) == alone
    offset = 3
    pids = parallel_map(lambda x: (x + offset, os.getpid()), range(6), n_jobs=2)
    assert [value for value, _ in pids] == [3, 4, 5, 6, 7, 8]
    assert {pid for _, pid in pids} - {os.getpid()}
    assert parallel_map(lambda _: effective_n_jobs(4), range(4), n_jobs=2) == [1] * 4
    with pytest.raises(ZeroDivisionError):
        parallel_map(lambda x: 1 / x, [1, 1, 0], n_jobs=2)
    with pytest.warns(DataWarning) as caught:
        parallel_map(lambda x: warnings.warn(f"odd {x}", DataWarning, stacklevel=1), range(4), n_jobs=2)
    assert sorted(str(w.message) for w in caught) == [f"odd {x}" for x in range(4)]
    here = os.getcwd()
    os.chdir(tmp_path)
    try:  # a process that was started elsewhere would look for relative paths there
        assert set(parallel_map(lambda _: os.getcwd(), range(4), n_jobs=2)) == {str(tmp_path)}
    finally:
        os.chdir(here)
    with pytest.raises(WorkerDiedError, match="ended with status 1"):
        parallel_map(lambda x: os._exit(1) if x == 3 else x, range(6), n_jobs=2)


@pytest.mark.usefixtures("processes")
def test_an_error_does_not_wait_for_the_others() -> None:
    def wait_or_fail(x: int) -> None:
        if x == 1:
            raise ValueError("one")
        time.sleep(600 * x)

    with pytest.raises(ValueError, match="one"):
        parallel_map(wait_or_fail, [0, 1, 2, 3], n_jobs=2)


def test_small_work_is_done_here() -> None:
    """Thirty items of 10 ms take less time than it takes to start a process."""
    found = parallel_map(lambda _: time.sleep(0.01) or os.getpid(), range(30), n_jobs=2)
    assert set(found) == {os.getpid()}


def test_long_work_is_not(monkeypatch: pytest.MonkeyPatch) -> None:
    """The decision, without the processes: which items are handed on."""
    handed = []
    monkeypatch.setattr(_workers._InProcesses, "__call__", lambda self, item: handed.append(item) or _workers.Answer(0))
    monkeypatch.setattr(_workers, "PATIENCE_SECONDS", 0.2)
    monkeypatch.setattr(_workers, "_load", lambda: 1.0)
    clock = iter(np.cumsum([0.0, 0.0, 0.5, 0.0, 0.5, 0.0, 0.5]).tolist())  # items of half a second
    monkeypatch.setattr(_workers.time, "monotonic", lambda: next(clock))
    work = _workers._WherePays(lambda x: x, total=12, workers=2)
    for item in range(12):
        work(item)
    # The first may have loaded code; after the second, 10 items of 0.5 s on two workers would save 2.5 of 5 s.
    assert handed == list(range(2, 12))


def test_a_busy_machine_makes_a_start_dearer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_workers, "_load", lambda: 0.0)
    free = _workers._WherePays(abs, total=12, workers=2).start
    monkeypatch.setattr(_workers, "_load", lambda: 10.0)
    assert _workers._WherePays(abs, total=12, workers=2).start == 10 * free == 10 * _workers.START_SECONDS


def test_an_item_that_takes_long_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_workers._InProcesses, "__call__", lambda self, item: _workers.Answer("there"))
    monkeypatch.setattr(_workers, "PATIENCE_SECONDS", 0.1)
    first = threading.Event()

    def wait(x: int) -> str:
        first.wait(10)
        return "here"

    def found() -> list[str]:
        return list(_workers.in_order(wait, range(3), total=3, n_jobs=2))

    with ThreadPoolExecutor(1) as thread:
        results = thread.submit(found)
        time.sleep(0.5)
        first.set()
        assert results.result() == ["here", "there", "there"]


def test_threads_that_the_user_chose_are_used() -> None:
    def where(x: int) -> tuple[int, str]:
        time.sleep(0.02)
        return os.getpid(), threading.current_thread().name

    with parallel_config(backend="threading", n_jobs=2):
        found = parallel_map(where, range(8))
    assert {pid for pid, _ in found} == {os.getpid()} and len({name for _, name in found}) == 2


def test_a_pool_of_the_user_stays() -> None:
    """A call with other arguments would replace it by another, all of whose workers are new."""
    before = set(Parallel(n_jobs=2)(delayed(os.getpid)() for _ in range(20)))
    cases = pd.DataFrame({"value": np.arange(6.0)}, index=list("abcdef"))
    run_cases(cases, lambda case_id, row: {"value": row["value"]}, n_jobs=2)
    parallel_map(abs, range(4), n_jobs=2)
    assert set(Parallel(n_jobs=2)(delayed(os.getpid)() for _ in range(20))) & before


# ---------------------------------------------------------------------------------- what belongs to the whole process


def warns(case_id: str, row: pd.Series) -> CaseResult:
    """Every tenth case warns, in the middle of its work."""
    time.sleep(0.002)
    if int(case_id) % 10 == 0:
        warnings.warn("flat region", DataWarning, stacklevel=2)
        warnings.warn(f"odd {case_id}", DataWarning, stacklevel=2)
    time.sleep(0.002)
    return CaseResult({"value": float(row["value"])})


def said(cases: pd.DataFrame, **options: object) -> list[str]:
    with pytest.warns(DataWarning) as caught:
        run_cases(cases, warns, **options)  # type: ignore[arg-type]
    return [str(w.message) for w in caught]


def test_warnings_name_the_right_cases_in_threads_and_out_of_the_cache(tmp_path: Path) -> None:
    cases = pd.DataFrame({"value": np.arange(200.0)}, index=[f"{i:03d}" for i in range(200)])
    expected = ["flat region (20 of 200 cases: 000, 010, 020, 030, 040, ...)"]
    expected += [f"odd {i:03d} (1 of 200 cases: {i:03d})" for i in range(0, 200, 10)]
    before = list(warnings.filters)
    with parallel_config(backend="threading", n_jobs=8):
        found = said(cases, cache=tmp_path, key=lambda row: content_hash(repr(row["value"])))
    assert found == expected
    assert said(cases, cache=tmp_path, key=lambda row: content_hash(repr(row["value"]))) == expected
    assert warnings.filters == before


def test_threads_of_the_user_get_their_own_warnings() -> None:
    cases = pd.DataFrame({"value": np.arange(20.0)}, index=[f"{i:03d}" for i in range(20)])
    before, show = list(warnings.filters), warnings.showwarning
    start = threading.Barrier(4)

    def collect(first: int) -> list[str]:
        start.wait()
        with collect_warnings() as collected:
            run_cases(cases.set_axis([f"{first + i:03d}" for i in range(20)]), warns)
        return [str(w.message) for w in collected]

    with ThreadPoolExecutor(4) as threads:
        found = list(threads.map(collect, range(0, 80, 20)))
    for first, texts in zip(range(0, 80, 20), found, strict=True):
        one, two = f"{first:03d}", f"{first + 10:03d}"
        assert texts == [
            f"flat region (2 of 20 cases: {one}, {two})",
            f"odd {one} (1 of 20 cases: {one})",
            f"odd {two} (1 of 20 cases: {two})",
        ]
    assert warnings.filters == before and warnings.showwarning is show


def test_a_thread_that_does_not_collect_keeps_its_filters() -> None:
    """While others collect, what was to be an error is one, what was to be ignored is."""
    found: list[object] = []

    def warn() -> None:
        try:
            warnings.warn("an error", DataWarning, stacklevel=1)
        except DataWarning as error:
            found.append(error)
        warnings.warn("a detail", DeprecationWarning, stacklevel=1)

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        with collect_warnings() as collected:
            thread = threading.Thread(target=warn)
            thread.start()
            thread.join()
    assert len(found) == 1 and not collected


def test_one_thread_is_held_until_the_last_one_leaves() -> None:
    """Two Python threads that ask for it: the first to leave must not set the number back under the other."""

    def blas() -> int:
        return max(p["num_threads"] for p in threadpool_info() if p["user_api"] == "blas")

    before, inside, left = blas(), threading.Event(), threading.Event()

    def first() -> None:
        with one_thread():
            inside.set()
            left.wait(10)

    thread = threading.Thread(target=first)
    thread.start()
    inside.wait(10)
    with one_thread():
        left.set()
        thread.join()
        assert blas() == 1
    assert blas() == before
