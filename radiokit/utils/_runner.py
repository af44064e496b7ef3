"""One runner for what is computed case by case: no lost patients, a cache that survives a kill, any joblib backend."""

from __future__ import annotations

import os
import re
import time
import traceback
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

import numpy as np
import pandas as pd
from joblib.externals.loky import ProcessPoolExecutor
from joblib.externals.loky.process_executor import BrokenProcessPool

from radiokit import exceptions
from radiokit.exceptions import (
    CaseTableError,
    ExtractionError,
    ParameterError,
    RadiokitError,
    RadiokitWarning,
)
from radiokit.utils._cache import CaseCache, CaseResult, Entry
from radiokit.utils._parallel import one_thread, parallel_iter, track

Compute = Callable[[str, pd.Series], Mapping[str, float] | CaseResult]
Item = tuple[str, pd.Series]
# Cases that are run alone after a worker died: more than joblib ever hands out at once.
SUSPECTS = 64


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


@dataclass(frozen=True)
class _Outcome:
    """One case on its way back from a worker: an entry, or the error and where it was raised."""

    case_id: str
    entry: Entry | None = None
    cached: bool = False
    seconds: float = 0.0
    error: RadiokitError | None = None
    kind: str = ""
    trace: str = ""
    warnings: list[tuple[type[Warning], str]] = field(default_factory=list)


Task = Callable[[Item], _Outcome]


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

    With several workers a case that takes its process down (want of memory, a crash in a library) counts as failed like
    any other, and the rest goes on; with one worker it is this process that dies.

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
    _check(cases, on_error=on_error, keyed=key is not None or cache is None)
    store = None if cache is None else CaseCache(cache)
    if store is not None:
        store.prepare()
    names = None if columns is None else tuple(columns)
    task = partial(_run_case, compute=compute, key=key, cache=store, columns=names)
    items = [(str(case_id), row) for case_id, row in cases.iterrows()]
    stream = track(
        _sharing_names(_all_outcomes(task, items, n_jobs)),
        total=len(items),
        description=description,
        disable=not progress,
    )
    outcomes = list(stream) if on_error == "nan" else _until_failure(stream)
    _warn_once(outcomes)
    return _assemble(cases.index, outcomes, names)


def _check(cases: pd.DataFrame, *, on_error: str, keyed: bool) -> None:
    if on_error not in ("raise", "nan"):
        raise ParameterError(f"on_error is {on_error!r}; required: 'raise' or 'nan'.")
    if not keyed:
        raise ParameterError("cache= needs key=, which says what decides the result of a case.")
    ids = cases.index.map(str)
    repeated = ids[ids.duplicated()].unique()
    if cases.index.hasnans or len(repeated):
        found = f"repeats the ids {', '.join(repeated[:10])}" if len(repeated) else "has rows without an id"
        raise CaseTableError(f"The case table {found}; required: one id a case, each once.")


def _run_case(
    item: Item,
    *,
    compute: Compute,
    key: Callable[[pd.Series], str] | None,
    cache: CaseCache | None,
    columns: tuple[str, ...] | None,
) -> _Outcome:
    case_id, row = item
    start = time.perf_counter()
    name = None
    with warnings.catch_warnings(record=True) as caught, one_thread():
        warnings.simplefilter("always")
        try:
            if cache is not None and key is not None:
                name = key(row)
                entry = cache.read(name)
                if entry is not None and (columns is None or set(entry.names) == set(columns)):
                    return _Outcome(case_id, entry, cached=True, seconds=entry.seconds, warnings=_revived(entry))
            result = compute(case_id, row)
            entry = _entry(result if isinstance(result, CaseResult) else CaseResult(result), columns)
        except Exception as error:  # noqa: BLE001 - recorded in `failures`, or raised with the id of the case
            return _failure(case_id, error, time.perf_counter() - start, _heard(caught))
    seconds, heard = time.perf_counter() - start, _heard(caught)
    kept = [(kind.__name__, text) for kind, text in heard if issubclass(kind, RadiokitWarning)]
    entry = Entry(entry.names, entry.values, entry.provenance, kept, seconds)
    # Outside of the guard: a full disk is not the fault of one case, it stops the run.
    if cache is not None and name is not None:
        cache.write(name, entry)
    return _Outcome(case_id, entry, seconds=seconds, warnings=heard)


def _entry(result: CaseResult, columns: tuple[str, ...] | None) -> Entry:
    features = {str(name): float(value) for name, value in result.features.items()}
    if columns is not None and set(features) != set(columns):
        lost, extra = sorted(set(columns) - set(features)), sorted(set(features) - set(columns))
        raise ExtractionError(f"Features missing: {lost[:5]}; features not asked for: {extra[:5]}.")
    names = tuple(features) if columns is None else columns
    provenance = {name: _plain(value) for name, value in result.provenance.items()}
    return Entry(names, np.array([features[name] for name in names], dtype=float), provenance, [], 0.0)


def _plain(value: Any) -> Any:
    return value.item() if isinstance(value, np.generic) else value


def _heard(caught: list[warnings.WarningMessage]) -> list[tuple[type[Warning], str]]:
    return list(dict.fromkeys((w.category, str(w.message)) for w in caught))


def _revived(entry: Entry) -> list[tuple[type[Warning], str]]:
    return [(getattr(exceptions, name, RadiokitWarning), message) for name, message in entry.warnings]


def _failure(case_id: str, error: Exception, seconds: float, heard: list[tuple[type[Warning], str]]) -> _Outcome:
    return _Outcome(
        case_id,
        seconds=seconds,
        error=_named(error, case_id),
        kind=type(error).__name__,
        trace=traceback.format_exc(),
        warnings=heard,
    )


def _named(error: Exception, case_id: str) -> RadiokitError:
    """Return the error with the id in its message; what radiokit did not expect becomes an ExtractionError."""
    message = str(error) or type(error).__name__
    if not isinstance(error, RadiokitError):
        return ExtractionError(f"Case {case_id}: {type(error).__name__}: {message}")
    if re.search(rf"\bcase '?{re.escape(case_id)}\b", message, re.IGNORECASE):
        return type(error)(message)
    return type(error)(f"Case {case_id}: {message}")


def _all_outcomes(task: Task, items: list[Item], n_jobs: int | None) -> Iterator[_Outcome]:
    """Run all cases, in order; one that takes its worker down costs that case only."""
    done = 0
    while done < len(items):
        try:
            for outcome in parallel_iter(task, items[done:], n_jobs=n_jobs, progress=False, description=""):
                done += 1
                yield outcome
        except BrokenProcessPool:
            # joblib does not say which case it was: one after the other, each in a process that may die.
            for outcome in _isolated(task, items[done:]):
                done += 1
                yield outcome


def _sharing_names(outcomes: Iterator[_Outcome]) -> Iterator[_Outcome]:
    """Let all cases hold one tuple of names: in a large cohort the names would outweigh the values tenfold."""
    known: dict[tuple[str, ...], tuple[str, ...]] = {}
    for outcome in outcomes:
        if outcome.entry is None:
            yield outcome
        else:
            names = known.setdefault(outcome.entry.names, outcome.entry.names)
            yield replace(outcome, entry=replace(outcome.entry, names=names))


def _isolated(task: Task, items: list[Item]) -> Iterator[_Outcome]:
    """Run cases in a process of their own, up to the first that kills it, or until it is clear that none does."""
    with ProcessPoolExecutor(max_workers=1) as executor:
        for item in items[:SUSPECTS]:
            try:
                yield executor.submit(task, item).result()
            except BrokenProcessPool:
                yield _dead(item[0])
                return


def _dead(case_id: str) -> _Outcome:
    message = (
        f"Case {case_id}: the process that worked on it died (killed for want of memory, or a crash in a library). "
        "Run it alone with n_jobs=1, on a coarser grid, or take it out."
    )
    return _Outcome(case_id, error=ExtractionError(message), kind="ExtractionError", trace=message)


def _until_failure(stream: Iterator[_Outcome]) -> list[_Outcome]:
    outcomes = []
    for outcome in stream:
        if outcome.error is not None:
            with warnings.catch_warnings():
                # joblib remarks that the cases still running are dropped: that is what "raise" asks for.
                warnings.simplefilter("ignore")
                stream.close()  # type: ignore[attr-defined]
            raise outcome.error from _WorkerTracebackError(outcome.trace)
        outcomes.append(outcome)
    return outcomes


def _warn_once(outcomes: list[_Outcome]) -> None:
    concerned: dict[tuple[type[Warning], str], list[str]] = {}
    for outcome in outcomes:
        for warning in outcome.warnings:
            concerned.setdefault(warning, []).append(outcome.case_id)
    for (kind, message), ids in concerned.items():
        some = ", ".join(ids[:5]) + (", ..." if len(ids) > 5 else "")
        warnings.warn(f"{message} ({len(ids)} of {len(outcomes)} cases: {some})", kind, stacklevel=3)


def _assemble(index: pd.Index, outcomes: list[_Outcome], columns: tuple[str, ...] | None) -> Extraction:
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
