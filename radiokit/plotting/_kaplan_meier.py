"""Kaplan-Meier curves with a risk table."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Self

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.ticker import PercentFormatter
from numpy.typing import ArrayLike, NDArray

from radiokit import stats
from radiokit.plotting._display import TableDisplay, check_columns
from radiokit.plotting._style import Look, draw_band, look_of, p_text, plain, style, time_label

NEEDED = ("time", "n_at_risk", "n_events", "n_censored", "survival")


class KaplanMeierDisplay(TableDisplay):
    """Survival curves by group, with band, censoring marks, numbers at risk and the log-rank p-value.

    Parameters
    ----------
    curve : DataFrame
        ``group, time, n_at_risk, n_events, n_censored, survival`` and optionally ``ci_low, ci_high``, as
        `radiokit.stats.kaplan_meier` gives it.
    p_value : float, optional
        Of the log-rank test.
    {time_unit}

    Examples
    --------
    >>> y = pd.DataFrame({"event": [1, 0, 1, 1], "time": [3.0, 8.0, 5.0, 9.0]})
    >>> display = KaplanMeierDisplay.from_predictions(y, ["low", "low", "high", "high"], time_unit="months").plot()
    >>> display.close()
    """

    def __init__(self, curve: pd.DataFrame, p_value: float | None = None, *, time_unit: str = "") -> None:
        check_columns(curve, NEEDED, what="The Kaplan-Meier curve")
        self.curve = curve if "group" in curve else curve.assign(group="all")
        self.p_value = p_value
        self.time_unit = time_unit

    @classmethod
    def from_predictions(
        cls, y: ArrayLike | pd.DataFrame, groups: ArrayLike | None = None, *, time_unit: str = ""
    ) -> Self:
        """Compute the curves and the log-rank test.

        Parameters
        ----------
        {y_survival}
        groups : array-like of shape (n,), optional
            Risk group of each case, assigned without looking at this outcome.
        {time_unit}

        {undrawn}

        Examples
        --------
        >>> y = pd.DataFrame({"event": [1, 0, 1, 1], "time": [3.0, 8.0, 5.0, 9.0]})
        >>> round(KaplanMeierDisplay.from_predictions(y, ["low", "low", "high", "high"]).p_value, 2)
        0.81
        """
        curve = stats.kaplan_meier(y, groups=groups)
        p_value = None
        if groups is not None and pd.Series(np.asarray(groups)).nunique() > 1:
            p_value = stats.logrank_test(y, groups).p_value
        return cls(curve, p_value, time_unit=time_unit)

    def plot(self, *, ax: Axes | None = None, colors: Mapping[str, str] | None = None, band: bool = True) -> Self:
        """Draw the curves and the risk table.

        Parameters
        ----------
        {ax}
        colors : dict, optional
            Colour of each group.
        band : bool
            Draw the confidence bands.

        {drawn}

        Examples
        --------
        >>> y = pd.DataFrame({"event": [1, 0, 1, 1], "time": [3.0, 8.0, 5.0, 9.0]})
        >>> KaplanMeierDisplay.from_predictions(y).plot(band=False).close()
        """
        with style():
            groups = {str(name): part.sort_values("time") for name, part in self.curve.groupby("group", sort=False)}
            names = list(groups)
            looks = {name: look_of(name, names, colors) for name in names}
            ax = self._open(ax, 4.6, 3.4 + 0.16 * len(names))
            for name, part in groups.items():
                _draw_curve(ax, part, plain(name), looks[name], band=band)
            end = float(self.curve["time"].max())
            ax.set(ylim=(-0.02, 1.04), xlim=(-0.02 * end, 1.03 * end), ylabel="Survival")
            ax.set_xlabel(time_label(self.time_unit))
            ax.yaxis.set_major_formatter(PercentFormatter(1.0, decimals=0))
            if len(names) > 1:
                ax.legend(loc="lower left", bbox_to_anchor=(0.0, 1.0), ncols=min(len(names), 3))
            if self.p_value is not None:
                ax.text(0.03, 0.05, f"Log-rank {p_text(self.p_value)}", transform=ax.transAxes)
            ticks = [t for t in ax.get_xticks() if 0 <= t <= end]
            ax.set_xticks(ticks)
            _draw_risk_table(ax, groups, ticks, [look["color"] for look in looks.values()])
        return self


def _draw_curve(ax: Axes, part: pd.DataFrame, label: str, look: Look, *, band: bool) -> None:
    time, survival = _from_zero(part, "survival")
    ax.step(time, survival, where="post", label=label, **look)
    censored = part[part["n_censored"] > 0]
    ax.plot(censored["time"], censored["survival"], "|", color=look["color"], ms=5, mew=0.9)
    if band and {"ci_low", "ci_high"} <= set(part.columns):
        low, high = _from_zero(part, "ci_low")[1], _from_zero(part, "ci_high")[1]
        draw_band(ax, time, low, high, look["color"], step="post")


def _from_zero(part: pd.DataFrame, column: str) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the steps with a beginning at time 0, where everybody is free of the event."""
    time, values = part["time"].to_numpy(dtype=float), part[column].to_numpy(dtype=float)
    if time[0] > 0:
        time, values = np.append(0.0, time), np.append(1.0, values)
    return time, values


def _draw_risk_table(ax: Axes, groups: dict[str, pd.DataFrame], ticks: list[float], colors: list[str]) -> None:
    """Write the number at risk just before each tick, on lines of their own below the axis."""
    rows = len(groups)
    table = ax.inset_axes((0.0, -0.24 - 0.075 * rows, 1.0, 0.075 * rows), sharex=ax)
    table.set(ylim=(rows - 0.5, -0.5))
    table.set_yticks(range(rows), [plain(name) for name in groups] if rows > 1 else [""])
    table.tick_params(length=0, labelbottom=False)
    table.spines[:].set_visible(False)
    table.set_title("Number at risk", fontsize=7.5, fontweight="normal", loc="left", pad=3)
    for row, (part, color) in enumerate(zip(groups.values(), colors, strict=True)):
        table.get_yticklabels()[row].set_color(color)
        for tick in ticks:
            later = part[part["time"] >= tick]
            n = int(later["n_at_risk"].iloc[0]) if len(later) else 0
            table.text(tick, row, str(n), ha="center", va="center", fontsize=7.5)
