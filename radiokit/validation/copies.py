"""Rows that are one scan under two names: copies made before the split, or a patient entered twice."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from radiokit.exceptions import DataWarning

MEASURED = 3  # so many columns of many values cannot agree by chance
DIGITS = 5  # a scan measured on two machines, or read from a rounded file, is the same scan


def one_patient(X: pd.DataFrame, groups: NDArray[Any]) -> NDArray[Any]:
    """Return the patients, those with the same measurements as one, and warn of them.

    Rows count as copies where all their numbers are the same to five digits and at least three columns hold many
    values, as measurements do and age or stage do not.
    """
    merged = np.array(groups, copy=True)
    pairs = []
    for rows in _copies(X):
        if len(pd.unique(merged[rows])) > 1:
            pairs.append(" = ".join(map(str, X.index[rows][:3])))
            merged[np.isin(merged, merged[rows])] = merged[rows[0]]
    if pairs:
        warnings.warn(
            f"{len(pairs)} times rows of different patients hold the same measurements ({'; '.join(pairs[:3])}"
            f"{'; ...' if len(pairs) > 3 else ''}): copies made before the split, or a scan entered twice. They are "
            "kept on one side of every split, as one patient. Name the patients by `groups`, or drop the copies; "
            "balance classes by weights inside the model.",
            DataWarning,
            stacklevel=4,
        )
    return merged


def _copies(X: pd.DataFrame) -> list[NDArray[np.intp]]:
    """Positions of the rows that are copies of each other."""
    numbers = X.select_dtypes("number", exclude="timedelta")
    if numbers.shape[1] < MEASURED or len(X) < 2:
        return []
    mantissa, exponent = np.frexp(numbers.to_numpy(dtype=float, na_value=np.nan))
    values = np.ascontiguousarray(np.ldexp(np.round(mantissa, DIGITS), exponent) + 0.0)
    codes = pd.factorize(np.array([row.tobytes() for row in values], dtype=object))[0]
    sizes = np.bincount(codes)
    if sizes.max() == 1:
        return []
    first = values[np.unique(codes, return_index=True)[1]]
    known = (np.isfinite(first) & (first != 0)).sum(axis=1) >= MEASURED  # rows filled with nothing are no copies
    many = sum(len(np.unique(column)) > len(first) / 2 for column in first.T)
    if many < MEASURED:
        return []
    return [np.flatnonzero(codes == k) for k in np.flatnonzero((sizes > 1) & known)]
