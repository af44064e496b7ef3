"""Checked numbers of a table of features, for the estimators."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from radiokit.exceptions import InputError


def feature_values(estimator: Any, X: Any, *, reset: bool = True, **checks: Any) -> NDArray[np.float64]:
    """Check features as scikit-learn's `validate_data` does, and return them as floats.

    Parameters
    ----------
    estimator : estimator
        Its `feature_names_in_` and `n_features_in_` are learnt (`reset`) or compared.
    X : array-like of shape (n, p)
        The features.
    reset : bool
        True in `fit`.
    **checks : object
        Of scikit-learn's `check_array`, such as ``ensure_min_samples`` and ``ensure_all_finite``.

    Returns
    -------
    ndarray of shape (n, p)
        The same numbers. `validate_data` looks at the type and the name of each column in turn, which for thousands of
        features takes longer than a small model; here a table of floats is checked as one array.

    Raises
    ------
    InputError
        If a table repeats a column or holds text, or values are missing (unless `checks` allow them).

    Examples
    --------
    >>> import pandas as pd
    >>> from radiokit.utils import feature_values
    >>> from sklearn.linear_model import LogisticRegression
    >>> feature_values(LogisticRegression(), pd.DataFrame({"energy": [1, 2], "kurtosis": [3.5, 4.0]}))
    array([[1. , 3.5],
           [2. , 4. ]])
    """
    from sklearn.utils.validation import check_array, validate_data

    check_features(X, gaps=checks.get("ensure_all_finite", True) is not True)
    values = _floats(X)
    if values is None:
        return validate_data(estimator, X, dtype=np.float64, reset=reset, **checks)
    if not same_columns(estimator, X, reset):
        validate_data(estimator, X, reset=reset, skip_check_array=True)
    if len(values) >= checks.get("ensure_min_samples", 1) and values.size and not np.isinf(values).any():
        return values
    return check_array(values, dtype=np.float64, estimator=estimator, input_name="X", **checks)


def _floats(X: Any) -> NDArray[np.float64] | None:
    """Return the values of a table of floats, of any other input None."""
    values = X.to_numpy() if isinstance(X, pd.DataFrame) else None
    return values if values is not None and values.dtype == np.float64 else None


def same_columns(estimator: Any, X: pd.DataFrame, reset: bool) -> bool:
    """Learn the columns, or return whether they are those of `fit`; False where they are not all text."""
    if X.columns.inferred_type != "string":
        return False
    if reset:
        estimator.feature_names_in_ = X.columns.to_numpy(dtype=object)
        estimator.n_features_in_ = X.shape[1]
    return np.array_equal(getattr(estimator, "feature_names_in_", []), X.columns)


def check_features(X: Any, *, gaps: bool = False) -> None:
    """Refuse, by the names of the columns, what no model can be fitted to: repeats, text, missing values.

    With `gaps` missing values are left to the estimator.
    """
    refuse_repeats(X)
    values = _floats(X)
    if values is not None:
        if not gaps:
            _refuse_missing(values, X.columns)
    elif isinstance(X, pd.DataFrame):
        numeric = {dtype for dtype in set(X.dtypes) if pd.api.types.is_numeric_dtype(dtype)}
        others = [name for name, dtype in X.dtypes.items() if dtype not in numeric]
        _refuse_text(X, others)
        if gaps:
            return
        numbers = X.drop(columns=others) if others else X
        _refuse_missing(numbers.to_numpy(dtype=float, na_value=np.nan), list(numbers.columns))
        _refuse_missing(np.where(X[others].isna(), np.nan, 0.0), others)
    elif isinstance(X, np.ndarray) and X.ndim == 2 and X.dtype.kind == "f" and not gaps:
        _refuse_missing(X, [f"x{j}" for j in range(X.shape[1])])


def refuse_repeats(X: Any) -> None:
    """Refuse a table that has two columns of one name."""
    if isinstance(X, pd.DataFrame) and X.columns.has_duplicates:
        raise InputError(f"X repeats the column {X.columns[X.columns.duplicated()][0]!r}; rename one.")


def _refuse_text(X: pd.DataFrame, others: list[Any]) -> None:
    text = [str(name) for name in others if X[name].map(lambda value: isinstance(value, str)).any()]
    if text:
        raise InputError(
            f"The columns {text[:5]} hold text; required: numbers. Encode them first, or name them in the formula of a "
            f"model that takes one: C({text[0]})."
        )


def _refuse_missing(values: NDArray[np.float64], names: Sequence[Any] | pd.Index) -> None:
    bad: NDArray[np.bool_] = ~np.isfinite(values)
    if bad.any():
        some = [str(names[int(j)]) for j in np.flatnonzero(bad.any(axis=0))]
        raise InputError(
            f"X has missing or infinite values (NaN, inf) in {int(bad.any(axis=1).sum())} of {len(bad)} rows: "
            f"{', '.join(some[:8])}{', ...' if len(some) > 8 else ''}; impute them, or drop those rows first."
        )
