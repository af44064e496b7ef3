"""Which cases a model was fitted to, so that two models can be compared only on the same ones."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from radiokit.exceptions import InputError


def row_labels(X: Any, n: int) -> NDArray[np.uint64]:
    """Return a number for the label of each of n rows: of a table its index, otherwise the position."""
    index = X.index if isinstance(X, pd.DataFrame) else pd.RangeIndex(n)
    return pd.util.hash_pandas_object(index).to_numpy()


@dataclass(frozen=True)
class TrainingCases:
    """Fingerprints of what a model was fitted to: no value of any patient is kept, and their order plays no part."""

    n: int
    cases: int
    outcome: int
    weights: int
    strata: int

    @classmethod
    def of(
        cls, labels: NDArray[np.uint64], *, outcome: Any, weights: ArrayLike | None = None, strata: Any = None
    ) -> Self:
        """Take the fingerprints of n cases; `outcome` is an array, or a table of time and event."""
        n = labels.size
        weight = np.ones(n) if weights is None else np.asarray(weights, dtype=float)
        layer = np.zeros(n) if strata is None else np.asarray(strata)
        parts = [None, pd.DataFrame(outcome), pd.DataFrame(weight), pd.DataFrame(layer)]
        return cls(n, *(_fingerprint(labels, part) for part in parts))


def _fingerprint(labels: NDArray[np.uint64], values: pd.DataFrame | None) -> int:
    """Sum over the cases of a hash of the label together with the values: equal in any order of the cases."""
    table = pd.DataFrame({"label": labels})
    if values is not None:
        table[[f"v{k}" for k in range(values.shape[1])]] = values.to_numpy()
    return int(pd.util.hash_pandas_object(table, index=False).sum())


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
