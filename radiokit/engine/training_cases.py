"""Which cases a model was fitted to, so that two models can be compared only on the same ones."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from radiokit.exceptions import InputError


def row_labels(X: object, n: int) -> NDArray[np.uint64]:
    """Return a number for the label of each of n rows: of a table its index, otherwise the position."""
    if isinstance(X, pd.DataFrame) and not isinstance(X.index, pd.RangeIndex):
        return pd.util.hash_pandas_object(X.index).to_numpy()
    index = X.index if isinstance(X, pd.DataFrame) else pd.RangeIndex(n)
    return _scramble(index.to_numpy().astype(np.uint64))


@dataclass(frozen=True)
class TrainingCases:
    """Fingerprints of what a model was fitted to: no value of any patient is kept, and their order does not matter."""

    n: int
    cases: int
    outcome: int
    weights: int
    strata: int

    @classmethod
    def of(
        cls,
        labels: NDArray[np.uint64],
        *outcome: ArrayLike,
        weights: ArrayLike | None = None,
        strata: ArrayLike | None = None,
    ) -> Self:
        """Take the fingerprints of n cases; `outcome` are its columns, `strata` numbers."""
        beside = [() if values is None else (values,) for values in (weights, strata)]
        return cls(labels.size, *(_fingerprint(labels, *columns) for columns in ((), outcome, *beside)))


def _fingerprint(labels: NDArray[np.uint64], *columns: ArrayLike) -> int:
    """Sum over the cases of a hash of the label together with the values: equal in any order of the cases."""
    mixed = labels
    for column in columns:
        bits = np.ascontiguousarray(np.asarray(column, dtype=float) + 0.0).view(np.uint64)
        mixed = _scramble(mixed ^ _scramble(bits))
    return int(mixed.sum(dtype=np.uint64))


def _scramble(x: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """Return well-mixed bits (the finalizer of splitmix64; Steele et al. 2014, doi:10.1145/2660193.2660195)."""
    x = x + np.uint64(0x9E3779B97F4A7C15)
    x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return x ^ (x >> np.uint64(31))


def refuse_other_cases(small: TrainingCases, large: TrainingCases) -> None:
    """Raise InputError where two models were not fitted to the same cases, outcome, weights and strata."""
    if small.n != large.n:
        raise InputError(
            f"The models were fitted to {small.n} and {large.n} cases; required: the same cases. A missing value "
            "leaves a case out of one model only: fit both to the rows that are complete in the columns of the larger "
            "one (data.dropna(subset=[...]))."
        )
    for what in ("cases", "outcome", "weights", "strata"):
        if getattr(small, what) != getattr(large, what):
            detail = " (the labels of the rows differ)" if what == "cases" else ""
            raise InputError(
                f"The models were fitted to {small.n} cases each, with different {what}{detail}; required: the same. "
                "Fit both to the same rows of one table."
            )
