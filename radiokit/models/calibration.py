"""Calibration of a score: a map to log-odds, learnt on scores of training cases that the model had not seen."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal, Self

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from scipy.special import logit
from sklearn.base import BaseEstimator
from sklearn.isotonic import IsotonicRegression
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import PredefinedSplit
from sklearn.utils.validation import check_is_fitted, validate_data

from radiokit.engine.classifier import Classifier
from radiokit.engine.folds import fold_ids
from radiokit.engine.inputs import FloatArray, Seed, check_choice
from radiokit.engine.logistic import fit_firth
from radiokit.engine.recalibrate import recalibrate_intercept
from radiokit.models.cross_fitting import cross_fitted_scores, fit_part
from radiokit.models.scores import case_scores
from radiokit.utils import same_rows, spawn_seeds
from radiokit.utils.estimators import Cases, Estimator, Folds
from radiokit.utils.feature_checks import refuse_repeats
from radiokit.utils.parameters import check_parameters

METHODS = ("intercept", "platt", "beta", "isotonic")


@dataclass(frozen=True)
class Calibration:
    """A map from a score to log-odds, as numbers.

    ``linear``: `coef` = (a, b), a + b s. ``beta``: (c, a, b), c + a log p - b log(1 - p) with p the inverse logit of s.
    ``isotonic``: `knots` of (score, log-odds), straight lines between them, level outside.
    """

    kind: str
    coef: tuple[float, ...] = ()
    knots: tuple[tuple[float, float], ...] = ()

    def log_odds(self, score: float) -> float:
        """Return the calibrated log-odds of one score."""
        if self.kind == "linear":
            return self.coef[0] + self.coef[1] * score
        if self.kind == "beta":
            c, a, b = self.coef
            return c - a * _softplus(-score) + b * _softplus(score)
        x, y = zip(*self.knots, strict=True)
        return float(np.interp(score, x, y))

    def __call__(self, scores: ArrayLike) -> FloatArray:
        """Return the calibrated log-odds of many scores."""
        return np.array([self.log_odds(s) for s in np.asarray(scores, dtype=float).tolist()])


def _softplus(x: float) -> float:
    """Return log(1 + e^x): minus the log of a probability whose log-odds are -x."""
    return max(x, 0.0) + math.log1p(math.exp(-abs(x)))


def learn_calibration(method: str, score: FloatArray, y: NDArray[np.bool_]) -> Calibration:
    """Learn the map from held-out scores of training cases."""
    check_choice(method, METHODS, name="method")
    if np.ptp(score) <= 1e-12 * np.abs(score).max():
        return Calibration("linear", (float(logit(y.mean())), 0.0))
    if method == "intercept":
        return Calibration("linear", (recalibrate_intercept(y, score)[0], 1.0))
    if method == "platt":
        return Calibration("linear", tuple(_not_falling(score[:, None], y)))
    if method == "beta":
        p = np.array([[-_softplus(-s), _softplus(s)] for s in score.tolist()])
        return Calibration("beta", tuple(_not_falling(p, y)))
    return _isotonic(score, y)


def _not_falling(columns: FloatArray, y: NDArray[np.bool_]) -> list[float]:
    """Fit Firth's logistic model without columns of negative weight, so that the order of cases is never reversed."""
    weights = np.zeros(columns.shape[1])
    used = np.ones(weights.size, dtype=bool)
    while True:
        intercept, *found = np.nan_to_num(fit_firth(columns[:, used], y).coef).tolist()
        weights[used] = found
        if (weights >= 0).all():
            return [intercept, *weights.tolist()]
        used &= weights >= 0
        weights[:] = 0.0


def _isotonic(score: FloatArray, y: NDArray[np.bool_]) -> Calibration:
    """Pool adjacent violators; n + 2 bounds the probabilities, for no cohort proves a 0 or a 1."""
    edge = 1 / (y.size + 2)
    fitted = IsotonicRegression(y_min=edge, y_max=1 - edge, out_of_bounds="clip").fit(score, y.astype(float))
    knots = zip(fitted.X_thresholds_.tolist(), logit(fitted.y_thresholds_).tolist(), strict=True)
    return Calibration("isotonic", knots=tuple(knots))


class CalibratedModel(Classifier, BaseEstimator):
    r"""A classifier whose score is turned into a calibrated probability.

    Parameters
    ----------
    estimator : estimator
        Unfitted classifier; a pipeline as a rule.
    method : {"platt", "intercept", "beta", "isotonic"}
        What is learnt: intercept and slope; the intercept alone (after class weights); the beta map, which is curved;
        or steps, for hundreds of cases.
    cv : int or scikit-learn splitter
        Folds in which the scores are cross-fitted; every case must be in one test fold.
    random_state : int, RandomState or None
        Seed of the folds, and of all estimators that leave theirs free.

    Attributes
    ----------
    estimator_ : estimator
        Fitted to all training cases.
    calibration_ : Calibration
        The map from its score to log-odds.
    {classes_} {features_in_}

    See Also
    --------
    radiokit.stats.calibration : Whether probabilities hold, in patients that were held out.

    Notes
    -----
    Platt: :math:`a + b s` (by Firth's likelihood, which plays the part of Platt's softened targets); beta:
    :math:`c + a \log p - b \log(1-p)` (Kull et al. 2017, doi:10.1214/17-EJS1338SI); isotonic: pooled adjacent violators
    (doi:10.1145/775047.775151), bounded by 1/(n + 2). No map reverses the order of cases: a slope below 0 becomes a
    constant probability, which is what such a score deserves. The map is learnt from scores of training cases by models
    fitted without them; test cases have no part in it.

    *How to read it.* A support vector machine gives no probability, a forest one too near the mean, class weights one
    of another population. Calibration corrects that, on average, in patients like those of training; it adds no
    discrimination.

    Examples
    --------
    >>> from sklearn.svm import SVC
    >>> rng = np.random.default_rng(0)
    >>> X = rng.normal(size=(100, 3))
    >>> model = CalibratedModel(SVC(), random_state=0).fit(X, X[:, 0] + rng.normal(size=100) > 0)
    >>> model.predict_proba(X[:1]).shape
    (1, 2)
    """

    def __init__(
        self,
        estimator: Estimator | None = None,
        *,
        method: Literal["platt", "intercept", "beta", "isotonic"] = "platt",
        cv: Folds = 5,
        random_state: Seed = None,
    ) -> None:
        self.estimator = estimator
        self.method = method
        self.cv = cv
        self.random_state = random_state

    def fit(self, X: Cases, y: ArrayLike) -> Self:
        """Cross-fit the scores, learn the map, and fit the estimator to all cases.

        Parameters
        ----------
        X : array-like of shape (n, p), or a table with text for a model with a formula
            Features.
        {y_binary}

        {returns_itself}

        Raises
        ------
        {bad_fit}
        OutcomeError
            If a class has fewer than two cases.

        Warns
        -----
        DataWarning
            If the rarer class has fewer cases than there are folds.
        """
        same_rows(X=X, y=y)
        check_parameters(self)
        frame = self._table(X, reset=True)
        positive = self._learn_classes(y, len(frame))
        seeds = spawn_seeds(self.random_state, 2)
        folds = fold_ids(self.cv, frame, positive, random_state=seeds[1])
        inner = isinstance(self.cv, PredefinedSplit)
        estimator = LogisticRegression() if self.estimator is None else self.estimator
        scores = cross_fitted_scores(estimator, frame, positive, seeds[0], folds, inner=inner)
        self.calibration_ = learn_calibration(self.method, scores, positive)
        self.estimator_ = fit_part(estimator, frame, positive, seeds[0], folds if inner else None)
        return self

    def decision_function(self, X: Cases) -> FloatArray:
        """Return the calibrated log-odds of the positive class.

        Parameters
        ----------
        {X_new}

        Returns
        -------
        ndarray of shape (n,)
            Log-odds.
        """
        check_is_fitted(self)
        return self.calibration_(case_scores(self.estimator_, self._table(X, reset=False)))

    def _table(self, X: Cases, *, reset: bool) -> pd.DataFrame:
        refuse_repeats(X)
        if isinstance(X, pd.DataFrame) and X.select_dtypes(exclude=["number", "bool"]).shape[1]:
            validate_data(self, X, reset=reset, skip_check_array=True)
            return X  # a model with a formula reads text itself
        least = 2 if reset else 1
        values = validate_data(self, X, reset=reset, ensure_all_finite="allow-nan", ensure_min_samples=least)
        return X if isinstance(X, pd.DataFrame) else pd.DataFrame(values)
