"""Boruta: keep features that a random forest finds more important than shuffled copies."""

from __future__ import annotations

from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from scipy.stats import binom
from sklearn.ensemble import RandomForestClassifier, RandomForestRegressor

from radiokit.engine.inputs import FloatArray, Seed
from radiokit.selection._base import Selector, at_least
from radiokit.selection._relevance import residuals
from radiokit.utils import as_random_state, is_survival_target
from radiokit.utils.estimators import Cases, Outcome
from radiokit.utils.parameters import Count, CountOrZero, ShareBetween

MIN_SHADOWS = 5


class BorutaSelector(Selector):
    r"""Keep features whose importance in a random forest exceeds that of the best shuffled feature.

    Parameters
    ----------
    n_trees : int
        Trees of each forest.
    max_iterations : int
        How many forests at most.
    alpha : float
        Level of the tests, adjusted for the number of features (Bonferroni).
    keep_tentative : bool
        Whether features that are neither confirmed nor rejected at the end stay.
    min_features : int
        At least so many features stay, those of most hits.
    {n_jobs} {random_state}

    Attributes
    ----------
    scores_ : DataFrame
        Index ``feature``: ``hits`` (forests in which it beat the best shuffled feature), ``trials`` (forests in which
        it took part), ``importance`` (mean over these) and ``decision`` (confirmed, tentative, rejected).
    {support_} {features_in_}

    Notes
    -----
    Kursa and Rudnicki 2010 (doi:10.18637/jss.v036.i11): in every round the features still in play and a shuffled copy
    of each (five at least) enter a forest; a feature more important than the best copy has a hit. By chance hits are at
    most Binomial(trials, 1/2), which is tested on both sides. Importance is the mean decrease of impurity; classes are
    weighted to balance. For a survival target the forest predicts the martingale residual of the null model.

    *How to read it.* Boruta looks for all relevant features, twins included; it does not make a small set. Features
    confirmed here can still be useless together.

    Examples
    --------
    >>> import numpy as np, pandas as pd
    >>> rng = np.random.default_rng(0)
    >>> X = pd.DataFrame(rng.normal(size=(100, 4)), columns=list("abcd"))
    >>> boruta = BorutaSelector(n_trees=30, max_iterations=15, random_state=0)
    >>> boruta.fit(X, X["b"] + 0.2 * rng.normal(size=100) > 0).get_feature_names_out().tolist()
    ['b']
    """

    def __init__(
        self,
        *,
        n_trees: Count = 100,
        max_iterations: Count = 50,
        alpha: ShareBetween = 0.05,
        keep_tentative: bool = False,
        min_features: CountOrZero = 1,
        n_jobs: int | None = None,
        random_state: Seed = None,
    ) -> None:
        self.n_trees = n_trees
        self.max_iterations = max_iterations
        self.alpha = alpha
        self.keep_tentative = keep_tentative
        self.min_features = min_features
        self.n_jobs = n_jobs
        self.random_state = random_state

    def fit(self, X: Cases, y: Outcome) -> Self:
        """Confirm and reject features.

        Parameters
        ----------
        {X} {y}

        {returns_itself}

        Raises
        ------
        {bad_fit}
        """
        values, target = self._check(X, y)
        rng = as_random_state(self.random_state)
        p = values.shape[1]
        hits, trials, importance = np.zeros(p, dtype=int), np.zeros(p, dtype=int), np.zeros(p)
        confirmed, rejected = np.zeros(p, dtype=bool), np.zeros(p, dtype=bool)
        for _ in range(self.max_iterations):
            playing = np.flatnonzero(~rejected)
            if confirmed[playing].all():
                break
            real, shadow = self._importances(values[:, playing], target, rng)
            trials[playing] += 1
            hits[playing] += real > shadow
            importance[playing] += real
            level = self.alpha / p
            confirmed |= ~rejected & (binom.sf(hits - 1, trials, 0.5) < level)
            rejected |= ~confirmed & (trials > 0) & (binom.cdf(hits, trials, 0.5) < level)
        support = confirmed | (~rejected if self.keep_tentative else False)
        self.support_ = at_least(support, -(hits / np.maximum(trials, 1)), self.min_features)
        decision = np.where(confirmed, "confirmed", np.where(rejected, "rejected", "tentative")).astype(object)
        self.scores_ = self._scores(
            hits=hits, trials=trials, importance=importance / np.maximum(trials, 1), decision=decision
        )
        return self

    def _importances(self, X: FloatArray, y: NDArray[Any], rng: np.random.RandomState) -> tuple[FloatArray, float]:
        """Return the importance of each feature, and of the best shuffled one."""
        copies = np.resize(np.arange(X.shape[1]), max(X.shape[1], MIN_SHADOWS))
        shadows = _shuffled(X[:, copies], rng)
        settings = {
            "n_estimators": self.n_trees,
            "max_features": "sqrt",
            "n_jobs": self.n_jobs,
            "random_state": rng.randint(2**31 - 1),
        }
        if is_survival_target(y):
            forest: Any = RandomForestRegressor(**settings).fit(np.hstack([X, shadows]), residuals(y))
        else:
            forest = RandomForestClassifier(class_weight="balanced", **settings).fit(np.hstack([X, shadows]), y)
        importance = forest.feature_importances_
        return importance[: X.shape[1]], float(importance[X.shape[1] :].max())


def _shuffled(X: FloatArray, rng: np.random.RandomState) -> FloatArray:
    order = np.argsort(rng.random_sample(X.shape), axis=0)
    return np.take_along_axis(X, order, axis=0)
