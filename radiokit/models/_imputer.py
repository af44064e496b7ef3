"""Gaps filled with the median of the training cases."""

from __future__ import annotations

from typing import Self

import numpy as np
from sklearn.base import BaseEstimator, OneToOneFeatureMixin, TransformerMixin
from sklearn.utils.validation import check_is_fitted

from radiokit.engine.inputs import FloatArray
from radiokit.utils import feature_values
from radiokit.utils.estimators import Cases, GapsAllowed, Outcome


class MedianImputer(GapsAllowed, OneToOneFeatureMixin, TransformerMixin, BaseEstimator):
    """Fill missing values with the median of the training cases, with 0 where a feature has no value at all.

    Equal to scikit-learn's ``SimpleImputer(strategy="median", keep_empty_features=True)``, which looks at each column
    of a table in turn: with thousands of features that takes longer than the fit of the model behind it.

    Attributes
    ----------
    statistics_ : ndarray of shape (n_features,)
        The medians.
    n_features_in_, feature_names_in_
        As in scikit-learn.

    Examples
    --------
    >>> MedianImputer().fit_transform([[1.0, np.nan], [2.0, np.nan], [np.nan, np.nan]]).tolist()
    [[1.0, 0.0], [2.0, 0.0], [1.5, 0.0]]
    """

    def fit(self, X: Cases, y: Outcome | None = None) -> Self:
        """Learn the medians of the training cases.

        Parameters
        ----------
        X : array-like of shape (n, p)
            Features, NaN where a value is missing.
        y : ignored
            For pipelines.

        {returns_itself}

        Raises
        ------
        ValueError
            If a feature is infinite, or holds text.
        """
        values = feature_values(self, X, ensure_all_finite="allow-nan")
        gaps = np.isnan(values)
        incomplete = gaps.any(axis=0) & ~gaps.all(axis=0)
        ordered, middle = np.sort(values, axis=0), len(values) // 2
        self.statistics_ = np.nan_to_num((ordered[(len(values) - 1) // 2] + ordered[middle]) / 2)
        self.statistics_[incomplete] = np.nanmedian(values[:, incomplete], axis=0)
        return self

    def transform(self, X: Cases) -> FloatArray:
        """Return the features without gaps.

        Parameters
        ----------
        X : array-like of shape (n, p)
            Features of any cases, with the columns of `fit`.

        Returns
        -------
        ndarray of shape (n, p)
            The features, in their own units; a DataFrame after ``set_output(transform="pandas")``.
        """
        check_is_fitted(self)
        values = feature_values(self, X, reset=False, ensure_all_finite="allow-nan")
        return np.where(np.isnan(values), self.statistics_, values)
