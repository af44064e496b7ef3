"""One runner for what is computed case by case: no lost patients, a cache that survives a kill, any joblib backend."""

from __future__ import annotations

import os
import warnings
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, replace
from functools import partial
from typing import NoReturn

import numpy as np
import pandas as pd

from radiokit.exceptions import CaseTableError, ParameterError
from radiokit.utils._batches import Finish, in_batches
from radiokit.utils._cache import CaseCache
from radiokit.utils._isolation import Limits, isolated_iter
from radiokit.utils._join import side_by_side
from radiokit.utils._one_case import Compute, Item, Outcome, failure, run_case
from radiokit.utils._parallel import parallel_iter, track


@dataclass(frozen=True, eq=False, repr=False)
class Extraction:
    """A feature table with what failed and where every row comes from.

    Parameters
    ----------
    features : DataFrame of shape (n_cases, n_features)
        Index ``case_id`` in the order of the case table, one column a feature. A failed case keeps its row, all NaN.
    failures : DataFrame
        A row a failed case: ``case_id``, ``error`` (class of the error), ``message``.
    provenance : DataFrame
        A row a case: ``cached`` (taken from the cache), ``seconds`` it took to compute, and what `compute` reports.

    Examples
    --------
    >>> import pandas as pd
    >>> cases = pd.DataFrame({"size": [1.0, 4.0]}, index=pd.Index(["a", "b"], name="case_id"))
    >>> run_cases(cases, lambda case_id, row: {"root": row["size"] ** 0.5})
    Extraction(2 cases, 1 features, 0 failures)
    """

    features: pd.DataFrame
    failures: pd.DataFrame
    provenance: pd.DataFrame

    def __repr__(self) -> str:
        cases, features = self.features.shape
        return f"Extraction({cases} cases, {features} features, {len(self.failures)} failures)"

    def join(self, other: Extraction) -> Extraction:
        """Put the features of another extractor beside these, by case id.

        Parameters
        ----------
        other : Extraction
            Of the same cases, in any order, with other columns.

        Returns
        -------
        Extraction
            In the order of this one; a case has failures of either.

        Raises
        ------
        CaseTableError
            If one lacks cases of the other, or both have the same column.
        """
        return Extraction(*side_by_side(self, other))


Task = Callable[[Item], Outcome]
SOME = 5  # ids that a warning names
ON_THIS_MACHINE = ("LokyBackend", "MultiprocessingBackend", "SequentialBackend", "ThreadingBackend")
# Prepared cases that may wait for the second step.
WINDOW = 128


class _WorkerTracebackError(Exception):
    """Shows, as the cause of an error, where in the worker it was raised."""


def run_cases(
    cases: pd.DataFrame,
    compute: Compute,
    *,
    columns: Iterable[str] | None = None,
    key: Callable[[pd.Series], str] | None = None,
    n_jobs: int | None = None,
    on_error: str = "raise",
    cache: str | os.PathLike[str] | None = None,
    limits: Limits | None = None,
    finish: Finish | None = None,
    progress: bool = False,
    description: str = "Cases",
) -> Extraction:
    """Compute one row of features for each case, in order, and lose none.

    Parameters
    ----------
    cases : DataFrame
        A row a case, with unique ids as index.
    compute : callable
        ``compute(case_id, row)`` returns a mapping of feature to value, or a `CaseResult` where it has provenance to
        report. It must be picklable for more than one worker, and depend on nothing but its arguments.
    columns : iterable of str, optional
        The features that every case has. Without it the columns are those found, in order of appearance.
    key : callable, optional
        ``key(row)`` names a case for the cache by what decides its result: use `content_hash` of settings and files.
        Required with `cache`.
    n_jobs : int or None
        joblib workers; never changes the result.
    on_error : {"raise", "nan"}
        Stop with the first failing case, or keep its row as NaN and record it in `Extraction.failures`.
    cache : path, optional
        Folder of finished cases. Each is stored as soon as it is done, so a run that was killed goes on where it was;
        damaged entries are computed again. Failed cases are not stored.
    limits : Limits, optional
        Seconds and memory for each case, which then runs in a process of its own that is ended when it takes more;
        such a case fails with `CaseTimeoutError` or `CaseMemoryError`.
    finish : callable, optional
        Second step in this process, over `finish.size` cases at once, while workers prepare the next ones: `compute`
        then returns `Prepared`, and ``finish(payloads)`` a mapping of feature to value, or an error, for each.
    progress : bool
        Show a bar on standard error.
    description : str
        Text before the bar.

    Returns
    -------
    Extraction
        Features, failures and provenance.

    Raises
    ------
    CaseTableError
        If ids repeat or are missing.
    ParameterError
        If `on_error` is unknown, or `cache` is given without `key`.
    FileError
        If the cache cannot be written.
    RadiokitError
        With ``on_error="raise"``, the error of the first failing case, in the order of the table, with its id in the
        message; an unexpected exception arrives as `ExtractionError`.

    Notes
    -----
    Warnings of the computation are collected and given once for each text, with the ids of the cases they concern;
    those of radiokit are kept in the cache, so that a second run does not hide what the first one said.

    With several workers or with `limits`, a case that takes its process down (want of memory, a crash in a library)
    fails with `WorkerDiedError`, and the rest goes on; with one worker and without limits it is this process that dies.

    Examples
    --------
    >>> import pandas as pd
    >>> cases = pd.DataFrame({"size": [1.0, 0.0]}, index=pd.Index(["a", "b"], name="case_id"))
    >>> done = run_cases(cases, lambda case_id, row: {"inverse": 1 / float(row["size"])}, on_error="nan")
    >>> done.features["inverse"].tolist()
    [1.0, nan]
    >>> done.failures.loc[0, ["case_id", "error"]].tolist()
    ['b', 'ZeroDivisionError']
    """
    check_cases(cases, on_error=on_error, keyed=key is not None or cache is None)
    store = None if cache is None else CaseCache(cache)
    if store is not None:
        store.prepare()
    names = None if columns is None else tuple(columns)
    task = partial(run_case, compute=compute, key=key, cache=store, columns=names)
    # Generators are closed from the outside in, so nothing else may hold one of them.
    stream = track(
        _sharing_names(in_steps(cases, task, finish, cache=store, columns=names, n_jobs=n_jobs, limits=limits)),
        total=len(cases),
        description=description,
        disable=not progress,
    )
    outcomes = list(stream) if on_error == "nan" else _until_failure(stream)
    heard = Heard()
    for outcome in outcomes:
        heard.add(outcome.case_id, outcome.warnings)
    heard.warn(len(outcomes))
    return _assemble(cases.index, outcomes, names)


def check_cases(cases: pd.DataFrame, *, on_error: str, keyed: bool) -> None:
    """Refuse a table without one id a case, and options that do not fit."""
    if on_error not in ("raise", "nan"):
        raise ParameterError(f"on_error is {on_error!r}; required: 'raise' or 'nan'.")
    if not keyed:
        raise ParameterError("cache= needs key=, which says what decides the result of a case.")
    ids = cases.index.map(str)
    repeated = ids[ids.duplicated()].unique()
    if cases.index.hasnans or len(repeated):
        found = f"repeats the ids {', '.join(repeated[:10])}" if len(repeated) else "has rows without an id"
        raise CaseTableError(f"The case table {found}; required: one id a case, each once.")


def outcomes_of(cases: pd.DataFrame, task: Task, *, n_jobs: int | None, limits: Limits | None) -> Iterator[Outcome]:
    """Run all cases, in order; where limits are set, or once a worker has died, each in a process that may die.

    On a cluster they do so from the start: it would send a case that kills its worker to the next, and to the next.
    """
    from joblib.parallel import get_active_backend

    done = 0
    if limits is None and type(get_active_backend()[0]).__name__ in ON_THIS_MACHINE:
        try:
            items = _Items(cases)
            for outcome in parallel_iter(task, items, n_jobs=n_jobs, progress=False, description=""):
                done += 1
                yield outcome
            return
        except BrokenProcessPool:  # of either kind of pool
            pass  # which case it was is not said
    rest = cases.iloc[done:]
    found = isolated_iter(task, _Items(rest), n_jobs=n_jobs, limits=limits or Limits())
    for case_id, one in zip(rest.index, found, strict=True):
        yield one if isinstance(one, Outcome) else failure(str(case_id), one)


def in_steps(
    cases: pd.DataFrame,
    task: Task,
    finish: Finish | None,
    *,
    cache: CaseCache | None,
    columns: tuple[str, ...] | None,
    n_jobs: int | None,
    limits: Limits | None,
) -> Iterator[Outcome]:
    """Run all cases, in order, and the second step where there is one."""
    if finish is None:
        return outcomes_of(cases, task, n_jobs=n_jobs, limits=limits)
    return in_batches(_in_windows(cases, task, n_jobs=n_jobs, limits=limits), finish, cache=cache, columns=columns)


def _in_windows(cases: pd.DataFrame, task: Task, *, n_jobs: int | None, limits: Limits | None) -> Iterator[Outcome]:
    """Run some cases after the other: workers never wait for the second step, which could fill the memory otherwise."""
    for start in range(0, len(cases), WINDOW):
        yield from outcomes_of(cases.iloc[start : start + WINDOW], task, n_jobs=n_jobs, limits=limits)


class _Items:
    """The rows of a table as items, each made when it is its turn: a million rows made at once outweigh the table."""

    def __init__(self, cases: pd.DataFrame) -> None:
        self.cases = cases

    def __len__(self) -> int:
        return len(self.cases)

    def __iter__(self) -> Iterator[Item]:
        for case_id, row in self.cases.iterrows():
            yield str(case_id), row


def _sharing_names(outcomes: Iterator[Outcome]) -> Iterator[Outcome]:
    """Let all cases hold one tuple of names: in a large cohort the names would outweigh the values tenfold."""
    known: dict[tuple[str, ...], tuple[str, ...]] = {}
    for outcome in outcomes:
        if outcome.entry is None:
            yield outcome
        else:
            names = known.setdefault(outcome.entry.names, outcome.entry.names)
            yield replace(outcome, entry=replace(outcome.entry, names=names))


def _until_failure(stream: Iterator[Outcome]) -> list[Outcome]:
    outcomes = []
    for outcome in stream:
        if outcome.error is not None:
            raise_failure(outcome, stream)
        outcomes.append(outcome)
    return outcomes


def raise_failure(outcome: Outcome, stream: Iterator[Outcome]) -> NoReturn:
    """Stop the other cases, and raise the error of one."""
    with warnings.catch_warnings():
        # joblib remarks that the cases still running are dropped: that is what "raise" asks for.
        warnings.simplefilter("ignore")
        stream.close()  # type: ignore[attr-defined]
    assert outcome.error is not None
    raise outcome.error from _WorkerTracebackError(outcome.trace)


class Heard:
    """Warnings of many cases, each text once, with the first cases that it concerns."""

    def __init__(self) -> None:
        self.cases: dict[tuple[type[Warning], str], list[str]] = {}
        self.counts: Counter[tuple[type[Warning], str]] = Counter()

    def add(self, case_id: str, heard: Iterable[tuple[type[Warning], str]]) -> None:
        """Note the warnings of a case."""
        for warning in heard:
            self.counts[warning] += 1
            some = self.cases.setdefault(warning, [])
            if len(some) < SOME:
                some.append(case_id)

    def warn(self, n_cases: int, stacklevel: int = 3) -> None:
        """Give each warning once."""
        for (kind, message), count in self.counts.items():
            some = ", ".join(self.cases[kind, message]) + (", ..." if count > SOME else "")
            warnings.warn(f"{message} ({count} of {n_cases} cases: {some})", kind, stacklevel=stacklevel)


def _assemble(index: pd.Index, outcomes: list[Outcome], columns: tuple[str, ...] | None) -> Extraction:
    if columns is None:
        columns = tuple(dict.fromkeys(name for o in outcomes if o.entry is not None for name in o.entry.names))
    place = {name: i for i, name in enumerate(columns)}
    values = np.full((len(outcomes), len(columns)), np.nan)
    for row, outcome in zip(values, outcomes, strict=True):
        if outcome.entry is not None:
            where = slice(None) if outcome.entry.names == columns else [place[n] for n in outcome.entry.names]
            row[where] = outcome.entry.values
    index = index.rename("case_id")
    failed = [(o.case_id, o.kind, str(o.error)) for o in outcomes if o.error is not None]
    reported = [o.entry.provenance if o.entry is not None else {} for o in outcomes]
    provenance = pd.DataFrame(reported, index=index)
    provenance.insert(0, "cached", np.array([o.cached for o in outcomes], dtype=bool))
    provenance.insert(1, "seconds", np.array([o.seconds for o in outcomes], dtype=float))
    return Extraction(
        pd.DataFrame(values, index=index, columns=list(columns)),
        pd.DataFrame(failed, columns=["case_id", "error", "message"], dtype=object),
        provenance,
    )
