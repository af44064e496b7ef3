"""Equal cases once, with their number as weight: a resample repeats a third of them, and a fit takes their cube."""

from __future__ import annotations

from collections.abc import Hashable, Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from radiokit.engine.inputs import FloatArray


@dataclass(frozen=True, eq=False)
class DistinctCases:
    """Cases that differ in features or outcome, in the order of their first appearance.

    `weight` is the sum over the equal cases, `n_cases` how many cases there were, and `row` (n_distinct,) the number of
    each case's row of features: cases with other outcomes may share it.
    """

    X: FloatArray
    y: NDArray[Any]
    weight: FloatArray
    row: NDArray[np.intp]
    n_cases: int


def distinct_cases(X: FloatArray, y: NDArray[Any], weight: FloatArray | None = None) -> DistinctCases:
    """Merge equal cases; a fit to the result is the fit to all of them."""
    weight = np.ones(len(X)) if weight is None else weight
    row = _numbered(values.tobytes() for values in np.ascontiguousarray(X))
    case = _numbered(zip(row.tolist(), y.tolist(), strict=True))
    first = np.unique(case, return_index=True)[1]
    if len(first) == len(X):
        return DistinctCases(X, y, weight, row, len(X))
    return DistinctCases(X[first], y[first], np.bincount(case, weight).astype(float), row[first], len(X))


def _numbered(keys: Iterable[Hashable]) -> NDArray[np.intp]:
    """Return for each key the number of the first key that equals it."""
    seen: dict[Hashable, int] = {}
    return np.array([seen.setdefault(key, len(seen)) for key in keys], dtype=np.intp)
