"""One parallel loop for the whole library: joblib outside, one thread inside, a progress bar if asked.

joblib brings asyncio and takes 0.1 s: it is imported where workers are asked for, so that a single case does not wait.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Iterator, Sized
from contextlib import suppress
from typing import Any, TypeVar

from radiokit.utils._forked import can_fork, forked_iter, starts_loky
from radiokit.utils._threads import one_thread

__all__ = ["one_thread", "parallel_iter", "parallel_map", "track"]

Item = TypeVar("Item")
Result = TypeVar("Result")


def parallel_map(
    function: Callable[[Item], Result],
    items: Iterable[Item],
    *,
    n_jobs: int | None = None,
    progress: bool = False,
    description: str = "",
) -> list[Result]:
    """Apply `function` to each item, in order, on `n_jobs` joblib workers.

    Parameters
    ----------
    function : callable
        Takes one item; must be picklable for more than one worker.
    items : iterable
        What to work on. Give it a length if `progress` is to show a total.
    n_jobs : int or None
        As in joblib: None is 1 unless in a ``joblib.parallel_config`` context, -1 is all cores.
    progress : bool
        Show a bar on standard error.
    description : str
        Text before the bar.

    Returns
    -------
    list
        The results, in the order of `items`.

    Examples
    --------
    >>> parallel_map(abs, [-1, 2, -3])
    [1, 2, 3]
    """
    return list(parallel_iter(function, items, n_jobs=n_jobs, progress=progress, description=description))


def parallel_iter(
    function: Callable[[Item], Result],
    items: Iterable[Item],
    *,
    n_jobs: int | None,
    progress: bool,
    description: str,
) -> Iterator[Result]:
    """Yield what `parallel_map` would return, in order, as it is done; closing the iterator drops the rest."""
    from joblib import Parallel, delayed, effective_n_jobs

    total = len(items) if isinstance(items, Sized) else None
    n_workers = effective_n_jobs(n_jobs)
    results: Generator[Result, None, None]
    if n_workers > 1 and can_fork():
        results = forked_iter(function, items, n_workers)
    else:
        started = {"initializer": _let_workers_grow} if starts_loky() else {}
        results = Parallel(n_jobs=n_jobs, return_as="generator", **started)(delayed(function)(item) for item in items)
    try:
        yield from track(results, total=total, description=description, disable=not progress)
    finally:
        results.close()


def _let_workers_grow() -> None:
    """Keep loky from ending a worker that has grown by 300 MB since its first task.

    Loky takes that for a leak, warns, and starts another. But a worker that crossvalidates a logistic model first and a
    network next has only loaded torch. Without psutil loky does not look at all, but collects garbage: so here.
    """
    with suppress(ImportError):
        from joblib.externals.loky import process_executor

        process_executor._USE_PSUTIL = False


def track(items: Iterable[Any], *, total: int | None, description: str, disable: bool) -> Iterator[Any]:
    """Pass items through while a bar on standard error shows how far it is.

    Parameters
    ----------
    items : iterable
        What to pass through.
    total : int or None
        How many are expected.
    description : str
        Text before the bar.
    disable : bool
        Show nothing.

    Yields
    ------
    object
        Each item.

    Examples
    --------
    >>> list(track("ab", total=2, description="", disable=True))
    ['a', 'b']
    """
    if disable:
        yield from items
        return
    # rich loads in 50 ms; only those who look at the bar pay for it.
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=Console(stderr=True)) as bar:
        yield from bar.track(items, total=total, description=description)
