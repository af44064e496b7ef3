"""Forest plot of subgroups: whether a model does as well in every kind of patient."""

from __future__ import annotations

from typing import Self

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from radiokit.plotting._display import Display, check_columns
from radiokit.plotting._style import estimate_text, interval_label, label_rows, p_text, plain, style
from radiokit.plotting.palette import COLORS, GREY

LABELS = {"auc": "AUC", "c_index": "C-index", "odds_ratio": "Odds ratio", "hazard_ratio": "Hazard ratio"}
RATIOS = ("odds_ratio", "hazard_ratio")


class SubgroupDisplay(Display):
    """An estimate with its interval in each subgroup, under its variable; the line marks all patients together.

    Parameters
    ----------
    table : DataFrame
        ``variable, level, estimate, ci_low, ci_high`` and optionally ``n, n_events`` and ``interaction_p_value``; the
        row of all patients has the variable ``all``. Rows of one ``metric`` only.
    metric : str
        What the estimates are, for the label of the axis.
    confidence_level : float, optional
        Of the intervals, for the label of the axis.

    Examples
    --------
    >>> table = pd.DataFrame({"variable": ["all", "sex", "sex"], "level": ["", "f", "m"], "estimate": [0.7, 0.8, 0.6],
    ...     "ci_low": [0.6, 0.7, 0.4], "ci_high": [0.8, 0.9, 0.8]})
    >>> SubgroupDisplay.from_frame(table, metric="auc").plot().close()
    """

    def __init__(self, table: pd.DataFrame, *, metric: str = "auc", confidence_level: float | None = None) -> None:
        required = ("variable", "level", "estimate", "ci_low", "ci_high")
        self.table = check_columns(table, required, what="The table of subgroups").reset_index(drop=True)
        self.metric = metric
        self.confidence_level = confidence_level

    @classmethod
    def from_frame(cls, table: pd.DataFrame, *, metric: str = "auc", confidence_level: float | None = None) -> Self:
        """Take the table of subgroups of a study.

        Parameters
        ----------
        table : DataFrame
            As ``StudyResult.tables["subgroups"]``, of one model.
        metric : str
            Which rows are drawn, where the table has a column ``metric``; also the label of the axis.
        confidence_level : float, optional
            Of the intervals, for the label of the axis.

        {undrawn}

        Examples
        --------
        >>> table = pd.DataFrame({"variable": ["all"], "level": [""], "estimate": [0.7], "ci_low": [0.6],
        ...     "ci_high": [0.8]})
        >>> SubgroupDisplay.from_frame(table).metric
        'auc'
        """
        own = table[table["metric"] == metric] if "metric" in table else table
        return cls(own, metric=metric, confidence_level=confidence_level)

    def plot(self, *, ax: Axes | None = None, color: str = COLORS[0]) -> Self:
        """Draw the subgroups.

        Parameters
        ----------
        {ax}
        color : str
            Colour of the markers.

        {drawn}

        Examples
        --------
        >>> table = pd.DataFrame({"variable": ["all"], "level": [""], "estimate": [0.7], "ci_low": [0.6],
        ...     "ci_high": [0.8]})
        >>> SubgroupDisplay.from_frame(table, confidence_level=0.9).plot().ax_.get_xlabel()
        'AUC (90% CI)'
        """
        with style():
            lines = self._lines()
            ax = self._open(ax, 6.8, 0.9 + 0.22 * len(lines))
            self._draw_rows(ax, lines, color)
            label_rows(ax, [left for left, _, _ in lines], [right for _, right, _ in lines])
            for label, (_, _, row) in zip(ax.get_yticklabels(), lines, strict=True):
                label.set_fontweight("normal" if row is not None and self.table.loc[row, "level"] else "bold")
        return self

    def _lines(self) -> list[tuple[str, str, int | None]]:
        """Text on the left, text on the right, and the row of the table: none for the heading of a variable."""
        lines: list[tuple[str, str, int | None]] = []
        for variable, part in self.table.groupby("variable", sort=False):
            if part["level"].iloc[0]:
                p = part["interaction_p_value"].max() if "interaction_p_value" in part else np.nan
                right = f"interaction {p_text(p)}" if np.isfinite(p) else ""
                lines.append((plain(variable), right, None))
            lines += [(self._left(row), self._right(row), int(row)) for row in part.index]
        return lines

    def _left(self, row: int) -> str:
        level = self.table.loc[row, "level"]
        return f"{plain(level)}   " if level else "All patients"

    def _right(self, row: int) -> str:
        own = self.table.loc[row]
        text = estimate_text(own["estimate"], own["ci_low"], own["ci_high"])
        if {"n", "n_events"} <= set(self.table.columns):
            text += f"   {int(own['n_events'])}/{int(own['n'])}"
        return text

    def _draw_rows(self, ax: Axes, lines: list[tuple[str, str, int | None]], color: str) -> None:
        values = self.table[["estimate", "ci_low", "ci_high"]].to_numpy(dtype=float)
        ratio = self.metric in RATIOS
        left, right = self._limits(values, ratio)
        ax.axvline(1.0 if ratio else 0.5, color=GREY, lw=0.8, ls=(0, (2, 2)), zorder=0)
        overall = self.table.index[self.table["variable"] == "all"]
        if len(overall) and np.isfinite(values[overall[0], 0]):
            ax.axvline(values[overall[0], 0], color=color, lw=0.8, alpha=0.5, zorder=0)
        for place, (_, _, row) in enumerate(lines):
            if row is None or not np.isfinite(values[row]).all():
                continue
            estimate, low, high = values[row]
            ax.plot([max(low, left), min(high, right)], [place, place], color=color, lw=1.2)
            ax.plot(estimate, place, "D" if not self.table.loc[row, "level"] else "s", color=color, ms=4.5)
        if ratio:
            ax.set_xscale("log")
            ticks = [t for t in (0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50) if left <= t <= right]
            ax.set_xticks(ticks, [f"{t:g}" for t in ticks])
            ax.minorticks_off()
        label = f"{LABELS.get(self.metric, self.metric)} ({interval_label(self.confidence_level)})"
        ax.set(xlim=(left, right), xlabel=label)

    def _limits(self, values: np.ndarray, ratio: bool) -> tuple[float, float]:
        known = values[np.isfinite(values).all(axis=1)]
        if ratio:
            low = float(np.clip(known[:, 1].min(initial=0.5) / 1.1, 0.05, 0.8))
            return low, float(np.clip(known[:, 2].max(initial=2.0) * 1.1, 1.5, 60.0))
        return float(min(0.4, known[:, 1].min(initial=0.4))), 1.02
