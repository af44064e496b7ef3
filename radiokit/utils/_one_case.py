"""One case, in whatever process it runs: what it gave or why it failed, its warnings, and its entry in the cache."""

from __future__ import annotations

import re
import time
import traceback
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from radiokit import exceptions
from radiokit.exceptions import ExtractionError, RadiokitError, RadiokitWarning
from radiokit.utils._cache import CaseCache, CaseResult, Entry
from radiokit.utils._isolation import no_memory
from radiokit.utils._parallel import one_thread

Item = tuple[str, pd.Series]


@dataclass(frozen=True)
class Prepared:
    """What the computation of one case returns where `finish` of `run_cases` has the last word: its input for that."""

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
    warnings: list[tuple[type[Warning], str]] = field(default_factory=list)


def run_case(
    item: Item,
    *,
    compute: Compute,
    key: Callable[[pd.Series], str] | None,
    cache: CaseCache | None,
    columns: tuple[str, ...] | None,
) -> Outcome:
    """Take a case from the cache or compute it; what it raises is an outcome too."""
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
                    return Outcome(case_id, entry, cached=True, seconds=entry.seconds, warnings=_revived(entry))
            result = compute(case_id, row)
        except Exception as error:  # noqa: BLE001 - recorded in `failures`, or raised with the id of the case
            return failure(case_id, error, time.perf_counter() - start, heard_of(caught))
    seconds, heard = time.perf_counter() - start, heard_of(caught)
    if isinstance(result, Prepared):
        return Outcome(case_id, prepared=result, name=name, seconds=seconds, warnings=heard)
    whole = result if isinstance(result, CaseResult) else CaseResult(result)
    return finished(case_id, whole, seconds=seconds, heard=heard, name=name, cache=cache, columns=columns)


def finished(
    case_id: str,
    result: CaseResult,
    *,
    seconds: float,
    heard: list[tuple[type[Warning], str]],
    name: str | None,
    cache: CaseCache | None,
    columns: tuple[str, ...] | None,
) -> Outcome:
    """Return the outcome of a case that has its features, and keep it in the cache."""
    try:
        entry = _entry(result, columns)
    except Exception as error:  # noqa: BLE001 - features that are no numbers, or not those asked for
        return failure(case_id, error, seconds, heard)
    kept = [(kind.__name__, text) for kind, text in heard if issubclass(kind, RadiokitWarning)]
    entry = Entry(entry.names, entry.values, entry.provenance, kept, seconds)
    # Outside of the guard: a full disk is not the fault of one case, it stops the run.
    if cache is not None and name is not None:
        cache.write(name, entry)
    return Outcome(case_id, entry, seconds=seconds, warnings=heard)


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


def heard_of(caught: list[warnings.WarningMessage]) -> list[tuple[type[Warning], str]]:
    """Return each warning once."""
    return list(dict.fromkeys((w.category, str(w.message)) for w in caught))


def _revived(entry: Entry) -> list[tuple[type[Warning], str]]:
    return [(getattr(exceptions, name, RadiokitWarning), message) for name, message in entry.warnings]


def failure(
    case_id: str, error: Exception, seconds: float = 0.0, heard: list[tuple[type[Warning], str]] | None = None
) -> Outcome:
    """Return the outcome of a case that failed."""
    if isinstance(error, MemoryError):
        error = no_memory(error)
    return Outcome(
        case_id,
        seconds=seconds,
        error=_named(error, case_id),
        kind=type(error).__name__,
        trace="".join(traceback.format_exception(error)),
        warnings=heard or [],
    )


def _named(error: Exception, case_id: str) -> RadiokitError:
    """Return the error with the id in its message; what radiokit did not expect becomes an ExtractionError."""
    message = str(error) or type(error).__name__
    if not isinstance(error, RadiokitError):
        return ExtractionError(f"Case {case_id}: {type(error).__name__}: {message}")
    if re.search(rf"\bcase '?{re.escape(case_id)}\b", message, re.IGNORECASE):
        return type(error)(message)
    return type(error)(f"Case {case_id}: {message}")
