"""Checked numbers of a table of features, for the estimators."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray


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
        The same numbers. `validate_data` looks at the type of each column in turn, which for thousands of features
        takes longer than a small model; here a table that holds only floats is checked as one array.
    """
    from sklearn.utils.validation import check_array, validate_data

    if isinstance(X, pd.DataFrame) and set(X.dtypes) == {np.dtype(np.float64)}:
        validate_data(estimator, X, reset=reset, skip_check_array=True)
        return check_array(X.to_numpy(), dtype=np.float64, estimator=estimator, input_name="X", **checks)
    return validate_data(estimator, X, dtype=np.float64, reset=reset, **checks)
