"""Every case as a bar: the waterfall of a score."""

from __future__ import annotations

from typing import Self

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.patches import Patch
from numpy.typing import ArrayLike

from radiokit.exceptions import InputError
from radiokit.plotting._display import Display
from radiokit.plotting._scores import positive_score
from radiokit.plotting._style import plain
from radiokit.plotting.palette import COLORS, GREY
from radiokit.utils import check_binary_target, same_rows
from radiokit.utils.estimators import Cases


class ScoreDisplay(Display):
    """Scores of all cases in order, measured from the threshold, coloured by the outcome.

    Parameters
    ----------
    cases : DataFrame
        ``y_true`` (boolean) and ``score``, one row for each case.
    threshold : float
        The frozen threshold: bars above it are predicted positive.
    labels : tuple of str
        Names of the negative and the positive outcome.

    Examples
    --------
    >>> ScoreDisplay.from_predictions([0, 1, 1], [-1.0, 0.2, 0.9], threshold=0.0).plot().close()
    """

    def __init__(
        self, cases: pd.DataFrame, threshold: float = 0.0, labels: tuple[str, str] = ("no outcome", "outcome")
    ) -> None:
        self.cases = cases.sort_values("score", kind="stable")
        self.threshold = threshold
        self.labels = labels

    @classmethod
    def from_predictions(
        cls,
        y_true: ArrayLike,
        score: ArrayLike,
        *,
        threshold: float = 0.0,
        labels: tuple[str, str] = ("no outcome", "outcome"),
    ) -> Self:
        """Take outcomes and scores.

        Parameters
        ----------
        {y_true}
        score : array-like of shape (n,)
            Score of each case, higher for the positive outcome.
        threshold : float
            Frozen threshold.
        labels : tuple of str
            Names of the negative and the positive outcome.

        {undrawn}

        Examples
        --------
        >>> ScoreDisplay.from_predictions([0, 1, 1], [0.3, 0.1, 0.9]).cases["score"].tolist()
        [0.1, 0.3, 0.9]
        """
        same_rows(y_true=y_true, score=score)
        y = check_binary_target(y_true, both_classes=False)
        values = np.asarray(score, dtype=float)
        if values.shape != y.shape or not np.isfinite(values).all():
            raise InputError(f"score has shape {values.shape}; required: {y.size} finite numbers, one for each case.")
        return cls(pd.DataFrame({"y_true": y, "score": values}), threshold, labels)

    @classmethod
    def from_estimator(cls, estimator: object, X: Cases, y: ArrayLike, *, threshold: float = 0.5) -> Self:
        """Score cases with a fitted classifier.

        Parameters
        ----------
        estimator : classifier
            Fitted.
        X : array-like of shape (n, p)
            Cases.
        y : array-like of shape (n,)
            Binary outcome.
        threshold : float
            Frozen threshold.

        {undrawn}

        Examples
        --------
        >>> from sklearn.linear_model import LogisticRegression
        >>> X, y = [[1.0], [2.0], [3.0], [4.0]], [0, 1, 0, 1]
        >>> ScoreDisplay.from_estimator(LogisticRegression().fit(X, y), X, y).threshold
        0.5
        """
        same_rows(X=X, y=y)
        return cls.from_predictions(y, positive_score(estimator, X), threshold=threshold)

    _inches = (4.7, 2.6)

    def _draw(self, ax: Axes) -> None:
        height = self.cases["score"].to_numpy() - self.threshold
        colors = np.where(self.cases["y_true"], COLORS[1], COLORS[0])
        ax.bar(np.arange(len(height)), height, bottom=self.threshold, width=0.86, color=colors, lw=0)
        ax.axhline(self.threshold, color=GREY, lw=0.8)
        ax.set(xlabel=f"Cases in order of their score (n = {len(height)})", ylabel="Score", xticks=[])
        ax.margins(x=0.01)
        handles = [Patch(color=COLORS[i], label=plain(self.labels[i])) for i in (1, 0)]
        ax.legend(handles=handles, loc="upper left", handlelength=1.0)
