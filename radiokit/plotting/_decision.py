"""Decision curves."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Self

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.ticker import PercentFormatter
from numpy.typing import ArrayLike

from radiokit import stats
from radiokit.plotting._display import Display, check_columns
from radiokit.plotting._scores import named_scores, positive_probability
from radiokit.plotting._style import color_of, dash_of, plain, style
from radiokit.plotting.palette import FAINT, INK
from radiokit.utils import same_rows

# Thin and solid: dots and dashes belong to models.
REFERENCES = {"all": ("Treat all", INK, "-"), "none": ("Treat none", FAINT, "-")}


class DecisionCurveDisplay(Display):
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
        cls,
        y_true: ArrayLike,
        probabilities: ArrayLike | Mapping[str, ArrayLike] | pd.DataFrame,
        *,
        thresholds: ArrayLike | None = None,
        time: float | None = None,
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

        Returns
        -------
        DecisionCurveDisplay
            Not yet drawn: call ``plot``.

        Examples
        --------
        >>> display = DecisionCurveDisplay.from_predictions([0, 1], [0.2, 0.7], thresholds=[0.5])
        >>> display.curve["model"].tolist()
        ['all', 'none', 'model']
        """
        return cls(stats.decision_curve(y_true, named_scores(y_true, probabilities), thresholds=thresholds, time=time))

    @classmethod
    def from_frame(cls, curve: pd.DataFrame) -> Self:
        """Take curves already computed.

        Parameters
        ----------
        curve : DataFrame
            ``model, threshold, net_benefit``.

        Returns
        -------
        DecisionCurveDisplay
            Not yet drawn: call ``plot``.

        Examples
        --------
        >>> curve = pd.DataFrame({"model": ["a"], "threshold": [0.5], "net_benefit": [0.1]})
        >>> DecisionCurveDisplay.from_frame(curve).curve["net_benefit"].item()
        0.1
        """
        return cls(curve)

    @classmethod
    def from_estimator(cls, estimator: Any, X: Any, y: ArrayLike, *, name: str | None = None) -> Self:
        """Compute the curve of a fitted classifier.

        Parameters
        ----------
        estimator : classifier
            Fitted, with ``predict_proba``.
        X : array-like of shape (n, p)
            Cases it was not trained on.
        y : array-like of shape (n,)
            Binary outcome.
        name : str, optional
            Name in the legend; the class if absent.

        Returns
        -------
        DecisionCurveDisplay
            Not yet drawn: call ``plot``.

        Examples
        --------
        >>> from sklearn.linear_model import LogisticRegression
        >>> X, y = [[1.0], [2.0], [3.0], [4.0]], [0, 1, 0, 1]
        >>> display = DecisionCurveDisplay.from_estimator(LogisticRegression().fit(X, y), X, y, name="a")
        >>> "a" in set(display.curve["model"])
        True
        """
        same_rows(X=X, y=y)
        return cls.from_predictions(y, {name or type(estimator).__name__: positive_probability(estimator, X)})

    def plot(self, *, ax: Axes | None = None, colors: dict[str, str] | None = None) -> Self:
        """Draw the curves.

        Parameters
        ----------
        ax : Axes, optional
            Where to draw; a new figure if absent.
        colors : dict, optional
            Colour by model, to be the same across figures.

        Returns
        -------
        DecisionCurveDisplay
            Itself, with ``ax_`` and ``figure_``.

        Examples
        --------
        >>> curve = pd.DataFrame({"model": "a", "threshold": [0.4, 0.5], "net_benefit": [0.1, 0.05]})
        >>> DecisionCurveDisplay.from_frame(curve).plot().close()
        """
        with style():
            ax = self._open(ax, 4.6, 3.8)
            curves = {str(name): part for name, part in self.curve.groupby("model", sort=False)}
            models = [name for name in curves if name not in REFERENCES]
            for name, (label, color, dash) in REFERENCES.items():
                if name in curves:
                    ax.plot(
                        curves[name]["threshold"], curves[name]["net_benefit"], color=color, ls=dash, lw=1, label=label
                    )
            for name in models:
                part = curves[name]
                line = {
                    "color": color_of(name, models, colors),
                    "ls": dash_of(name, models, colors),
                    "label": plain(name),
                }
                ax.plot(part["threshold"], part["net_benefit"], **line)
                if {"ci_low", "ci_high"} <= set(part.columns):
                    band = {"color": line["color"], "alpha": 0.12, "lw": 0}
                    ax.fill_between(part["threshold"], part["ci_low"], part["ci_high"], **band)
            # Below zero only the sign matters: treating all soon falls out of any useful scale.
            top = float(self.curve["net_benefit"].max())
            top = top if top > 0 else 0.05
            ax.set(xlabel="Threshold probability", ylabel="Net benefit", ylim=(-0.25 * top, 1.12 * top))
            ax.xaxis.set_major_formatter(PercentFormatter(1.0, decimals=0))
            ax.margins(x=0.01)
            handles, labels = ax.get_legend_handles_labels()
            order = [*range(len(labels) - len(models), len(labels)), *range(len(labels) - len(models))]
            # Below the axes, where no curve can lie under it.
            shown = [handles[i] for i in order], [labels[i] for i in order]
            ax.legend(*shown, loc="upper left", bbox_to_anchor=(0.0, -0.17), ncols=2)
        return self
