"""Variance inflation factors."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from radiokit.engine.inputs import check_columns


def vif(X: pd.DataFrame | ArrayLike) -> pd.DataFrame:
    r"""Variance inflation factor of each predictor.

    Parameters
    ----------
    X : DataFrame or array-like of shape (n, p)
        Numeric predictors, without an intercept.

    Returns
    -------
    DataFrame
        ``feature, vif, tolerance``, in the order of the columns. Infinite where a predictor is a linear combination of
        others, NaN where it does not vary.

    Raises
    ------
    InputError
        If values are missing, infinite or not numbers.

    Notes
    -----
    :math:`\mathrm{VIF}_j = 1/(1 - R_j^2)`, :math:`R_j^2` of the regression of predictor j on the others: the diagonal
    of the inverse correlation matrix, as ``car::vif`` of a linear model. For a fitted logistic model
    ``car::vif(glm)`` uses its information matrix instead and gives other numbers.

    *How to read it.* The factor by which collinearity multiplies the variance of a coefficient. Above 5 or 10
    coefficients cannot be read one by one; the model's predictions may still be good. Source:
    doi:10.1080/00401706.1970.10488699.

    Examples
    --------
    >>> vif(pd.DataFrame({"a": [1, 2, 3, 4], "b": [1, 3, 2, 4]}))["vif"].round(4).tolist()
    [2.7778, 2.7778]
    """
    values, names = check_columns(X)
    centred = values - values.mean(axis=0)
    varying = np.ptp(values, axis=0) > 0
    result = np.full(values.shape[1], np.nan)
    if varying.any():
        standard = centred[:, varying] / np.linalg.norm(centred[:, varying], axis=0)
        _, scale, directions = np.linalg.svd(standard, full_matrices=True)
        scale = np.pad(scale, (0, directions.shape[0] - scale.size))
        null = scale <= scale.max() * max(values.shape) * np.finfo(float).eps
        factor = (directions[~null].T ** 2 / scale[~null] ** 2).sum(axis=1)
        result[varying] = np.where((directions[null] ** 2).sum(axis=0) > 1e-10, np.inf, factor)
    return pd.DataFrame({"feature": [str(name) for name in names], "vif": result, "tolerance": 1 / result})
