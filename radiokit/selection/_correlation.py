"""Of correlated features keep one."""

from __future__ import annotations

from typing import Any, Literal, Self

import numpy as np
from scipy.stats import rankdata

from radiokit.engine.inputs import FloatArray
from radiokit.selection._base import Selector
from radiokit.selection._relevance import relevance
from radiokit.utils import feature_values
from radiokit.utils.estimators import Cases, Outcome, feature_names
from radiokit.utils.parameters import ShareAboveZero, check_parameters


class CorrelationSelector(Selector):
    r"""Keep features of which no two correlate above a threshold.

    Parameters
    ----------
    threshold : float in (0, 1]
        Largest absolute correlation between two features that stay.
    method : {"spearman", "pearson"}
        The correlation.
    keep : {"relevance", "first"}
        Which of two correlated features stays: the one that alone predicts the outcome better, or the one that comes
        first in the table (then no outcome is needed).

    Attributes
    ----------
    scores_ : DataFrame
        Index ``feature``: ``relevance`` (distance of the AUC from 0.5, or absolute log-rank z; NaN with
        ``keep="first"``), ``correlation`` with the feature that displaced it, or the largest with those that stay, and
        ``displaced_by`` (its name, or None where the feature stays).
    {support_} {features_in_}

    Notes
    -----
    Features are taken in order (of relevance or of the table); one stays if :math:`|r| \le` `threshold` with all that
    stay already. So every feature that goes has a representative that stays, which pairwise schemes such as caret's
    ``findCorrelation`` do not promise. Cost O(p k n) for k features kept; no p x p matrix is built.

    *How to read it.* Correlated features carry one piece of information. Which of them is kept is partly
    chance: `displaced_by` names the feature that was kept instead, and another sample might have kept the other.

    Examples
    --------
    >>> import pandas as pd
    >>> X = pd.DataFrame({"a": [1, 2, 3, 4, 5, 6.0], "b": [2, 4, 6, 8, 10, 13.0], "c": [1, 0, 2, 0, 1, 0.0]})
    >>> CorrelationSelector(keep="first").fit(X).scores_["displaced_by"].tolist()
    [None, 'a', None]
    """

    def __init__(
        self,
        *,
        threshold: ShareAboveZero = 0.9,
        method: Literal["spearman", "pearson"] = "spearman",
        keep: Literal["relevance", "first"] = "relevance",
    ) -> None:
        self.threshold = threshold
        self.method = method
        self.keep = keep

    def fit(self, X: Cases, y: Outcome | None = None) -> Self:
        """Learn which features stay.

        Parameters
        ----------
        {X}
        y : array-like of shape (n,)
            Binary outcome or survival target; not used with ``keep="first"``.

        {returns_itself}

        Raises
        ------
        {bad_fit}
        """
        if self.keep == "first":
            check_parameters(self)
            values = feature_values(self, X, ensure_min_samples=2)
            importance = np.full(values.shape[1], np.nan)
            order = np.arange(values.shape[1])
        else:
            values, target = self._check(X, y)
            importance = relevance(values, target)
            order = np.argsort(-importance, kind="stable")
        unit = unit_columns(rankdata(values, axis=0) if self.method == "spearman" else values)
        correlation, displaced = _thin(unit, order, self.threshold)
        self.support_ = displaced < 0
        names = feature_names(self)
        self.scores_ = self._scores(
            relevance=importance,
            correlation=correlation,
            displaced_by=np.array([names[j] if j >= 0 else None for j in displaced], dtype=object),
        )
        return self

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.target_tags.required = self.keep == "relevance"
        return tags


def unit_columns(values: FloatArray) -> FloatArray:
    """Columns centred and of length 1, as rows; zeros for constant ones, which correlate with nothing."""
    centred = (values - values.mean(axis=0)).T
    length = np.sqrt(np.einsum("ij,ij->i", centred, centred))
    constant = np.ptp(values, axis=0) == 0
    return np.where(constant[:, None], 0.0, centred / np.where(constant, 1.0, length)[:, None])


def _thin(unit: FloatArray, order: np.ndarray, threshold: float) -> tuple[FloatArray, np.ndarray]:
    """Correlation with, and position of, the feature that displaces each (-1 where it stays)."""
    p = len(unit)
    correlation, displaced = np.zeros(p), np.full(p, -1)
    kept = np.empty_like(unit)
    who: list[int] = []
    for j in order:
        if who:
            r = np.abs(kept[: len(who)] @ unit[j])
            closest = int(np.argmax(r))
            correlation[j] = min(float(r[closest]), 1.0)
            # A correlation of exactly the threshold, computed another way, must not count as above it.
            if r[closest] > threshold + 1e-12:
                displaced[j] = who[closest]
                continue
        kept[len(who)] = unit[j]
        who.append(int(j))
    return correlation, displaced
