"""Where patients and features went: the flow chart and the funnel."""

from __future__ import annotations

import textwrap
from typing import Any, Self

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.patches import FancyBboxPatch

from radiokit.plotting._display import Display, check_columns
from radiokit.plotting._style import COLORS, GREY, INK, color_of, plain, style

ROW, BOX = 1.0, 0.62  # inches from box to box, height of a box


class FlowDisplay(Display):
    """Patient flow: what was left after each step, what was left out and why, and the cohorts at the end.

    Parameters
    ----------
    flow : DataFrame
        ``step, n_patients`` and optionally ``n_cases, reason, cohort``. A row is a stage with what remains; ``reason``
        says why fewer remain than before. Rows with a ``cohort`` are the parts into which the last stage is split.

    Examples
    --------
    >>> flow = pd.DataFrame({"step": ["Read", "Outcome known"], "n_patients": [120, 117], "reason": ["", "no outcome"]})
    >>> FlowDisplay.from_frame(flow).plot().close()
    """

    def __init__(self, flow: pd.DataFrame) -> None:
        self.flow = check_columns(flow, ("step", "n_patients"), what="The flow")

    @classmethod
    def from_frame(cls, flow: pd.DataFrame) -> Self:
        """Take a flow table.

        Parameters
        ----------
        flow : DataFrame
            ``step, n_patients, n_cases, reason, cohort``.

        Returns
        -------
        FlowDisplay
        """
        return cls(flow)

    def plot(self, *, ax: Axes | None = None) -> Self:
        """Draw the boxes.

        Parameters
        ----------
        ax : Axes, optional
            Where to draw; a new figure if absent.

        Returns
        -------
        FlowDisplay
            Itself, with ``ax_`` and ``figure_``.
        """
        with style():
            split = self.flow["cohort"].notna() if "cohort" in self.flow else pd.Series(False, index=self.flow.index)
            trunk, branches = self.flow[~split], self.flow[split]
            rows = len(trunk) + (1 if len(branches) else 0)
            ax = self._open(ax, 6.4, ROW * rows + 0.1)
            ax.set(xlim=(0, 6.4), ylim=(-ROW * rows, 0.05), xticks=[], yticks=[])
            ax.spines[:].set_visible(False)
            middle = 1.9 if trunk["n_patients"].diff().lt(0).any() or len(branches) < 2 else 3.2
            y = 0.0
            for i, (_, stage) in enumerate(trunk.iterrows()):
                y = -ROW * i - BOX / 2
                _box(ax, middle, y, 3.2, _stage_text(stage))
                if i:
                    _arrow(ax, (middle, y + ROW - BOX / 2), (middle, y + BOX / 2))
                    _left_out(ax, trunk.iloc[i - 1], stage, middle, y + ROW / 2)
            self._plot_branches(ax, branches, middle, y)
        return self

    def _plot_branches(self, ax: Axes, branches: pd.DataFrame, middle: float, y: float) -> None:
        n = len(branches)
        for k, (_, branch) in enumerate(branches.iterrows()):
            x = 6.4 * (k + 0.5) / n
            below = y - ROW
            turn = y - ROW / 2
            ax.plot([middle, middle, x, x], [y - BOX / 2, turn, turn, turn - 0.05], color=GREY, lw=0.8)
            _arrow(ax, (x, turn), (x, below + BOX / 2))
            _box(ax, x, below, min(3.2, 6.2 / n), _stage_text(branch))


def _stage_text(stage: pd.Series) -> str:
    return f"{stage['step']}\n{_counts(stage)}"


def _counts(stage: pd.Series) -> str:
    patients = _counted(int(stage["n_patients"]), "patients")
    cases = stage.get("n_cases")
    return (
        patients if pd.isna(cases) or cases == stage["n_patients"] else f"{patients}, {_counted(int(cases), 'cases')}"
    )


def _counted(n: int, what: str) -> str:
    return f"{n} {what[:-1] if n == 1 else what}"


def _left_out(ax: Axes, before: pd.Series, after: pd.Series, x: float, y: float) -> None:
    lost = {name: int(before[name] - after[name]) for name in ("n_patients", "n_cases") if pd.notna(after.get(name))}
    if not any(n > 0 for n in lost.values()):
        return
    counted = ", ".join(_counted(n, name[2:]) for name, n in lost.items() if n > 0)
    reason = "" if pd.isna(after.get("reason")) else str(after["reason"])
    text = "\n".join(textwrap.wrap(f"Left out: {counted}" + (f" ({reason})" if reason else ""), 56)[:3])
    ax.annotate(
        plain(text), (x, y), (x + 0.55, y), va="center", fontsize=7.5, color=INK,
        arrowprops={"arrowstyle": "<-", "color": GREY, "lw": 0.8, "shrinkA": 2, "shrinkB": 0},
    )  # fmt: skip


def _box(ax: Axes, x: float, y: float, width: float, text: str) -> None:
    frame: dict[str, Any] = {"boxstyle": "round,pad=0,rounding_size=0.06", "fc": "#f4f6f8", "ec": GREY, "lw": 0.8}
    ax.add_patch(FancyBboxPatch((x - width / 2, y - BOX / 2), width, BOX, **frame))
    first, _, second = text.rpartition("\n")
    wrapped = "\n".join(textwrap.wrap(first, int(width * 15))[:2])
    ax.text(x, y, plain(f"{wrapped}\n{second}"), ha="center", va="center", fontsize=7.5, linespacing=1.25)


def _arrow(ax: Axes, start: tuple[float, float], end: tuple[float, float]) -> None:
    ax.annotate("", end, start, arrowprops={"arrowstyle": "-|>", "color": GREY, "lw": 0.8, "shrinkA": 0, "shrinkB": 0})


class FunnelDisplay(Display):
    """How many features each selection step left, per model.

    Parameters
    ----------
    funnel : DataFrame
        ``step, n_features`` and optionally ``model``, in the order of the steps.

    Examples
    --------
    >>> funnel = pd.DataFrame({"step": ["extracted", "LASSO"], "n_features": [107, 5]})
    >>> FunnelDisplay.from_frame(funnel).plot().close()
    """

    def __init__(self, funnel: pd.DataFrame) -> None:
        check_columns(funnel, ("step", "n_features"), what="The funnel")
        self.funnel = funnel if "model" in funnel else funnel.assign(model="")

    @classmethod
    def from_frame(cls, funnel: pd.DataFrame) -> Self:
        """Take a table of counts.

        Parameters
        ----------
        funnel : DataFrame
            ``model, step, n_features``.

        Returns
        -------
        FunnelDisplay
        """
        return cls(funnel)

    def plot(self, *, ax: Axes | None = None, colors: dict[str, str] | None = None) -> Self:
        """Draw the bars, one block a model.

        Parameters
        ----------
        ax : Axes, optional
            Where to draw; a new figure if absent.
        colors : dict, optional
            Colour by model.

        Returns
        -------
        FunnelDisplay
            Itself, with ``ax_`` and ``figure_``.
        """
        with style():
            models = [str(m) for m in self.funnel["model"].unique()]
            ax = self._open(ax, 5.2, 0.35 + 0.24 * len(self.funnel) + 0.3 * (len(models) - 1) + 0.25 * (models != [""]))
            y, ticks, labels = 0.0, [], []
            most = float(self.funnel["n_features"].max())
            for model, part in self.funnel.groupby("model", sort=False):
                if model:
                    ax.text(0, y - 0.1, plain(model), fontweight="bold", va="bottom", fontsize=8)
                    y += 0.5
                for _, row in part.iterrows():
                    color = color_of(str(model), models, colors) if model else COLORS[0]
                    ax.barh(y, row["n_features"], height=0.7, color=color, alpha=0.85)
                    ax.text(
                        row["n_features"] + 0.012 * most, y, f"{int(row['n_features']):,}", va="center", fontsize=7.5
                    )
                    ticks.append(y)
                    labels.append(plain(row["step"]))
                    y += 1
                y += 0.7
            ax.set_yticks(ticks, labels)
            ax.set(ylim=(y - 1.25, -0.6), xlim=(0, 1.12 * max(most, 1.0)), xticks=[])
            ax.set_xlabel("Features left", labelpad=2)
            ax.tick_params(axis="y", length=0)
            ax.spines[:].set_visible(False)
        return self
