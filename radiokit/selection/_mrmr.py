"""Minimum redundancy, maximum relevance."""

from __future__ import annotations

from typing import Self

import numpy as np

from radiokit.engine.inputs import FloatArray
from radiokit.selection._base import Selector
from radiokit.selection._correlation import unit_columns
from radiokit.selection._relevance import residuals
from radiokit.utils.estimators import Cases, Outcome
from radiokit.utils.parameters import Count

MAX_SQUARED = 1 - 1e-12  # keeps the information of identical features finite


class MRMRSelector(Selector):
    r"""Keep features of much information about the outcome and little about each other.

    Parameters
    ----------
    n_features : int
        How many stay.

    Attributes
    ----------
    scores_ : DataFrame
        Index ``feature``: ``relevance`` (mutual information with the outcome), ``redundancy`` (mean mutual information
        with the features chosen before it, at the time it was chosen or with all chosen), ``score`` (their difference)
        and ``rank`` (1 is chosen first; NaN where not chosen).
    {support_} {features_in_}

    Notes
    -----
    Greedy: the first feature has the largest relevance; each further one the largest :math:`I(x; y) - \frac{1}{|S|}
    \sum_{s \in S} I(x; s)` (Peng et al. 2005, doi:10.1109/TPAMI.2005.159). Mutual information is that of normal
    variables, :math:`I = -\frac12 \log(1 - r^2)` with Pearson's r, as ``mRMRe::mRMR.classic``
    (doi:10.1093/bioinformatics/btt383). For a survival target y is the martingale residual of the null model.

    *How to read it.* The ranks order a set that works together, they do not measure single features: a good feature
    can rank low because its twin is in the set.

    Examples
    --------
    >>> import numpy as np, pandas as pd
    >>> rng = np.random.default_rng(0)
    >>> X = pd.DataFrame(rng.normal(size=(60, 3)), columns=["a", "b", "noise"]).assign(twin=lambda d: d["a"] * 1.01)
    >>> chosen = MRMRSelector(n_features=2).fit(X, X["a"] + X["b"] > 0)
    >>> chosen.scores_["rank"].notna().tolist()
    [True, True, False, False]
    """

    def __init__(self, *, n_features: Count = 10) -> None:
        self.n_features = n_features

    def fit(self, X: Cases, y: Outcome) -> Self:
        """Choose the features.

        Parameters
        ----------
        {X} {y}

        {returns_itself}

        Raises
        ------
        {bad_fit}
        """
        values, target = self._check(X, y)
        unit = unit_columns(values)
        relevance = information(unit @ unit_columns(residuals(target)[:, None])[0])
        p = len(relevance)
        rank, total = np.full(p, np.nan), np.zeros(p)
        redundancy, open_ = np.zeros(p), np.ones(p, dtype=bool)
        for k in range(min(self.n_features, p)):
            redundancy = np.where(open_, total / max(k, 1), redundancy)
            best = int(np.argmax(np.where(open_, relevance - redundancy, -np.inf)))
            open_[best], rank[best] = False, k + 1
            total += information(unit @ unit[best])
        redundancy = np.where(open_, total / np.sum(~open_), redundancy)
        self.support_ = ~open_
        self.scores_ = self._scores(relevance=relevance, redundancy=redundancy, score=relevance - redundancy, rank=rank)
        return self


def information(r: FloatArray) -> FloatArray:
    """Mutual information of normal variables with correlation r, in nats."""
    return -0.5 * np.log1p(-np.minimum(r**2, MAX_SQUARED))
