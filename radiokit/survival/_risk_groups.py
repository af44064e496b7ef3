"""Risk groups from a survival model: the cut is learnt where the model is, and frozen."""

from __future__ import annotations

import warnings
from typing import Annotated, Any, Literal, Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, MetaEstimatorMixin, clone
from sklearn.utils import Tags, get_tags
from sklearn.utils.validation import check_is_fitted

from radiokit.engine.inputs import FloatArray, type7_quantiles
from radiokit.exceptions import DataWarning
from radiokit.survival._cutpoint import optimal_cutpoint
from radiokit.survival._inputs import check_outcome
from radiokit.utils import same_rows
from radiokit.utils.estimators import Cases, Estimator, Outcome, OutcomeRequired
from radiokit.utils.parameters import Range, check_parameters

LABELS = {1: ("low", "high"), 2: ("low", "intermediate", "high")}


class RiskStratifier(MetaEstimatorMixin, OutcomeRequired, BaseEstimator):
    """Low and high risk groups by cutting the risk that a survival model predicts.

    Parameters
    ----------
    estimator : estimator
        A survival model whose `predict` is a risk (higher means an earlier event), such as `CoxModel`. It is cloned
        and fitted.
    cut : {"median", "maxstat", "tertiles"} or float
        At the median, at the maximally selected log-rank statistic, at the tertiles of the risk in the training set,
        or at a given risk.
    min_prop : float
        Smallest share of cases in either group, for "maxstat".

    Attributes
    ----------
    estimator_ : estimator
        The fitted model.
    thresholds_ : ndarray of shape (1,) or (2,)
        The cuts, learnt in `fit` only. A case exactly at a threshold belongs to the lower group.
    cutpoint_ : Cutpoint or None
        The search, for "maxstat" (its p-value by "lausen94").
    labels_ : tuple of str
        Names of the groups, from low to high.
    n_features_in_, feature_names_in_
        Those of the fitted model.

    See Also
    --------
    optimal_cutpoint : The search behind "maxstat".

    Notes
    -----
    *How to read it.* Groups are for communication, the risk itself carries more. A threshold moved to the median of
    each new cohort would hide that a cohort is of higher risk altogether, so it stays where training put it. A log-rank
    test between groups in the training set is too favourable; more so after "maxstat". Judge them in other patients.

    Sources: Altman et al. 1994, doi:10.1093/jnci/86.11.829; Royston and Altman 2013, doi:10.1186/1471-2288-13-33.

    Examples
    --------
    >>> from radiokit.survival import CoxModel, RiskStratifier, as_target
    >>> X = pd.DataFrame({"age": [50.0, 61.0, 58.0, 70.0, 66.0, 47.0]})
    >>> y = as_target([1, 1, 0, 1, 1, 1], [9.0, 8.0, 7.0, 2.0, 6.0, 4.0])
    >>> RiskStratifier(CoxModel(), cut="median").fit(X, y).stratify(X).tolist()
    ['low', 'high', 'low', 'high', 'high', 'low']
    """

    def __init__(
        self,
        estimator: Estimator,
        *,
        cut: Literal["median", "maxstat", "tertiles"] | float = "median",
        min_prop: Annotated[float, Range(0, 0.5, open_high=True)] = 0.1,
    ) -> None:
        self.estimator = estimator
        self.cut = cut
        self.min_prop = min_prop

    def fit(self, X: Cases, y: Outcome, **fit_params: Any) -> Self:
        """Fit the model and learn the cut.

        Parameters
        ----------
        {X_new} {y_survival}
        **fit_params : dict
            Passed to the model's fit.

        {returns_itself}
        """
        same_rows(X=X, y=y)
        check_parameters(self)
        self.estimator_ = clone(self.estimator).fit(X, y, **fit_params)
        risk = self._risk(X)
        check_outcome(y, risk.size)
        self.cutpoint_ = (
            optimal_cutpoint(y, risk, min_prop=self.min_prop, method="lausen94") if self.cut == "maxstat" else None
        )
        self.thresholds_ = self._thresholds(risk)
        self.labels_ = LABELS[self.thresholds_.size]
        found = np.bincount(self._groups(risk), minlength=len(self.labels_))
        if (found == 0).any():
            empty = [label for label, n in zip(self.labels_, found, strict=True) if n == 0]
            warnings.warn(
                f"No case of the training set falls into the groups {empty} (cut={self.cut!r}, risk from "
                f"{risk.min():.3g} to {risk.max():.3g}).",
                DataWarning,
                stacklevel=2,
            )
        for name in ("n_features_in_", "feature_names_in_"):
            if hasattr(self.estimator_, name):
                setattr(self, name, getattr(self.estimator_, name))
        return self

    def predict(self, X: Cases) -> NDArray[np.intp]:
        """Risk group of cases, as a number from 0 (low).

        Parameters
        ----------
        {X_new}

        Returns
        -------
        ndarray of int, shape (n,)
            Numbers of the groups; `labels_` has their names.
        """
        check_is_fitted(self)
        return self._groups(self._risk(X))

    def predict_risk(self, X: Cases) -> FloatArray:
        """Risk of cases, as the model predicts it.

        Parameters
        ----------
        {X_new}

        Returns
        -------
        ndarray of shape (n,)
            The risk that the thresholds cut.
        """
        check_is_fitted(self)
        return self._risk(X)

    def stratify(self, X: Cases) -> pd.Series:
        """Risk group of cases by name.

        Parameters
        ----------
        {X_new}

        Returns
        -------
        Series of ordered categories
            Named "risk_group", with the index of X.
        """
        codes: Any = self.predict(X)
        index = X.index if isinstance(X, pd.DataFrame) else None
        values = pd.Categorical.from_codes(codes, categories=pd.Index(self.labels_), ordered=True)
        return pd.Series(values, index=index, name="risk_group")

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.input_tags = get_tags(self.estimator).input_tags
        return tags

    def _risk(self, X: Cases) -> FloatArray:
        return np.asarray(self.estimator_.predict(X), dtype=float)

    def _thresholds(self, risk: FloatArray) -> FloatArray:
        if self.cutpoint_ is not None:
            return np.array([self.cutpoint_.value])
        if self.cut == "median":
            return type7_quantiles(risk, [0.5])
        if self.cut == "tertiles":
            return type7_quantiles(risk, [1 / 3, 2 / 3])
        return np.array([float(self.cut)])

    def _groups(self, risk: FloatArray) -> NDArray[np.intp]:
        return np.searchsorted(self.thresholds_, risk, side="left")
