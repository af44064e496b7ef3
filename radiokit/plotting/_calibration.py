"""Calibration: the smooth curve, groups with intervals, and where the predictions lie."""

from __future__ import annotations

from typing import Any, Self

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.ticker import PercentFormatter
from numpy.typing import ArrayLike, NDArray

from radiokit.plotting._display import ClassifierDisplay, check_columns
from radiokit.plotting._scores import Scores, named_scores, positive_probability
from radiokit.plotting._style import plain
from radiokit.plotting.palette import GREY
from radiokit.stats import calibration_curve, calibration_table
from radiokit.utils.estimators import Cases

STRIP = 0.16  # height of the histogram's strip, in units of the probability axis


class CalibrationDisplay(ClassifierDisplay):
    """Observed proportion against predicted probability.

    Parameters
    ----------
    curves : DataFrame
        ``model, predicted, observed``: smooth curves. ``model`` is the name in the legend.
    groups : DataFrame, optional
        ``model, predicted, observed, ci_low, ci_high``: groups of similar prediction.
    predictions : DataFrame, optional
        ``model, y_true, probability``: drawn as a histogram below, cases with the outcome upwards.

    Examples
    --------
    >>> import numpy as np
    >>> p = np.linspace(0.05, 0.95, 40)
    >>> display = CalibrationDisplay.from_predictions(p > np.tile([0.3, 0.7], 20), {"radiomics": p}, bins=4).plot()
    >>> display.close()
    """

    def __init__(
        self, curves: pd.DataFrame, groups: pd.DataFrame | None = None, predictions: pd.DataFrame | None = None
    ) -> None:
        self.curves = check_columns(curves, ("model", "predicted", "observed"), what="curves")
        self.groups = groups
        self.predictions = predictions
        self.outcome = "proportion"

    @classmethod
    def from_predictions(
        cls, y_true: ArrayLike, probabilities: Scores, *, bins: int = 5, confidence_level: float = 0.95
    ) -> Self:
        """Compute lowess curves and groups of equal size from frozen predictions.

        Parameters
        ----------
        {y_true}
        probabilities : array-like, mapping or DataFrame
            Predicted probabilities, by model.
        bins : int
            Number of groups.
        confidence_level : float
            Level of the groups' intervals (Wilson).

        {undrawn}

        Examples
        --------
        >>> p = [0.1, 0.2, 0.4, 0.6, 0.7, 0.9]
        >>> CalibrationDisplay.from_predictions([0, 0, 1, 0, 1, 1], p, bins=2).groups["observed"].round(2).tolist()
        [0.33, 0.67]
        """
        curves, groups, predictions = [], [], []
        for name, p in named_scores(y_true, probabilities).items():
            table = calibration_table(y_true, p, bins=bins, confidence_level=confidence_level)
            # Fewer than four distinct predictions leave no room for a smooth curve: the groups are the curve.
            smooth = calibration_curve(y_true, p, method="lowess") if np.unique(p).size >= 4 else table
            curves.append(smooth[["predicted", "observed"]].assign(model=name))
            groups.append(table.assign(model=name))
            predictions.append(pd.DataFrame({"model": name, "y_true": np.asarray(y_true), "probability": p}))
        return cls(pd.concat(curves), pd.concat(groups), pd.concat(predictions))

    @classmethod
    def from_frame(cls, curve: pd.DataFrame) -> Self:
        """Take the apparent and the bias-corrected curve of `radiokit.validation.calibration_curve_corrected`.

        Parameters
        ----------
        curve : DataFrame
            ``predicted, apparent, corrected``.

        {undrawn}

        Examples
        --------
        >>> curve = pd.DataFrame({"predicted": [0.2, 0.8], "apparent": [0.1, 0.9], "corrected": [0.2, 0.8]})
        >>> CalibrationDisplay.from_frame(curve).curves["model"].unique().tolist()
        ['Apparent', 'Bias-corrected']
        """
        check_columns(curve, ("predicted", "apparent", "corrected"), what="The corrected curve")
        names = {"apparent": "Apparent", "corrected": "Bias-corrected"}
        parts = [
            # A correction may take a proportion out of the range it can have.
            pd.DataFrame({"model": label, "predicted": curve["predicted"], "observed": curve[column].clip(0, 1)})
            for column, label in names.items()
        ]
        return cls(pd.concat(parts))

    @classmethod
    def from_groups(cls, groups: pd.DataFrame, *, outcome: str = "proportion") -> Self:
        """Take groups of similar prediction, each with what was observed; a line joins those of a model.

        Parameters
        ----------
        groups : DataFrame
            ``model, predicted, observed`` and optionally ``ci_low, ci_high``.
        outcome : {"proportion", "survival"}
            What was predicted, for the labels of the axes.

        {undrawn}

        Examples
        --------
        >>> groups = pd.DataFrame({"model": "a", "predicted": [0.3, 0.8], "observed": [0.4, 0.7]})
        >>> CalibrationDisplay.from_groups(groups, outcome="survival").plot().ax_.get_xlabel()
        'Predicted survival'
        """
        check_columns(groups, ("model", "predicted", "observed"), what="The groups")
        ordered = groups.sort_values(["model", "predicted"], kind="stable")
        display = cls(ordered[["model", "predicted", "observed"]], ordered)
        display.outcome = outcome
        return display

    @staticmethod
    def _score(estimator: object, X: Cases) -> NDArray[np.float64]:
        return positive_probability(estimator, X)

    def _size(self) -> tuple[float, float]:
        return 3.6, 3.5 if self.predictions is None else 3.8

    def _draw(self, ax: Axes) -> None:
        ax.plot([0, 1], [0, 1], color=GREY, lw=0.7, ls=(0, (2, 2)), zorder=0, label="Ideal")
        curves = {str(name): part for name, part in self.curves.groupby("model", sort=False)}
        looks = {name: self._look(name, list(curves)) for name in curves}
        for i, (name, curve) in enumerate(curves.items()):
            ax.plot(curve["predicted"], curve["observed"], label=plain(name), **looks[name])
            if self.groups is not None and (self.groups["model"] == name).any():
                _draw_groups(ax, self.groups[self.groups["model"] == name], looks[name]["color"], "osD^vP"[i % 6])
        ax.set(xlim=(-0.02, 1.02), ylim=(-0.02, 1.02), ylabel=f"Observed {self.outcome}")
        ax.set_aspect("equal")
        ax.legend(loc="upper left")
        if self.predictions is not None:
            _draw_histogram(ax, self.predictions, {name: look["color"] for name, look in looks.items()})
        ax.set_xlabel("Predicted survival" if self.outcome == "survival" else "Predicted probability")
        ax.set_yticks(np.linspace(0, 1, 6))
        for axis in (ax.xaxis, ax.yaxis):
            axis.set_major_formatter(PercentFormatter(1.0, decimals=0))


def _draw_groups(ax: Axes, groups: pd.DataFrame, color: str, marker: str) -> None:
    observed = groups["observed"]
    if not {"ci_low", "ci_high"} <= set(groups.columns):
        groups = groups.assign(ci_low=observed, ci_high=observed)
    reach = np.vstack([observed - groups["ci_low"], groups["ci_high"] - observed]).clip(min=0)
    ax.errorbar(
        groups["predicted"], observed, yerr=reach,
        fmt=marker, ms=4, mfc="white", mec=color, ecolor=color, elinewidth=0.7, mew=1,
    )  # fmt: skip


def _draw_histogram(ax: Axes, predictions: pd.DataFrame, colors: dict[str, str]) -> None:
    """Draw the predictions in a strip under the curve: cases with the outcome upwards, the others downwards."""
    edges = np.linspace(0, 1, 41)
    counts = {
        (name, outcome): np.histogram(part["probability"], edges)[0]
        for name in colors
        for outcome, part in predictions[predictions["model"] == name].groupby("y_true")
    }
    tallest = max(1, *(int(n.max()) for n in counts.values()))
    for (name, outcome), n in counts.items():
        height = (STRIP / 2 - 0.02) * n / tallest * (1 if outcome else -1)
        look: dict[str, Any] = {"fill": True, "alpha": 0.85} if len(colors) == 1 else {"lw": 0.8}
        ax.stairs(height - STRIP / 2, edges, baseline=-STRIP / 2, color=colors[name], **look)
    ax.axhline(-STRIP / 2, color=GREY, lw=0.5)
    for text, at in (("yes", -STRIP / 4), ("no", -3 * STRIP / 4)):
        ax.text(1.03, at, text, fontsize=6, color=GREY, va="center")
    ax.set_ylim(-STRIP - 0.01, 1.02)
