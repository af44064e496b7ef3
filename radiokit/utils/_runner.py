"""What is computed case by case: no case is lost, finished ones are kept, any joblib backend does the work."""

from __future__ import annotations

import os
import warnings
from collections import Counter
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import closing
from dataclasses import replace

import numpy as np
import pandas as pd

from radiokit.exceptions import CaseTableError, ParameterError
from radiokit.utils._batches import Finish, in_batches
from radiokit.utils._extraction import Extraction
from radiokit.utils._limits import Limits
from radiokit.utils._parallel import track
from radiokit.utils._workers import in_order
from radiokit.utils.cache import CaseCache
from radiokit.utils.one_case import Compute, Item, Job, Outcome, failure
from radiokit.utils.warned import Warned

SOME = 5  # ids that a warning names
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
        One row for each case, with unique ids as index.
    compute : callable
        ``compute(case_id, row)`` returns a mapping of feature to value, or a `CaseResult` where it has provenance to
        report. It must be picklable for more than one worker, and depend on nothing but its arguments.
    columns : iterable of str, optional
        The features that every case has. Without it the columns are those found, in order of appearance.
    key : callable, optional
        ``key(row)`` names a case for the cache by what decides its result: use `content_hash` of settings and files.
        Required with `cache`.
    {n_jobs}
    on_error : {"raise", "nan"}
        Stop with the first failing case, or keep its row as NaN and record it in `Extraction.failures`.
    cache : path, optional
        Folder of finished cases. Each is stored as soon as it is done, so a run that was killed continues there;
        damaged entries are computed again. Failed cases are not stored.
    limits : Limits, optional
        Seconds and memory for each case, which then runs in a process of its own that is ended when it takes more;
        such a case fails with `CaseTimeoutError` or `CaseMemoryError`.
    finish : callable, optional
        Second step in this process, over `finish.size` cases at once, while workers prepare the next ones: `compute`
        then returns `Prepared`, and ``finish(payloads)`` a mapping of feature to value, or an error, for each.
    {progress}
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
    those of radiokit are kept in the cache, so that a second run gives them too.

    With `limits`, a case that takes its process down (want of memory, a crash in a library) fails with
    `WorkerDiedError`, and the rest goes on. Without them the same holds once several workers are in use; but the
    first cases are run in this process, until their times show that starting others pays; see `parallel_map`.

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
    names = None if columns is None else tuple(columns)
    job = Job(compute, key if cache is not None else None, opened(cache), names)
    known: dict[tuple[str, ...], tuple[str, ...]] = {}
    with closing(outcomes_of(cases, job, finish, n_jobs=n_jobs, limits=limits)) as found:
        bar = track(found, total=len(cases), description=description, disable=not progress)
        outcomes = [_sharing_names(accepted(outcome, on_error), known) for outcome in bar]
    warned = WarningsOfCases()
    for outcome in outcomes:
        warned.add(outcome.case_id, outcome.warnings)
    warned.give(len(outcomes))
    return _assemble(cases.index, outcomes, names)


def check_cases(cases: pd.DataFrame, *, on_error: str, keyed: bool) -> None:
    """Refuse a table whose ids are missing or repeat, and options that do not fit."""
    if on_error not in ("raise", "nan"):
        raise ParameterError(f"on_error is {on_error!r}; required: 'raise' or 'nan'.")
    if not keyed:
        raise ParameterError("cache= needs key=, which names a case by what decides its result.")
    ids = cases.index.map(str)
    repeated = ids[ids.duplicated()].unique()
    if cases.index.hasnans or len(repeated):
        found = f"repeats the ids {', '.join(repeated[:10])}" if len(repeated) else "has rows without an id"
        raise CaseTableError(f"The case table {found}; required: one id for each case, and each only once.")


def opened(cache: str | os.PathLike[str] | None) -> CaseCache | None:
    """Return the cache in a folder, ready to be written to."""
    if cache is None:
        return None
    found = CaseCache(cache)
    found.prepare()
    return found


def outcomes_of(
    cases: pd.DataFrame, job: Job, finish: Finish | None, *, n_jobs: int | None, limits: Limits | None
) -> Generator[Outcome, None, None]:
    """Run all cases, in order, and the second step where there is one; closing the generator stops the others."""
    ahead = None if finish is None else WINDOW
    with closing(in_order(job, _Items(cases), total=len(cases), n_jobs=n_jobs, limits=limits, ahead=ahead)) as found:
        each = (
            one if isinstance(one, Outcome) else failure(str(case_id), one)
            for case_id, one in zip(cases.index, found, strict=True)
        )
        yield from each if finish is None else in_batches(each, finish, job)


class _Items:
    """The rows of a table as items, each made when it is its turn: a million rows made at once outweigh the table."""

    def __init__(self, cases: pd.DataFrame) -> None:
        self.cases = cases

    def __len__(self) -> int:
        return len(self.cases)

    def __iter__(self) -> Iterator[Item]:
        for case_id, row in self.cases.iterrows():
            yield str(case_id), row


def _sharing_names(outcome: Outcome, known: dict[tuple[str, ...], tuple[str, ...]]) -> Outcome:
    """Let all cases hold one tuple of names: in a large cohort the names would outweigh the values tenfold."""
    if outcome.entry is None:
        return outcome
    names = known.setdefault(outcome.entry.names, outcome.entry.names)
    return replace(outcome, entry=replace(outcome.entry, names=names))


def accepted(outcome: Outcome, on_error: str) -> Outcome:
    """Return an outcome, or raise its error where the first one is to stop the run."""
    if outcome.error is not None and on_error == "raise":
        raise outcome.error from _WorkerTracebackError(outcome.trace)
    return outcome


class WarningsOfCases:
    """Warnings of many cases, each text once, with the first cases that it concerns."""

    def __init__(self) -> None:
        self.cases: dict[Warned, list[str]] = {}
        self.counts: Counter[Warned] = Counter()

    def add(self, case_id: str, warned: Iterable[Warned]) -> None:
        """Note the warnings of a case."""
        for warning in warned:
            self.counts[warning] += 1
            some = self.cases.setdefault(warning, [])
            if len(some) < SOME:
                some.append(case_id)

    def give(self, n_cases: int, stacklevel: int = 3) -> None:
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
