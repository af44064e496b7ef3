"""Keep features that a selector chooses again and again in subsamples."""

from __future__ import annotations

from functools import partial
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.base import clone

from radiokit.engine.elastic_net import elastic_net_path
from radiokit.engine.inputs import FloatArray, Seed
from radiokit.selection._base import Selector, at_least
from radiokit.utils import is_survival_target, parallel_map, spawn_seeds
from radiokit.utils.estimators import Cases, Estimator, Outcome
from radiokit.utils.parameters import Count, CountOrZero, ShareAboveZero, ShareBetween


class StabilitySelector(Selector):
    r"""Keep features that another selector chooses in most of many subsamples.

    Parameters
    ----------
    estimator : selector, optional
        Anything with ``get_support``. Default: the first features on the LASSO path, as many as keep `false_bound_` at
        1 (their number is in `n_first_`).
    n_subsamples : int
        How many subsamples.
    fraction : float in (0, 1)
        Share of the cases in each, drawn without replacement within the classes (or events and censored).
    threshold : float in (0, 1]
        Share of the subsamples in which a feature must be chosen.
    min_features : int
        At least so many features stay, those chosen most often.
    {n_jobs} {random_state}

    Attributes
    ----------
    scores_ : DataFrame
        Index ``feature``: ``frequency``, the share of the subsamples in which it was chosen.
    false_bound_ : float
        Bound on the expected number of false features, :math:`q^2 / ((2\pi - 1) p)` with q features chosen on average
        (inf for a threshold of 0.5 or less).
    n_first_ : int or None
        Features taken from each LASSO path; None with an `estimator`.
    {support_} {features_in_}

    Notes
    -----
    Meinshausen and Bühlmann 2010 (doi:10.1111/j.1467-9868.2010.00740.x), who take the first
    :math:`q = \sqrt{(2\pi - 1) p}` features of the path, no cross-validation needed; for a threshold of 0.5 or less,
    which has no bound, :math:`\sqrt{p}`. The bound holds for halves and under exchangeability of the features without
    effect, which correlated radiomic features only approximate.

    *How to read it.* A frequency of 0.9 means that nearly any half of these patients would have chosen this feature.
    Two features that are nearly the same share their frequency; remove correlated features first.

    Examples
    --------
    >>> import numpy as np, pandas as pd
    >>> rng = np.random.default_rng(0)
    >>> X = pd.DataFrame(rng.normal(size=(100, 5)), columns=list("abcde"))
    >>> y = X["c"] + 0.3 * rng.normal(size=100) > 0
    >>> StabilitySelector(n_subsamples=10, random_state=0).fit(X, y).scores_["frequency"]["c"]
    np.float64(1.0)
    """

    def __init__(
        self,
        estimator: Estimator | None = None,
        *,
        n_subsamples: Count = 100,
        fraction: ShareBetween = 0.5,
        threshold: ShareAboveZero = 0.6,
        min_features: CountOrZero = 1,
        n_jobs: int | None = None,
        random_state: Seed = None,
    ) -> None:
        self.estimator = estimator
        self.n_subsamples = n_subsamples
        self.fraction = fraction
        self.threshold = threshold
        self.min_features = min_features
        self.n_jobs = n_jobs
        self.random_state = random_state

    def fit(self, X: Cases, y: Outcome) -> Self:
        """Count how often each feature is chosen.

        Parameters
        ----------
        {X} {y}

        {returns_itself}

        Raises
        ------
        {bad_fit}
        """
        values, target = self._check(X, y)
        self.n_first_ = _first(self.threshold, values.shape[1]) if self.estimator is None else None
        task = partial(
            _chosen, selector=self.estimator, first=self.n_first_, X=values, y=target, fraction=self.fraction
        )
        supports = parallel_map(task, spawn_seeds(self.random_state, self.n_subsamples), n_jobs=self.n_jobs)
        frequency = np.mean(supports, axis=0)
        q, p = float(np.sum(frequency)), values.shape[1]
        self.false_bound_ = q**2 / ((2 * self.threshold - 1) * p) if self.threshold > 0.5 else np.inf
        self.support_ = at_least(frequency >= self.threshold, -frequency, self.min_features)
        self.scores_ = self._scores(frequency=frequency)
        return self


def _first(threshold: float, p: int) -> int:
    """How many features of a path keep the bound at 1."""
    return max(1, int(np.sqrt((2 * threshold - 1 if threshold > 0.5 else 1.0) * p)))


def first_on_path(X: FloatArray, y: NDArray[Any], count: int) -> NDArray[np.bool_]:
    """Mark the features that have a coefficient at the smallest penalty with at most `count` of them."""
    # The end of a path costs most, and is seldom needed.
    path = elastic_net_path(X, y, n_lambdas=50, lambda_min_ratio=0.1)
    if path.n_features[-1] < count:
        path = elastic_net_path(X, y)
    allowed = np.flatnonzero(path.n_features <= count)
    return path.coef[allowed[-1] if allowed.size else 0] != 0


def _chosen(
    seed: int, *, selector: Any, first: int | None, X: FloatArray, y: NDArray[Any], fraction: float
) -> NDArray[np.bool_]:
    rng = np.random.default_rng(seed)
    label = y["event"] if is_survival_target(y) else y
    parts = [np.flatnonzero(label), np.flatnonzero(~label)]
    # Two of each at least: a selector that cross-validates needs them.
    sizes = [min(part.size, max(2, round(fraction * part.size))) for part in parts]
    rows = np.concatenate([rng.choice(part, size, replace=False) for part, size in zip(parts, sizes, strict=True)])
    if first is not None:
        return first_on_path(X[rows], y[rows], first)
    fresh = clone(selector)
    free = [k for k, v in fresh.get_params().items() if k.split("__")[-1] == "random_state" and v is None]
    fresh.set_params(**dict.fromkeys(free, seed))
    return np.asarray(fresh.fit(X[rows], y[rows]).get_support())
