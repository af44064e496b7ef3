"""The ROC curve as points: what partial areas, thresholds and displays stand on."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from radiokit.engine.inputs import FloatArray, outcome_and_score


@dataclass(frozen=True)
class Operating:
    """Counts at every threshold, from the lowest (all cases called positive) to the highest (none)."""

    threshold: FloatArray
    tp: NDArray[np.int64]
    fp: NDArray[np.int64]
    n_positive: int
    n_negative: int

    @property
    def sensitivity(self) -> FloatArray:
        return self.tp / self.n_positive

    @property
    def specificity(self) -> FloatArray:
        return (self.n_negative - self.fp) / self.n_negative


def operating_points(positive: NDArray[np.bool_], score: FloatArray) -> Operating:
    """Count true and false positives at the midpoints between adjacent distinct scores, and at -inf and inf."""
    order = np.argsort(score, kind="stable")
    values, first = np.unique(score[order], return_index=True)
    below = np.append(first, score.size)
    positives_below = np.concatenate([[0], np.cumsum(positive[order])])[below]
    n_positive = int(positive.sum())
    low, high = values[:-1], values[1:]
    middle = low + (high - low) / 2 if np.isinf(low + high).any() else (low + high) / 2
    # Two neighbouring floats have no midpoint between them: the upper one separates them as well.
    middle = np.where(middle <= low, high, middle)
    return Operating(
        threshold=np.concatenate([[-np.inf], middle, [np.inf]]),
        tp=n_positive - positives_below,
        fp=(score.size - n_positive) - (below - positives_below),
        n_positive=n_positive,
        n_negative=int(score.size - n_positive),
    )


def roc_curve(y_true: ArrayLike, score: ArrayLike) -> pd.DataFrame:
    """Points of the ROC curve.

    Parameters
    ----------
    {y_true} {score}

    Returns
    -------
    DataFrame
        ``threshold, sensitivity, specificity, fpr``, from the highest threshold (0, 0) to the lowest (1, 1). Thresholds
        are midpoints between adjacent distinct scores, and infinity at both ends.

    Raises
    ------
    {one_class} {bad_scores}

    Notes
    -----
    As pROC ``roc(direction="<")``: a case is positive if its score is above the threshold (none lies on a midpoint).
    *How to read it.* Each row is one way to cut the score: the share of positives found against the share of negatives
    alarmed. Source: doi:10.1016/j.patrec.2005.10.010.

    Examples
    --------
    >>> roc_curve([0, 1, 0, 1], [1, 2, 3, 4])["threshold"].tolist()
    [inf, 3.5, 2.5, 1.5, -inf]
    """
    points = operating_points(*outcome_and_score(y_true, score))
    table = pd.DataFrame(
        {
            "threshold": points.threshold,
            "sensitivity": points.sensitivity,
            "specificity": points.specificity,
            "fpr": points.fp / points.n_negative,
        }
    )
    return table.iloc[::-1].reset_index(drop=True)
