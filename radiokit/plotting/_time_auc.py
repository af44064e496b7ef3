"""Discrimination over time."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Self

import pandas as pd
from matplotlib.axes import Axes
from numpy.typing import ArrayLike

from radiokit import stats
from radiokit.plotting._display import Display, check_columns
from radiokit.plotting._scores import named_scores
from radiokit.plotting._style import color_of, dash_of, plain, style
from radiokit.plotting.palette import GREY


class TimeAucDisplay(Display):
    """Time-dependent AUC of one or more risks, with their intervals.

    Parameters
    ----------
    table : DataFrame
        ``time, auc`` and optionally ``model, ci_low, ci_high``.
    time_unit : str
        For the axis.

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
        y: Any,
        risks: ArrayLike | Mapping[str, ArrayLike] | pd.DataFrame,
        *,
        times: ArrayLike,
        confidence_level: float = 0.95,
        time_unit: str = "",
    ) -> Self:
        """Compute cumulative/dynamic AUCs as `radiokit.stats.time_auc`.

        Parameters
        ----------
        y : structured array or DataFrame with `event` and `time`
            The outcome.
        risks : array-like, mapping or DataFrame
            Risks by model, higher is worse.
        times : array-like
            When to evaluate.
        confidence_level : float
            Level of the intervals.
        time_unit : str
            For the axis.

        Returns
        -------
        TimeAucDisplay
            Not yet drawn: call ``plot``.

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

    @classmethod
    def from_frame(cls, table: pd.DataFrame, *, time_unit: str = "") -> Self:
        """Take a table already computed.

        Parameters
        ----------
        table : DataFrame
            ``time, auc, ci_low, ci_high`` and optionally ``model``.
        time_unit : str
            For the axis.

        Returns
        -------
        TimeAucDisplay
            Not yet drawn: call ``plot``.

        Examples
        --------
        >>> TimeAucDisplay.from_frame(pd.DataFrame({"time": [12], "auc": [0.8]})).table["model"].item()
        'model'
        """
        return cls(table, time_unit=time_unit)

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
        TimeAucDisplay
            Itself, with ``ax_`` and ``figure_``.

        Examples
        --------
        >>> TimeAucDisplay.from_frame(pd.DataFrame({"time": [12, 24], "auc": [0.8, 0.7]})).plot().close()
        """
        with style():
            ax = self._open(ax, 4.4, 3.0)
            groups = {str(name): part.sort_values("time") for name, part in self.table.groupby("model", sort=False)}
            names = list(groups)
            for name, part in groups.items():
                color = color_of(name, names, colors)
                ax.plot(part["time"], part["auc"], "o", ms=3, color=color)
                ax.plot(part["time"], part["auc"], color=color, ls=dash_of(name, names, colors), label=plain(name))
                if {"ci_low", "ci_high"} <= set(part.columns):
                    ax.fill_between(part["time"], part["ci_low"], part["ci_high"], color=color, alpha=0.12, lw=0)
            ax.axhline(0.5, color=GREY, lw=0.7, ls=(0, (2, 2)))
            unit = f" ({plain(self.time_unit)})" if self.time_unit else ""
            ax.set(xlabel=f"Time{unit}", ylabel="AUC", ylim=(min(0.4, ax.get_ylim()[0]), 1.02))
            if len(names) > 1:
                ax.legend(loc="lower left")
        return self
