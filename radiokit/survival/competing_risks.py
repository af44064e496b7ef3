"""Regression under competing risks: the subdistribution hazards model of Fine and Gray."""

from __future__ import annotations

from typing import Self

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator
from sklearn.utils.validation import check_is_fitted

from radiokit.engine.baseline import Baseline
from radiokit.engine.fine_gray import FineGrayFit, fit_fine_gray
from radiokit.engine.formula_model import FormulaModel, chi_squared_test, warn_infinite, warn_not_estimated
from radiokit.engine.hazard_table import hazard_table
from radiokit.engine.inputs import FloatArray, check_magnitude
from radiokit.engine.survival_inputs import check_causes
from radiokit.engine.training_cases import TrainingCases
from radiokit.exceptions import InputError, OutcomeError
from radiokit.utils import same_rows
from radiokit.utils.docs import fill_docstrings
from radiokit.utils.estimators import Cases, Outcome, OutcomeRequired
from radiokit.utils.parameters import check_parameters

__all__ = ["FineGray"]


class FineGray(FormulaModel, OutcomeRequired, BaseEstimator):
    r"""Proportional subdistribution hazards model of one cause under competing risks.

    Parameters
    ----------
    formula : str, optional
        ``"Surv(time, cause) ~ age + C(stage) + rcs(cea, 4)"``, as in `CoxModel`; `cause` is 0 where censored, 1, 2, ...
        for the kinds of event. Default: the columns of X as they are.
    cause : int
        The event of interest, as numbered in the outcome.
    {confidence_level}

    Attributes
    ----------
    summary_ : DataFrame
        One row for each covariate (index ``feature``): ``coef, se, statistic, p_value, hazard_ratio, ci_low, ci_high``;
        ``hazard_ratio`` is that of the subdistribution.
    coef_, covariance_ : ndarray of shape (p,), (p, p)
        Coefficients and their sandwich covariance.
    baseline_ : DataFrame
        ``time, cumulative_hazard, cumulative_incidence`` of a case whose covariates are `center_`.
    center_ : ndarray of shape (p,)
        Means of the covariates in the training set.
    likelihood_ratio_ : Test
        Twice the gain of the pseudo log-likelihood; as crr prints, and as there only approximately chi-square.
    log_likelihood_, log_likelihood_null_ : float
        Pseudo log partial likelihood.
    n_, n_events_, n_competing_ : int
        Cases, events of interest, other events.
    design_ : Design
        Terms with their ranges; levels and knots of a formula.
    n_features_in_, feature_names_in_
        As in scikit-learn; with a formula the raw columns that it names.

    Notes
    -----
    The subdistribution hazard :math:`-\frac{d}{dt} \log\{1 - F(t \mid x)\} = h_0(t) \exp(\beta^\top x)` belongs to the
    cumulative incidence F of the cause. Cases whom a competing event took stay in the risk set, weighted by
    :math:`\hat G(t-)/\hat G(T_i-)`; standard errors allow for the estimated G. As cmprsk::crr (Breslow's ties).

    *How to read it.* A subdistribution hazard ratio above 1 means that more patients will have had the event by any
    time. It is not a rate ratio: a covariate that only protects from the competing event has one above 1 too. For
    questions of cause look at the cause-specific hazards (`CoxModel` with the other events censored).

    Source: Fine and Gray 1999, doi:10.1080/01621459.1999.10474144.

    Examples
    --------
    >>> from radiokit.survival.competing_risks import FineGray
    >>> X = pd.DataFrame({"age": [50.0, 61.0, 58.0, 70.0, 66.0, 47.0]})
    >>> y = pd.DataFrame({"time": [9.0, 8.0, 7.0, 2.0, 6.0, 4.0], "cause": [1, 2, 0, 1, 1, 1]})
    >>> FineGray(cause=1).fit(X, y).summary_.index.tolist()
    ['age']
    """

    _pseudo_likelihood = True
    _title = "a Fine and Gray regression"

    def __init__(self, formula: str | None = None, *, cause: int = 1, confidence_level: float = 0.95) -> None:
        self.formula = formula
        self.cause = cause
        self.confidence_level = confidence_level

    def fit(self, X: Cases, y: Outcome | None = None) -> Self:
        """Fit to numeric columns, or to a table by the formula.

        Parameters
        ----------
        X : DataFrame or array of shape (n, p)
            Covariates, finite. With a formula a table of raw columns; rows with missing values in the columns that the
            formula names are left out, with a warning.
        y : DataFrame or structured array with `time` and `cause`, optional
            Time to the first event or censoring, and its kind: 0 censored, 1, 2, ... With a formula it may be absent:
            the outcome is then what ``Surv(time, cause)`` names.

        {returns_itself}

        Raises
        ------
        InputError
            If columns are absent or values missing.
        OutcomeError
            If the outcome is not valid, or `cause` does not occur.
        ParameterError
            If the formula cannot be read, or neither it nor y gives the outcome.
        """
        same_rows(X=X, y=y)
        check_parameters(self)
        data = self._learn(X, y, left=("time", "cause"))
        time, cause = _outcome(data.outcome, len(data.matrix))
        if not (cause == self.cause).any() or self.cause == 0:
            raise OutcomeError(f"cause={self.cause!r} does not occur among {sorted(set(cause.tolist()))}.")
        matrix = check_magnitude(data.matrix, self.design_.names)
        self._fill(fit_fine_gray(matrix, time, cause, self.cause))
        self.n_, self.n_events_ = time.size, int((cause == self.cause).sum())
        self.n_competing_ = int(((cause > 0) & (cause != self.cause)).sum())
        self._baseline = Baseline.from_table(self.baseline_, np.array([time.max()]))
        self._training = TrainingCases.of(data.labels, time, cause)
        return self

    def predict(self, X: Cases) -> FloatArray:
        """Log relative subdistribution hazard, against a case whose covariates are `center_`.

        Parameters
        ----------
        {X_new}

        Returns
        -------
        ndarray of shape (n,)
            Higher means that the event is expected for more.
        """
        check_is_fitted(self)
        return (self._matrix(X) - self.center_) @ self.coef_

    def predict_cumulative_incidence(self, X: Cases, times: ArrayLike) -> FloatArray:
        """Probability of having had the event by given times.

        Parameters
        ----------
        {X_new} {times}

        Returns
        -------
        ndarray of shape (n, m)
            Cumulative incidences; NaN beyond the last follow-up of the training set.
        """
        eta = self.predict(X)
        return -np.expm1(-self._baseline.cumulative_hazard(eta, times))

    def _fill(self, fit: FineGrayFit) -> None:
        names = self.design_.names
        used = np.isfinite(fit.coef)
        warn_not_estimated(names, used)
        warn_infinite(names, fit.infinite)
        self.coef_, self.covariance_, self.center_ = np.where(used, fit.coef, 0.0), fit.covariance, fit.centre
        self.log_likelihood_, self.log_likelihood_null_ = fit.log_likelihood, fit.log_likelihood_null
        statistic, df = 2 * (fit.log_likelihood - fit.log_likelihood_null), int(used.sum())
        self.likelihood_ratio_ = chi_squared_test(statistic, df)
        self.summary_ = hazard_table(names, fit.coef, np.sqrt(fit.covariance.diagonal()), self.confidence_level)
        total = np.cumsum(fit.hazard)
        self.baseline_ = pd.DataFrame(
            {"time": fit.times, "cumulative_hazard": total, "cumulative_incidence": -np.expm1(-total)}
        )


def _outcome(y: Outcome, n: int) -> tuple[FloatArray, NDArray[np.int_]]:
    """Return time and cause of n cases."""
    if y is None:
        raise OutcomeError("This estimator requires y to be passed, but the target y is None; give time and cause.")
    names = list(y.columns) if isinstance(y, pd.DataFrame) else getattr(getattr(y, "dtype", None), "names", None)
    if not {"time", "cause"} <= set(names or []):
        raise OutcomeError(
            f"The outcome is {type(y).__name__} with fields {list(map(str, names or []))}; required: `time` "
            "and `cause`, as a DataFrame or a structured array; cause 0 is censored."
        )
    time, cause = check_causes(y["time"], y["cause"])
    if time.size != n:
        raise InputError(f"X has {n} cases and y has {time.size}; required: one outcome for each case.")
    return time, cause


fill_docstrings(__name__)
