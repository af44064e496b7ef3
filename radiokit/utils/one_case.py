"""The work on one case, in any process: its features or its error, its warnings, and its entry in the cache."""

from __future__ import annotations

import re
import time
import traceback
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pandas as pd

from radiokit import exceptions
from radiokit.exceptions import ExtractionError, RadiokitError, RadiokitWarning
from radiokit.utils._limits import no_memory
from radiokit.utils._threads import one_thread
from radiokit.utils.cache import CaseCache, CaseResult, Entry
from radiokit.utils.warned import Warned, collect_warnings, each_once

Item = tuple[str, pd.Series]


@dataclass(frozen=True)
class Prepared:
    """What the computation of one case returns where `finish` of `run_cases` makes the features: the input of that."""

    payload: Any
    provenance: Mapping[str, Any] = field(default_factory=dict)

    def with_features(self, features: Mapping[str, float]) -> CaseResult:
        """Return the result of the case."""
        return CaseResult(features, self.provenance)


Compute = Callable[[str, pd.Series], Mapping[str, float] | CaseResult | Prepared]


@dataclass(frozen=True)
class Outcome:
    """One case on its way back from a worker: an entry, or the error and where it was raised.

    A prepared case travels with its `name` in the cache, under which it is kept when it is finished.
    """

    case_id: str
    entry: Entry | None = None
    prepared: Prepared | None = None
    name: str | None = None
    cached: bool = False
    seconds: float = 0.0
    error: RadiokitError | None = None
    kind: str = ""
    trace: str = ""
    warnings: list[Warned] = field(default_factory=list)


@dataclass(frozen=True)
class Job:
    """The work on each case of a cohort, as it is sent to a worker.

    Parameters
    ----------
    compute : callable
        Features of a case from its id and its row.
    key : callable, optional
        Name of a case by what decides its result, from its row; the outcome carries it.
    cache : CaseCache, optional
        Where finished cases are kept.
    columns : tuple of str, optional
        The features that each case has to have.
    """

    compute: Compute
    key: Callable[[pd.Series], str] | None = None
    cache: CaseCache | None = None
    columns: tuple[str, ...] | None = None

    def __call__(self, item: Item) -> Outcome:
        """Take a case from the cache or compute it; what it raises is an outcome too."""
        case_id, row = item
        start = time.perf_counter()
        name = None
        with collect_warnings() as collected, one_thread():
            try:
                if self.key is not None:
                    name = self.key(row)
                    entry = self._kept(name)
                    if entry is not None:
                        given: list[Warned] = [(warning_class(kind), text) for kind, text in entry.warnings]
                        return Outcome(case_id, entry, name=name, cached=True, seconds=entry.seconds, warnings=given)
                result = self.compute(case_id, row)
            except Exception as error:  # noqa: BLE001 - recorded in `failures`, or raised with the id of the case
                seconds = time.perf_counter() - start
                return replace(failure(case_id, error, seconds, each_once(collected)), name=name)
        seconds, warned = time.perf_counter() - start, each_once(collected)
        if isinstance(result, Prepared):
            return Outcome(case_id, prepared=result, name=name, seconds=seconds, warnings=warned)
        whole = result if isinstance(result, CaseResult) else CaseResult(result)
        return self.finished(case_id, whole, name=name, seconds=seconds, warned=warned)

    def _kept(self, name: str) -> Entry | None:
        """Return the entry of the cache, its features in the order of `columns`."""
        entry = None if self.cache is None else self.cache.read(name)
        if entry is None or self.columns in (None, entry.names):
            return entry
        if set(entry.names) != set(self.columns or ()):
            return None
        place = {name: k for k, name in enumerate(entry.names)}
        return replace(entry, names=self.columns, values=entry.values[[place[name] for name in self.columns or ()]])

    def finished(
        self, case_id: str, result: CaseResult, *, name: str | None, seconds: float, warned: list[Warned]
    ) -> Outcome:
        """Return the outcome of a case that has its features, and keep it in the cache."""
        try:
            entry = self._entry(result, seconds, warned)
        except Exception as error:  # noqa: BLE001 - features that are not numbers, or not the expected ones
            return failure(case_id, error, seconds, warned)
        # Outside of the guard: a full disk is not the fault of one case, it stops the run.
        if self.cache is not None and name is not None:
            self.cache.write(name, entry)
        return Outcome(case_id, entry, name=name, seconds=seconds, warnings=warned)

    def _entry(self, result: CaseResult, seconds: float, warned: Iterable[Warned]) -> Entry:
        features = {str(name): float(value) for name, value in result.features.items()}
        names = tuple(features) if self.columns is None else self.columns
        if set(features) != set(names):
            lost, extra = sorted(set(names) - set(features)), sorted(set(features) - set(names))
            raise ExtractionError(f"Features missing: {lost[:5]}; features not asked for: {extra[:5]}.")
        values = np.array([features[name] for name in names], dtype=float)
        kept = [(kind.__name__, text) for kind, text in warned if issubclass(kind, RadiokitWarning)]
        return Entry(names, values, {name: _plain(v) for name, v in result.provenance.items()}, kept, seconds)


def _plain(value: Any) -> Any:
    return value.item() if isinstance(value, np.generic) else value


def warning_class(name: str) -> type[RadiokitWarning]:
    """Return the class of a warning from its name, which a file holds."""
    kind = getattr(exceptions, name, None)
    return kind if isinstance(kind, type) and issubclass(kind, RadiokitWarning) else RadiokitWarning


def failure(case_id: str, error: Exception, seconds: float = 0.0, warned: list[Warned] | None = None) -> Outcome:
    """Return the outcome of a case that failed."""
    if isinstance(error, MemoryError):
        error = no_memory(error)
    return Outcome(
        case_id,
        seconds=seconds,
        error=_named(error, case_id),
        kind=type(error).__name__,
        trace="".join(traceback.format_exception(error)),
        warnings=warned or [],
    )


def _named(error: Exception, case_id: str) -> RadiokitError:
    """Return the error with the id in its message; what radiokit did not expect becomes an ExtractionError."""
    message = str(error) or type(error).__name__
    if not isinstance(error, RadiokitError):
        return ExtractionError(f"Case {case_id}: {type(error).__name__}: {message}")
    if re.search(rf"\bcase '?{re.escape(case_id)}\b", message, re.IGNORECASE):
        return type(error)(message)
    return type(error)(f"Case {case_id}: {message}")
