"""Drop features that do not vary."""

from __future__ import annotations

from typing import Self

import numpy as np

from radiokit.exceptions import ParameterError
from radiokit.selection._base import Selector
from radiokit.utils import feature_values
from radiokit.utils.estimators import Cases, GapsAllowed, Outcome
from radiokit.utils.parameters import NotNegative, check_parameters

ROUNDING = 1e-12  # a range below this share of the largest absolute value is rounding, not variation


class VarianceSelector(GapsAllowed, Selector):
    r"""Keep features whose variance is above a threshold.

    Parameters
    ----------
    threshold : float
        Features with a variance (divisor n) at or below it go. It has the feature's unit squared, so anything but 0
        only makes sense for features of one scale.

    Attributes
    ----------
    scores_ : DataFrame
        Index ``feature``: ``variance``, and ``range`` (largest minus smallest value). Missing values are left out; a
        column without any value has NaN and goes.
    {support_} {features_in_}

    Notes
    -----
    A feature that is constant but for rounding (range below 1e-12 of its largest absolute value) counts as constant.

    *How to read it.* A feature that is the same in all training cases predicts nothing; a feature that hardly
    varies often reflects a setting of the scanner, not biology.

    Examples
    --------
    >>> import pandas as pd
    >>> X = pd.DataFrame({"a": [1.0, 1.0, 1.0], "b": [1.0, 2.0, 3.0]})
    >>> VarianceSelector().fit(X).get_feature_names_out().tolist()
    ['b']
    """

    _needs_outcome = False

    def __init__(self, threshold: NotNegative = 0.0) -> None:
        self.threshold = threshold

    def fit(self, X: Cases, y: Outcome | None = None) -> Self:
        """Learn which features vary.

        Parameters
        ----------
        X : array-like of shape (n, p)
            Features; missing values are allowed.
        {y_unused}

        {returns_itself}

        Raises
        ------
        ParameterError
            If no feature varies, or the threshold is negative.
        """
        check_parameters(self)
        values = feature_values(self, X, ensure_all_finite="allow-nan", ensure_min_samples=2)
        gaps = np.isnan(values)
        any_known = ~gaps.all(axis=0)
        # Without gaps, as behind an imputer, the plain functions give the same several times faster.
        known = np.where(any_known, values, 0.0) if gaps.any() else values
        statistics = (np.nanmin, np.nanmax, np.nanvar) if gaps.any() else (np.min, np.max, np.var)
        low, high, variance = (statistic(known, axis=0) for statistic in statistics)
        spread = high - low
        varies = any_known & (spread > ROUNDING * np.maximum(np.abs(low), np.abs(high)))
        self.support_ = varies & (variance > self.threshold)
        nothing = np.where(any_known, 0.0, np.nan)
        self.scores_ = self._scores(
            variance=np.where(varies, variance, 0.0) + nothing, range=np.where(varies, spread, 0.0) + nothing
        )
        if not self.support_.any():
            raise ParameterError(
                f"No feature in X meets the variance threshold {self.threshold:g} ({values.shape[1]} features, "
                f"{values.shape[0]} cases); lower it, or see whether the table holds what it should."
            )
        return self
