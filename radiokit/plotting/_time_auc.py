"""Discrimination over time."""

from __future__ import annotations

from typing import Self

import pandas as pd
from matplotlib.axes import Axes
from numpy.typing import ArrayLike

from radiokit import stats
from radiokit.plotting._display import ModelDisplay, check_columns
from radiokit.plotting._scores import Scores, named_scores
from radiokit.plotting._style import draw_band, plain, time_label
from radiokit.plotting.palette import GREY


class TimeAucDisplay(ModelDisplay):
    """Time-dependent AUC of one or more risks, with their intervals.

    Parameters
    ----------
    table : DataFrame
        ``time, auc`` and optionally ``model, ci_low, ci_high``.
    {time_unit}

    Examples
    --------
    >>> table = pd.DataFrame({"time": [12, 24], "auc": [0.8, 0.7], "ci_low": [0.7, 0.6], "ci_high": [0.9, 0.8]})
    >>> TimeAucDisplay.from_frame(table, time_unit="months").plot().close()
    """

    def __init__(self, table: pd.DataFrame, *, time_unit: str = "") -> None:
        check_columns(table, ("time", "auc"), what="The table of time-dependent AUC")
        self.table = table if "model" in table else table.assign(model="model")
        self.time_unit = time_unit

    @classmethod
    def from_predictions(
        cls,
        y: ArrayLike | pd.DataFrame,
        risks: Scores,
        *,
        times: ArrayLike,
        confidence_level: float = 0.95,
        time_unit: str = "",
    ) -> Self:
        """Compute cumulative/dynamic AUCs as `radiokit.stats.time_auc`.

        Parameters
        ----------
        {y_survival}
        risks : array-like, mapping or DataFrame
            Risks by model, higher is worse.
        {times}
        {confidence_level}
        {time_unit}

        {undrawn}

        Examples
        --------
        >>> y = pd.DataFrame({"event": [1, 0, 1, 1], "time": [3.0, 8.0, 5.0, 9.0]})
        >>> TimeAucDisplay.from_predictions(y, [4.0, 1.0, 3.0, 2.0], times=[6.0]).table["auc"].item()
        1.0
        """
        parts = [
            stats.time_auc(y, risk, times, confidence_level=confidence_level).assign(model=name)
            for name, risk in named_scores(y, risks).items()
        ]
        return cls(pd.concat(parts, ignore_index=True), time_unit=time_unit)

    _inches = (4.4, 3.0)

    def _draw(self, ax: Axes) -> None:
        models = {str(name): part.sort_values("time") for name, part in self.table.groupby("model", sort=False)}
        for name, part in models.items():
            look = self._look(name, list(models))
            ax.plot(part["time"], part["auc"], "o", ms=3, color=look["color"])
            ax.plot(part["time"], part["auc"], label=plain(name), **look)
            if {"ci_low", "ci_high"} <= set(part.columns):
                draw_band(ax, part["time"], part["ci_low"], part["ci_high"], look["color"])
        ax.axhline(0.5, color=GREY, lw=0.7, ls=(0, (2, 2)))
        ax.set(xlabel=time_label(self.time_unit), ylabel="AUC", ylim=(min(0.4, ax.get_ylim()[0]), 1.02))
        if len(models) > 1:
            ax.legend(loc="lower left")
