"""Recursive elimination: fit, drop the least important features, fit again."""

from __future__ import annotations

from typing import Any, Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.stats import rankdata
from sklearn.base import clone

from radiokit.engine.elastic_net import elastic_net_path
from radiokit.engine.folds import fold_ids
from radiokit.engine.inputs import FloatArray, Seed
from radiokit.exceptions import ParameterError
from radiokit.selection._base import Selector
from radiokit.utils import is_survival_target
from radiokit.utils.estimators import Cases, Estimator, Folds, Outcome, has_decision, has_probabilities
from radiokit.utils.parameters import Count, NotNegative, ShareBetween


class RecursiveSelector(Selector):
    r"""Keep what recursive feature elimination leaves.

    Parameters
    ----------
    estimator : estimator, optional
        Fitted again after each elimination; must have ``coef_`` or ``feature_importances_``. Default: a ridge model
        (logistic or Cox) with `penalty`.
    n_features : int, optional
        How many stay. Default: as many as rank test cases best in cross-validation (the fewest within one standard
        error of the best).
    step : float in (0, 1)
        Share of the remaining features that goes at a time (at least one).
    penalty : float
        Ridge penalty on glmnet's scale, where no estimator is given.
    cv : int or scikit-learn splitter
        Folds for the choice of `n_features`.
    {random_state}

    Attributes
    ----------
    scores_ : DataFrame
        Index ``feature``: ``rank`` (1 for the features kept; then the later it went, the smaller).
    path_ : DataFrame
        ``n_features, cv_mean, cv_se`` of the rank statistic (AUC or Harrell's concordance over test cases), one row for
        each size; empty with `n_features` given.
    {support_} {features_in_}

    Notes
    -----
    Importance is the absolute coefficient of the standardised feature, or `feature_importances_` (Guyon et al. 2002,
    doi:10.1023/A:1012487302797). In each fold the elimination is repeated on the training cases, so that the curve
    includes the elimination.

    *How to read it.* The curve is usually flat over a wide range of sizes: the chosen one is one of many that do as
    well.

    Examples
    --------
    >>> import numpy as np, pandas as pd
    >>> rng = np.random.default_rng(0)
    >>> X = pd.DataFrame(rng.normal(size=(80, 6)), columns=list("abcdef"))
    >>> y = X["a"] - X["b"] + 0.3 * rng.normal(size=80) > 0
    >>> RecursiveSelector(n_features=2).fit(X, y).get_feature_names_out().tolist()
    ['a', 'b']
    """

    def __init__(
        self,
        estimator: Estimator | None = None,
        *,
        n_features: Count | None = None,
        step: ShareBetween = 0.2,
        penalty: NotNegative = 0.1,
        cv: Folds = 5,
        random_state: Seed = None,
    ) -> None:
        self.estimator = estimator
        self.n_features = n_features
        self.step = step
        self.penalty = penalty
        self.cv = cv
        self.random_state = random_state

    def fit(self, X: Cases, y: Outcome) -> Self:
        """Eliminate.

        Parameters
        ----------
        {X} {y}

        {returns_itself}

        Raises
        ------
        {bad_fit}
        """
        values, target = self._check(X, y)
        sizes = self._sizes(values.shape[1])
        self.path_ = self._scores_by_size(values, target, sizes) if self.n_features is None else _empty_path()
        if self.n_features is None:
            good = (
                self.path_["cv_mean"] >= (self.path_["cv_mean"] - self.path_["cv_se"])[self.path_["cv_mean"].idxmax()]
            )
            wanted = int(self.path_.loc[good, "n_features"].min())
        else:
            wanted = min(self.n_features, values.shape[1])
        steps = self._eliminate(values, target, [s for s in sizes if s > wanted] + [wanted])
        rank = np.ones(values.shape[1])
        for kept, _ in steps[:-1]:
            rank[np.setdiff1d(np.arange(rank.size), kept)] += 1
        rank[np.setdiff1d(np.arange(rank.size), steps[-1][0])] += 1
        self.support_ = np.isin(np.arange(rank.size), steps[-1][0])
        self.scores_ = self._scores(rank=rank)
        return self

    def _sizes(self, p: int) -> list[int]:
        sizes = [p]
        while sizes[-1] > 1:
            sizes.append(min(sizes[-1] - 1, int(np.floor(sizes[-1] * (1 - self.step)))) or 1)
        return sizes

    def _eliminate(self, X: FloatArray, y: NDArray[Any], sizes: list[int]) -> list[tuple[NDArray[np.intp], Any]]:
        """Features left and the model fitted to them, at each size."""
        left, steps = np.arange(X.shape[1]), []
        for size in sizes:
            while True:
                model, importance = self._fit_one(X[:, left], y)
                if left.size <= size:
                    break
                left = np.sort(left[np.argsort(-importance, kind="stable")[:size]])
            steps.append((left, model))
        return steps

    def _fit_one(self, X: FloatArray, y: NDArray[Any]) -> tuple[Any, FloatArray]:
        """Return a model (or the coefficients of the ridge model), and the importance of each feature."""
        if self.estimator is None:
            path = elastic_net_path(X, y, l1_ratio=0.0, lambdas=[self.penalty])
            return path.coef[0], np.abs(path.coef[0] * path.scale)
        model = clone(self.estimator).fit(X, y)
        if hasattr(model, "feature_importances_"):
            return model, np.asarray(model.feature_importances_, dtype=float)
        if not hasattr(model, "coef_"):
            raise ParameterError(
                f"{type(model).__name__} has neither coef_ nor feature_importances_ to rank features by."
            )
        return model, np.abs(np.ravel(model.coef_)) * X.std(axis=0)

    def _scores_by_size(self, X: FloatArray, y: NDArray[Any], sizes: list[int]) -> pd.DataFrame:
        folds = fold_ids(self.cv, X, y, random_state=self.random_state)
        numbers = np.unique(folds[folds >= 0])
        table = np.full((len(numbers), len(sizes)), np.nan)
        for i, k in enumerate(numbers):
            out = folds == k
            for j, (left, model) in enumerate(self._eliminate(X[~out], y[~out], sizes)):
                table[i, j] = concordance(_score(model, X[out][:, left]), y[out])
        known = np.maximum(np.sum(np.isfinite(table), axis=0), 1)
        mean = np.nansum(table, axis=0) / known
        spread = np.sqrt(np.nansum((table - mean) ** 2, axis=0) / np.maximum(known - 1, 1) / known)
        return pd.DataFrame({"n_features": sizes, "cv_mean": mean, "cv_se": spread})


def _empty_path() -> pd.DataFrame:
    return pd.DataFrame({"n_features": [], "cv_mean": [], "cv_se": []})


def _score(model: Any, X: FloatArray) -> FloatArray:
    if isinstance(model, np.ndarray):
        return X @ model
    if has_decision(model):
        return np.ravel(model.decision_function(X))
    if has_probabilities(model):
        return model.predict_proba(X)[:, 1]
    return np.ravel(model.predict(X))


def concordance(score: FloatArray, y: NDArray[Any]) -> float:
    """AUC, or Harrell's concordance, of few cases; NaN where no pair can be ordered."""
    if is_survival_target(y):
        earlier = y["event"][:, None] & (y["time"][:, None] < y["time"][None, :])
        difference = score[:, None] - score[None, :]
        right = np.sum(earlier & (difference > 0)) + 0.5 * np.sum(earlier & (difference == 0))
        return float(right / earlier.sum()) if earlier.any() else np.nan
    n1, n0 = int(y.sum()), int((~y).sum())
    return float((rankdata(score)[y].sum() - n1 * (n1 + 1) / 2) / (n1 * n0)) if n1 and n0 else np.nan
