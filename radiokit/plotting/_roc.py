"""ROC curves of several models or cohorts, with their areas."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Self

import pandas as pd
from matplotlib.axes import Axes
from numpy.typing import ArrayLike

from radiokit.plotting._display import ClassifierDisplay, check_columns
from radiokit.plotting._scores import Scores, named_scores
from radiokit.plotting._style import estimate_text, interval_label, plain
from radiokit.plotting.palette import GREY
from radiokit.stats import auc, roc_curve


class RocDisplay(ClassifierDisplay):
    """ROC curves; the legend holds the AUC with DeLong's interval.

    Parameters
    ----------
    curves : DataFrame
        ``model, fpr, sensitivity``, the points of each curve in order.
    areas : DataFrame
        ``model, auc, ci_low, ci_high``, one row for each curve, in the order of the legend; optionally
        ``confidence_level``.
    points : DataFrame, optional
        ``model, fpr, sensitivity``: operating points at frozen thresholds.

    Examples
    --------
    >>> display = RocDisplay.from_predictions([0, 0, 1, 1], {"radiomics": [0.1, 0.6, 0.4, 0.9]}).plot()
    >>> display.areas["auc"].tolist()
    [0.75]
    >>> display.close()
    """

    def __init__(self, curves: pd.DataFrame, areas: pd.DataFrame, points: pd.DataFrame | None = None) -> None:
        self.curves = check_columns(curves, ("model", "fpr", "sensitivity"), what="curves")
        self.areas = check_columns(areas, ("model", "auc", "ci_low", "ci_high"), what="areas")
        self.points = points

    @classmethod
    def from_predictions(
        cls,
        y_true: ArrayLike,
        scores: Scores,
        *,
        thresholds: Mapping[str, float] | None = None,
        confidence_level: float = 0.95,
    ) -> Self:
        """Compute the curves of one or more scores of the same cases.

        Parameters
        ----------
        {y_true}
        scores : array-like, mapping or DataFrame
            One score, or scores by model; higher means more likely positive.
        thresholds : mapping of str to float, optional
            A frozen threshold by model, marked on its curve.
        {confidence_level}

        {undrawn}

        Examples
        --------
        >>> RocDisplay.from_predictions([0, 0, 1, 1], [0.1, 0.6, 0.4, 0.9]).areas["auc"].item()
        0.75
        """
        parts = {name: (y_true, score) for name, score in named_scores(y_true, scores).items()}
        return cls._from_parts(parts, thresholds or {}, confidence_level)

    @classmethod
    def from_frame(
        cls, predictions: pd.DataFrame, *, by: str = "model", score: str = "probability", confidence_level: float = 0.95
    ) -> Self:
        """Compute the curves from a long table of predictions; the cases may differ between curves.

        Parameters
        ----------
        predictions : DataFrame
            Columns ``y_true``, `score`, `by`, and optionally ``threshold`` (the same in all rows of a curve).
        by : str
            The column that names the curve: ``model``, ``cohort`` or another.
        score : str
            The column that holds the score.
        {confidence_level}

        {undrawn}

        Examples
        --------
        >>> frame = pd.DataFrame({"cohort": "test", "y_true": [0, 1], "probability": [0.2, 0.7]})
        >>> RocDisplay.from_frame(frame, by="cohort").areas["model"].tolist()
        ['test']
        """
        check_columns(predictions, (by, "y_true", score), what="predictions")
        groups = {str(name): part for name, part in predictions.groupby(by, sort=False)}
        thresholds = {}
        if "threshold" in predictions:
            values = {name: part["threshold"].dropna().unique() for name, part in groups.items()}
            thresholds = {name: float(found[0]) for name, found in values.items() if len(found) == 1}
        parts = {name: (part["y_true"].to_numpy(), part[score].to_numpy()) for name, part in groups.items()}
        return cls._from_parts(parts, thresholds, confidence_level)

    @classmethod
    def _from_parts(
        cls, parts: Mapping[str, tuple[ArrayLike, ArrayLike]], thresholds: Mapping[str, float], confidence_level: float
    ) -> Self:
        curves, areas, points = [], [], []
        for name, (y, score) in parts.items():
            curve = roc_curve(y, score)
            curves.append(curve[["fpr", "sensitivity"]].assign(model=name))
            area = auc(y, score, confidence_level=confidence_level)
            areas.append(area.to_frame().assign(model=name))
            if name in thresholds:
                # The curve's last point at or above the threshold: positive is score >= threshold.
                at = curve[curve["threshold"] >= thresholds[name]].iloc[[-1]]
                points.append(at[["fpr", "sensitivity"]].assign(model=name))
        return cls(pd.concat(curves), pd.concat(areas), pd.concat(points) if points else None)

    def _size(self) -> tuple[float, float]:
        return 3.6, 3.9 + 0.17 * len(self.areas)

    def _draw(self, ax: Axes) -> None:
        ax.plot([0, 1], [0, 1], color=GREY, lw=0.7, ls=(0, (2, 2)), zorder=0)
        names = [str(name) for name in self.areas["model"]]
        numbers = self.areas[["auc", "ci_low", "ci_high"]].to_numpy(dtype=float)
        for name, area in zip(names, numbers, strict=True):
            curve = self.curves[self.curves["model"] == name]
            look = self._look(name, names)
            ax.plot(curve["fpr"], curve["sensitivity"], label=f"{plain(name)}  {estimate_text(*area)}", **look)
            if self.points is not None:
                point = self.points[self.points["model"] == name]
                ax.plot(point["fpr"], point["sensitivity"], "o", ms=5, mfc="white", mec=look["color"], mew=1.2)
        ax.set(xlabel="1 − specificity", ylabel="Sensitivity", xlim=(-0.02, 1.02), ylim=(-0.02, 1.02))
        ax.set_aspect("equal")
        # Below the axes, where no curve can lie under it.
        title = f"AUC ({interval_label(self._level())})"
        ax.legend(loc="upper left", bbox_to_anchor=(0.0, -0.16), title=title, alignment="left")

    def _level(self) -> float | None:
        """Return the confidence level of all intervals, where it is known and one."""
        levels = self.areas["confidence_level"].unique() if "confidence_level" in self.areas else []
        return float(levels[0]) if len(levels) == 1 else None
