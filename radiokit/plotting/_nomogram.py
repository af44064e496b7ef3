"""The nomogram on paper: one ruler a predictor, total points, and what they mean."""

from __future__ import annotations

import textwrap
from dataclasses import dataclass, field
from numbers import Number
from typing import Self

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.text import Text

from radiokit.exceptions import InputError
from radiokit.nomogram import Nomogram
from radiokit.plotting._display import TableDisplay, check_columns
from radiokit.plotting._style import plain, style
from radiokit.plotting.palette import FAINT, INK

PROBABILITIES = (0.001, 0.01, 0.05, *(round(0.1 * k, 1) for k in range(1, 10)), 0.95, 0.99, 0.999)
LINE_INCHES = 0.15  # height of one line of tick labels
LABEL_WIDTH = 26  # characters before a predictor's name is wrapped


@dataclass
class Ruler:
    """One horizontal axis of the nomogram: ticks at fractions of the width."""

    label: str
    at: list[float]
    ticks: list[str]
    every: bool  # every tick must be labelled (levels), or labels may be left out (numbers)
    above: bool = False  # the labels of the points ruler stand above it
    where: list[float] = field(default_factory=list)  # the middle of each label
    slots: list[int | None] = field(default_factory=list)


class NomogramDisplay(TableDisplay):
    """A nomogram: points for each predictor, their sum, and the predicted probability.

    Parameters
    ----------
    table : DataFrame
        ``variable, value, points``: the ticks of each predictor's ruler.
    scale : DataFrame
        ``total_points`` and one column for each outcome ruler (``probability``, or survival at a time).
    time_unit : str
        Unit of the times in the names of the outcome rulers.

    Notes
    -----
    How to read it: find the patient's value on each ruler, go up to the points, add them, and read the outcome below
    the total. The width of a ruler is the weight of its predictor.

    Examples
    --------
    >>> table = pd.DataFrame({"variable": "age", "value": [40, 60, 80], "points": [0.0, 50.0, 100.0]})
    >>> scale = pd.DataFrame({"total_points": [0.0, 100.0], "probability": [0.05, 0.8]})
    >>> NomogramDisplay.from_frame(table, scale).plot().close()
    """

    def __init__(self, table: pd.DataFrame, scale: pd.DataFrame, *, time_unit: str = "") -> None:
        self.table = check_columns(table, ("variable", "value", "points"), what="The points table")
        self.scale = check_columns(scale, ("total_points",), what="The scale").sort_values("total_points")
        self.time_unit = time_unit
        self.outcomes = [c for c in scale.columns if c not in ("total_points", "linear_predictor")]
        if not self.outcomes:
            raise InputError("The scale has only total_points; required: a column of probabilities beside it.")

    @classmethod
    def from_nomogram(cls, nomogram: Nomogram) -> Self:
        """Take a `radiokit.nomogram.Nomogram`.

        Parameters
        ----------
        nomogram : Nomogram
            With ``table`` and ``scale``.

        {undrawn}

        Examples
        --------
        >>> NomogramDisplay.from_nomogram(nomogram).plot()  # doctest: +SKIP
        """
        return cls(nomogram.table, nomogram.scale)

    def plot(self, *, ax: Axes | None = None) -> Self:
        """Draw the rulers.

        Parameters
        ----------
        ax : Axes, optional
            Where to draw, with room for the names on its left; a new figure if absent.

        {drawn}

        Examples
        --------
        >>> table = pd.DataFrame({"variable": "age", "value": [40, 80], "points": [0.0, 100.0]})
        >>> scale = pd.DataFrame({"total_points": [0.0, 100.0], "probability": [0.05, 0.8]})
        >>> NomogramDisplay.from_frame(table, scale).plot().close()
        """
        with style():
            rulers = self._rulers()
            own = ax is None
            ax = self._open(ax, 7.2, 4.0, layout=None)
            if own:
                names = [line for ruler in rulers for line in _wrapped(ruler.label)]
                widest = max(_text_width(ax, name, 8) for name in names) / self.figure_.bbox.width
                ax.set_position((widest + 0.035, 0.02, 0.945 - widest, 0.96))
            ax.set(xlim=(0, 1), xticks=[], yticks=[])
            ax.spines[:].set_visible(False)
            width = ax.get_window_extent().width
            for ruler in rulers:
                widths = [_text_width(ax, text) / width for text in ruler.ticks]
                # A long label near an end would run into the names on the left or off the paper.
                ruler.where = [
                    at if not ruler.every else float(np.clip(at, w / 2, max(w / 2, 1 - w / 2)))
                    for at, w in zip(ruler.at, widths, strict=True)
                ]
                ruler.slots = _place(ruler, widths)
            heights = [LINE_INCHES * (1.8 + _lines_above(r) + _lines_below(r)) for r in rulers]
            if own:
                self.figure_.set_size_inches(7.2, sum(heights) + 0.1)
            ax.set_ylim(sum(heights), 0)
            top = 0.0
            for ruler, height in zip(rulers, heights, strict=True):
                _draw(ax, ruler, top + LINE_INCHES * (1.0 + _lines_above(ruler)))
                top += height
        return self

    def _rulers(self) -> list[Ruler]:
        most = float(self.table["points"].max())
        if not most > 0:
            raise InputError("All points are 0; required: a model in which a predictor has an effect.")
        marks = np.linspace(0, _nice_end(most), 11)
        points = Ruler(
            "Points", [m / most for m in marks if m <= most * 1.001], _numbers(marks, most), False, above=True
        )
        rulers = [points]
        for variable, part in self.table.groupby("variable", sort=False):
            number = all(isinstance(v, Number) and not isinstance(v, bool) for v in part["value"])
            ticks = [f"{v:g}".replace("-", "−") if number else str(v) for v in part["value"]]
            rulers.append(Ruler(str(variable), (part["points"] / most).tolist(), ticks, every=not number))
        least, largest = float(self.scale["total_points"].iloc[0]), float(self.scale["total_points"].iloc[-1])
        step = _nice_step((largest - least) / 10)
        # Whole steps around the range: every total that a patient can have lies on the ruler.
        totals = np.arange(np.floor(least / step), np.ceil(largest / step) + 1) * step
        low, high = float(totals[0]), float(totals[-1])
        at = ((totals - low) / (high - low)).tolist()
        rulers.append(Ruler("Total points", at, [f"{t:g}" for t in totals], every=False))
        return rulers + [self._outcome_ruler(outcome, low, high) for outcome in self.outcomes]

    def _outcome_ruler(self, outcome: str, low: float, high: float) -> Ruler:
        known = self.scale[np.isfinite(self.scale[outcome].astype(float))]
        total, value = known["total_points"].to_numpy(dtype=float), known[outcome].to_numpy(dtype=float)
        if value[0] > value[-1]:
            total, value = total[::-1], value[::-1]
        if value.min() >= 0 and value.max() <= 1:
            wanted = [p for p in PROBABILITIES if value[0] <= p <= value[-1]]
        else:
            wanted = np.quantile(value, np.linspace(0.05, 0.95, 7)).round().tolist()
        at = (np.interp(wanted, value, total) - low) / (high - low)
        return Ruler(_outcome_label(outcome, self.time_unit), at.tolist(), [f"{w:g}" for w in wanted], every=False)


def _outcome_label(outcome: str, unit: str = "") -> str:
    """Return `survival_24.0` as words, with the unit of the time; other names with spaces."""
    name, _, time = outcome.rpartition("_")
    try:
        words = name.replace("_", " ").capitalize()
        return f"{words} at {float(time):.4g} {unit}".rstrip() if name else outcome.capitalize()
    except ValueError:
        return outcome.replace("_", " ").capitalize()


def _nice_step(rough: float) -> float:
    power = 10.0 ** np.floor(np.log10(rough))
    return float(next(m for m in (1, 2, 5, 10) if m * power >= rough * 0.999) * power)


def _nice_end(most: float) -> float:
    step = _nice_step(most / 10)
    return float(10 * step if most <= 10 * step else most)


def _numbers(marks: np.ndarray, most: float) -> list[str]:
    return [f"{m:g}" for m in marks if m <= most * 1.001]


def _wrapped(name: str) -> list[str]:
    return textwrap.wrap(name, LABEL_WIDTH)[:3] or [name]


def _text_width(ax: Axes, text: str, size: float = 7) -> float:
    figure = ax.get_figure(root=True)
    drawn = Text(0, 0, plain(text), fontsize=size)
    drawn.set_figure(figure)  # type: ignore[arg-type]
    return float(drawn.get_window_extent(figure.canvas.get_renderer()).width)  # type: ignore[union-attr]


def _place(ruler: Ruler, widths: list[float]) -> list[int | None]:
    """Give each tick's label a line: 1, 2, ... below the ruler, -1, -2 above; None where numbers are too dense."""
    lines = [-1] if ruler.above else ([1, -1, 2, -2, 3, -3] if ruler.every else [1])
    taken: dict[int, list[tuple[float, float]]] = {}
    slots: list[int | None] = [None] * len(ruler.at)
    # The ends matter most, so they are placed first; then from left to right.
    order = sorted(range(len(ruler.at)), key=lambda i: ruler.at[i])
    if not ruler.every and len(order) > 2:
        order = [order[0], order[-1], *order[1:-1]]
    for place, i in enumerate(order):
        left, right = ruler.where[i] - widths[i] / 2, ruler.where[i] + widths[i] / 2
        # On a very short ruler the two ends stand on both sides of it.
        for line in [1, -1] if lines == [1] and place < 2 else lines:
            if all(right + 0.008 < a or b + 0.008 < left for a, b in taken.get(line, [])):
                taken.setdefault(line, []).append((left, right))
                slots[i] = line
                break
        else:
            slots[i] = lines[-1] if ruler.every else None
    return slots


def _lines_above(ruler: Ruler) -> int:
    return max((-s for s in ruler.slots if s is not None and s < 0), default=0)


def _lines_below(ruler: Ruler) -> int:
    return max((s for s in ruler.slots if s is not None and s > 0), default=0)


def _draw(ax: Axes, ruler: Ruler, y: float) -> None:
    """Draw one ruler at height y (inches from the top)."""
    ax.axhline(y, color=FAINT, lw=0.4, zorder=0)
    ax.plot([min(ruler.at), max(ruler.at)], [y, y], color=INK, lw=0.9, solid_capstyle="butt", clip_on=False)
    for at, where, text, slot in zip(ruler.at, ruler.where, ruler.ticks, ruler.slots, strict=True):
        up = slot is not None and slot < 0
        length = 0.05 if slot is not None else 0.03
        ax.plot([at, at], [y, y - length if up else y + length], color=INK, lw=0.7, clip_on=False)
        if slot is not None:
            line = abs(slot) - 1
            shift = -(0.06 + line * LINE_INCHES) if up else 0.06 + line * LINE_INCHES
            if line or where != at:
                ax.plot([at, where], [y, y + shift], color="#9aa5b1", lw=0.5, zorder=0, clip_on=False)
            ax.text(where, y + shift, plain(text), ha="center", va="bottom" if up else "top", fontsize=7)
    name = "\n".join(_wrapped(ruler.label))
    ax.text(-0.02, y, plain(name), ha="right", va="center", fontsize=8, linespacing=1.0)
