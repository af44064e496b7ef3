"""One restrained style for every figure: colour-blind safe, readable in print and in grey; nothing is set at import."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Literal, TypedDict

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from numpy.typing import ArrayLike

from radiokit.plotting.palette import COLORS, DASHES, GREY, INK, Dash

SETTINGS: dict[str, Any] = {
    "font.size": 8,
    "axes.titlesize": 9,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.labelsize": 8,
    "axes.labelcolor": INK,
    "axes.edgecolor": GREY,
    "axes.linewidth": 0.7,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "xtick.color": GREY,
    "ytick.color": GREY,
    "xtick.labelcolor": INK,
    "ytick.labelcolor": INK,
    "xtick.labelsize": 7.5,
    "ytick.labelsize": 7.5,
    "xtick.major.width": 0.7,
    "ytick.major.width": 0.7,
    "legend.frameon": False,
    "legend.fontsize": 7.5,
    "legend.handlelength": 2.4,
    "lines.linewidth": 1.5,
    "figure.dpi": 110,
    "savefig.dpi": 300,
    "savefig.facecolor": "white",
    # Letters as paths look the same on every machine; the salt makes a figure the same file each time.
    "svg.fonttype": "path",
    "svg.hashsalt": "radiokit",
    "pdf.fonttype": 42,
}


@contextmanager
def style(**changes: Any) -> Iterator[None]:
    """Draw in radiokit's style; on leaving, matplotlib is as it was.

    Parameters
    ----------
    **changes : object
        Further matplotlib settings, with underscores for dots (``font_size=9``).

    Yields
    ------
    None

    Examples
    --------
    >>> import matplotlib as mpl
    >>> before = mpl.rcParams["font.size"]
    >>> with style(font_size=12):
    ...     mpl.rcParams["font.size"]
    12.0
    >>> mpl.rcParams["font.size"] == before
    True
    """
    named = {name.replace("_", ".", 1) if name not in mpl.rcParams else name: v for name, v in changes.items()}
    settings: Any = {**SETTINGS, **named}
    with mpl.rc_context(settings):
        yield


def plain(text: object) -> str:
    """Return text that matplotlib shows as it is: no formula between dollar signs, no label hidden by an underscore."""
    shown = str(text).replace("$", r"\$")
    return f"\u200b{shown}" if shown.startswith("_") else shown


class Look(TypedDict):
    """Colour and line style of a model or group."""

    color: str
    ls: Dash


def look_of(name: str, names: Sequence[str], colors: Mapping[str, str] | None = None) -> Look:
    """Return colour and dash of a model or group: the caller's colour, or the palette's by position.

    A colour always has the same dash, so that a model looks the same in every figure.
    """
    color = (colors or {}).get(name, COLORS[list(names).index(name) % len(COLORS)])
    return {"color": color, "ls": DASHES[COLORS.index(color)] if color in COLORS else (0, (1, 1.2))}


def draw_band(
    ax: Axes, x: ArrayLike, low: ArrayLike, high: ArrayLike, color: str, *, step: Literal["post"] | None = None
) -> None:
    """Shade a confidence band."""
    ax.fill_between(x, low, high, step=step, color=color, alpha=0.12, lw=0)


def time_label(unit: str) -> str:
    """Return the label of a time axis."""
    return f"Time ({plain(unit)})" if unit else "Time"


def label_rows(ax: Axes, names: Sequence[str], beside: Sequence[str] | None = None, *, color: str = INK) -> None:
    """Give each row of a chart its name on the left and a text on the right, the first row on top."""
    rows = range(len(names))
    ax.set_yticks(rows, names)
    ax.set_ylim(len(names) - 0.4, -0.6)
    ax.tick_params(axis="y", length=0)
    ax.spines["left"].set_visible(False)
    if beside is not None:
        right = ax.secondary_yaxis("right")
        right.set_yticks(rows, beside)
        right.tick_params(length=0, labelcolor=color)
        right.spines["right"].set_visible(False)


def p_text(p: float) -> str:
    """Return a p-value as papers print it."""
    if not np.isfinite(p):
        return "p not estimable"
    if p < 0.001:
        return "p < 0.001"
    return f"p = {p:.3f}" if p < 0.1 else f"p = {p:.2f}"


def interval_label(level: float | None) -> str:
    """Return what a bracket beside an estimate holds: ``95% CI``, or ``CI`` where the level is not known.

    Examples
    --------
    >>> interval_label(0.9), interval_label(None)
    ('90% CI', 'CI')
    """
    return "CI" if level is None else f"{100 * level:.10g}% CI"


def estimate_text(estimate: float, low: float, high: float) -> str:
    """Return an estimate with its interval as papers print it."""
    if not np.isfinite(estimate):
        return "not estimable"
    if not np.isfinite([low, high]).all():
        return number_text(estimate)
    return f"{number_text(estimate)} ({number_text(low)}–{number_text(high)})"


def number_text(value: float) -> str:
    """Return two decimals, fewer for large numbers, with a real minus sign."""
    size = abs(value)
    digits = 2 if size < 10 else (1 if size < 100 else 0)
    return f"{value:,.{digits}f}".replace("-", "−")
