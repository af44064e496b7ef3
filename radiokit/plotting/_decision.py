"""Decision curves."""

from __future__ import annotations

from typing import Self

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.ticker import PercentFormatter
from numpy.typing import ArrayLike, NDArray

from radiokit import stats
from radiokit.plotting._display import ClassifierDisplay, check_columns
from radiokit.plotting._scores import Scores, named_scores, positive_probability
from radiokit.plotting._style import draw_band, plain
from radiokit.plotting.palette import FAINT, INK
from radiokit.utils.estimators import Cases

# Thin and solid: dots and dashes belong to models.
REFERENCES = {"all": ("Treat all", INK), "none": ("Treat none", FAINT)}


class DecisionCurveDisplay(ClassifierDisplay):
    """Net benefit against the threshold probability.

    Parameters
    ----------
    curve : DataFrame
        ``model, threshold, net_benefit`` as `radiokit.stats.decision_curve` gives it, with the models ``all`` and
        ``none``; with ``ci_low, ci_high`` (from `radiokit.stats.decision_curve_band`) bands are drawn.

    Examples
    --------
    >>> score = {"radiomics": [0.1, 0.6, 0.4, 0.9]}
    >>> DecisionCurveDisplay.from_predictions([0, 0, 1, 1], score, thresholds=[0.2, 0.5]).plot().close()
    """

    def __init__(self, curve: pd.DataFrame) -> None:
        self.curve = check_columns(curve, ("model", "threshold", "net_benefit"), what="The decision curve")

    @classmethod
    def from_predictions(
        cls, y_true: ArrayLike, probabilities: Scores, *, thresholds: ArrayLike | None = None, time: float | None = None
    ) -> Self:
        """Compute the curves of frozen predictions.

        Parameters
        ----------
        y_true : array-like of shape (n,)
            Binary outcome, or a survival target together with `time`.
        probabilities : array-like, mapping or DataFrame
            Predicted probabilities, by model.
        thresholds : array-like, optional
            Threshold probabilities.
        time : float, optional
            Horizon, for a survival outcome.

        {undrawn}

        Examples
        --------
        >>> display = DecisionCurveDisplay.from_predictions([0, 1], [0.2, 0.7], thresholds=[0.5])
        >>> display.curve["model"].tolist()
        ['all', 'none', 'model']
        """
        return cls(stats.decision_curve(y_true, named_scores(y_true, probabilities), thresholds=thresholds, time=time))

    @staticmethod
    def _score(estimator: object, X: Cases) -> NDArray[np.float64]:
        return positive_probability(estimator, X)

    _inches = (4.6, 3.8)

    def _draw(self, ax: Axes) -> None:
        curves = {str(name): part for name, part in self.curve.groupby("model", sort=False)}
        models = [name for name in curves if name not in REFERENCES]
        for name in models:
            part, look = curves[name], self._look(name, models)
            ax.plot(part["threshold"], part["net_benefit"], label=plain(name), **look)
            if {"ci_low", "ci_high"} <= set(part.columns):
                draw_band(ax, part["threshold"], part["ci_low"], part["ci_high"], look["color"])
        for name, (label, color) in REFERENCES.items():
            if name in curves:
                part = curves[name]
                ax.plot(part["threshold"], part["net_benefit"], color=color, lw=1, label=label, zorder=1.9)
        # Below zero only the sign matters: treating all soon falls out of any useful scale.
        top = float(self.curve["net_benefit"].max())
        top = top if top > 0 else 0.05
        ax.set(xlabel="Threshold probability", ylabel="Net benefit", ylim=(-0.25 * top, 1.12 * top))
        ax.xaxis.set_major_formatter(PercentFormatter(1.0, decimals=0))
        ax.margins(x=0.01)
        # Below the axes, where no curve can lie under it.
        ax.legend(loc="upper left", bbox_to_anchor=(0.0, -0.17), ncols=2)
