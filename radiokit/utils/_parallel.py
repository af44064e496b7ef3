"""One parallel loop for the whole library, and a progress bar if asked."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sized
from contextlib import closing
from typing import Any, TypeVar

from radiokit.utils._workers import in_order, raise_if_lost

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
        Takes one item. For more than one worker it is sent to other processes by cloudpickle.
    items : iterable
        What to work on. Give it a length if `progress` is to show a total.
    {n_jobs} {progress}
    description : str
        Text before the bar.

    Returns
    -------
    list
        The results, in the order of `items`.

    Raises
    ------
    WorkerDiedError
        If the process that worked on an item was killed or crashed.

    Notes
    -----
    Other processes take about two seconds to start, on a busy machine longer. Items are worked on in this process, one
    after the other, until their measured times show that several processes would save more than that: with t seconds
    for an item, m items left and w workers, when t · m · (1 - 1 / w) exceeds the time of the start. So small jobs
    are no slower with two workers than with one. A backend chosen by ``joblib.parallel_config`` is used: threads of
    this process, or the workers of a cluster.

    Examples
    --------
    >>> parallel_map(abs, [-1, 2, -3])
    [1, 2, 3]
    """
    known = items if isinstance(items, Sized) else list(items)
    with closing(in_order(function, known, total=len(known), n_jobs=n_jobs)) as results:
        bar = track(results, total=len(known), description=description, disable=not progress)
        return [raise_if_lost(result) for result in bar]


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
    # rich loads in 50 ms; only runs that show the bar load it.
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
