"""Where patients and features went: the flow chart and the funnel."""

from __future__ import annotations

import textwrap
from typing import Any

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.patches import FancyBboxPatch

from radiokit.plotting._display import ModelDisplay, TableDisplay, check_columns
from radiokit.plotting._style import plain
from radiokit.plotting.palette import COLORS, GREY, INK

BOX, GAP, LINE = 0.55, 0.42, 0.17  # inches: height of a box, space between boxes, one line beside an arrow
WIDTH, LEFT_OUT_WIDTH = 6.6, 56  # inches of the figure; characters of a line beside an arrow
COHORTS = ("training", "train", "test", "external")


class FlowDisplay(TableDisplay):
    """Patient flow: what was left after each step, what was left out and why, and the cohorts at the end.

    Parameters
    ----------
    flow : DataFrame
        ``step, n_patients`` and optionally ``n_cases, reason, cohort``. A row is a stage with what remains, except that
        rows with the step ``excluded`` hold what left, with its ``reason``. Rows with a ``cohort``, or with the steps
        ``training``, ``test`` and ``external``, are the parts into which the last stage is divided.

    Examples
    --------
    >>> steps, reasons = ["read", "excluded", "training", "test"], ["", "no outcome", "", ""]
    >>> flow = pd.DataFrame({"step": steps, "n_patients": [120, 3, 80, 37], "reason": reasons})
    >>> FlowDisplay.from_frame(flow).plot().close()
    """

    def __init__(self, flow: pd.DataFrame) -> None:
        self.flow = check_columns(flow, ("step", "n_patients"), what="The flow")

    def _size(self) -> tuple[float, float]:
        stages, beside, branches = self._parts()
        return WIDTH, BOX * (len(stages) + bool(branches)) + sum(_gaps(stages, beside, branches)) + 0.1

    def _draw(self, ax: Axes) -> None:
        stages, beside, branches = self._parts()
        gaps = _gaps(stages, beside, branches)
        ax.set(xlim=(0, WIDTH), ylim=(-self._size()[1], 0.05), xticks=[], yticks=[])
        ax.spines[:].set_visible(False)
        middle = 1.9 if any(beside) or len(branches) < 2 else WIDTH / 2
        top = 0.0
        for i, stage in enumerate(stages):
            _box(ax, middle, top, 3.2, str(stage["step"]), _counts(stage))
            top -= BOX
            if i < len(gaps):
                _write_beside(ax, middle, top - gaps[i] / 2, beside[i])
            if i < len(stages) - 1:
                _arrow(ax, (middle, top), (middle, top - gaps[i]))
                top -= gaps[i]
        for k, branch in enumerate(branches):
            x, turn, end = WIDTH * (k + 0.5) / len(branches), top - gaps[-1] * 0.72, top - gaps[-1]
            ax.plot([middle, middle, x], [top, turn, turn], color=GREY, lw=0.8)
            _arrow(ax, (x, turn), (x, end))
            _box(ax, x, end, min(3.2, (WIDTH - 0.2) / len(branches)), str(branch["step"]), _counts(branch))

    def _parts(self) -> tuple[list[pd.Series], list[list[str]], list[pd.Series]]:
        """Return the stages, what is written beside the arrow under each, and the cohorts."""
        stages: list[pd.Series] = []
        beside: list[list[str]] = []
        branches: list[pd.Series] = []
        for _, row in self.flow.iterrows():
            step = str(row["step"]).strip().lower()
            if pd.notna(row.get("cohort")) or (stages and step in COHORTS):
                branches.append(row)
            elif step == "excluded" and stages:
                beside[-1] += _lines(f"Excluded: {_counts(row, always=True)}", row.get("reason"))
            else:
                if stages and not beside[-1]:
                    beside[-1] = _difference(stages[-1], row)
                stages.append(row)
                beside.append([])
        return stages, beside, branches


def _gaps(stages: list[pd.Series], beside: list[list[str]], branches: list[pd.Series]) -> list[float]:
    """Return the space under each stage that has an arrow: room for what is written beside it."""
    gaps = [GAP + LINE * max(0, len(lines) - 1) for lines in beside]
    return gaps[: len(stages) - 1 + bool(branches)]


def _counts(row: pd.Series, *, always: bool = False) -> str:
    patients = _counted(int(row["n_patients"]), "patients")
    cases = row.get("n_cases")
    if pd.isna(cases) or (cases == row["n_patients"] and not always):
        return patients
    return f"{patients}, {_counted(int(cases), 'cases')}"


def _counted(n: int, what: str) -> str:
    return f"{n} {what[:-1] if n == 1 else what}"


def _difference(before: pd.Series, after: pd.Series) -> list[str]:
    """Say what a stage without a row of its own left out."""
    names = [n for n in ("n_patients", "n_cases") if pd.notna(before.get(n)) and pd.notna(after.get(n))]
    lost = {name: int(before[name] - after[name]) for name in names}
    if not any(n > 0 for n in lost.values()):
        return []
    counted = ", ".join(_counted(n, name[2:]) for name, n in lost.items() if n > 0)
    return _lines(f"Not carried on: {counted}", after.get("reason"))


def _lines(text: str, reason: object) -> list[str]:
    known = reason is not None and not pd.isna(reason) and str(reason) != ""
    return textwrap.wrap(f"{text} ({reason})" if known else text, LEFT_OUT_WIDTH)[:3]


def _write_beside(ax: Axes, x: float, y: float, lines: list[str]) -> None:
    if not lines:
        return
    ax.annotate(
        plain("\n".join(lines)), (x, y), (x + 0.5, y), va="center", fontsize=7.5, color=INK,
        arrowprops={"arrowstyle": "<-", "color": GREY, "lw": 0.8, "shrinkA": 2, "shrinkB": 0},
    )  # fmt: skip


def _box(ax: Axes, x: float, top: float, width: float, title: str, counts: str) -> None:
    frame: dict[str, Any] = {"boxstyle": "round,pad=0,rounding_size=0.06", "fc": "#f4f6f8", "ec": GREY, "lw": 0.8}
    ax.add_patch(FancyBboxPatch((x - width / 2, top - BOX), width, BOX, **frame))
    wrapped = "\n".join(textwrap.wrap(title[:1].upper() + title[1:], int(width * 15))[:2])
    text = plain(f"{wrapped}\n{counts}")
    ax.text(x, top - BOX / 2, text, ha="center", va="center", fontsize=7.5, linespacing=1.2)


def _arrow(ax: Axes, start: tuple[float, float], end: tuple[float, float]) -> None:
    ax.annotate("", end, start, arrowprops={"arrowstyle": "-|>", "color": GREY, "lw": 0.8, "shrinkA": 0, "shrinkB": 0})


class FunnelDisplay(ModelDisplay):
    """How many features each selection step left, for each model.

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

    def _models(self) -> list[str]:
        return [str(m) for m in self.funnel["model"].unique()]

    def _size(self) -> tuple[float, float]:
        models = self._models()
        return 5.2, 0.35 + 0.24 * len(self.funnel) + 0.3 * (len(models) - 1) + 0.25 * (models != [""])

    def _draw(self, ax: Axes) -> None:
        """One block of bars for each model."""
        y, ticks, labels = 0.0, [], []
        most = float(self.funnel["n_features"].max())
        for model, part in self.funnel.groupby("model", sort=False):
            if model:
                ax.text(0, y - 0.1, plain(model), fontweight="bold", va="bottom", fontsize=8)
                y += 0.5
            color = self._look(str(model), self._models())["color"] if model else COLORS[0]
            for step, n in zip(part["step"], part["n_features"], strict=True):
                ax.barh(y, n, height=0.7, color=color, alpha=0.85)
                ax.text(n + 0.012 * most, y, f"{int(n):,}", va="center", fontsize=7.5)
                ticks.append(y)
                labels.append(plain(step))
                y += 1
            y += 0.7
        ax.set_yticks(ticks, labels)
        ax.set(ylim=(y - 1.25, -0.6), xlim=(0, 1.12 * max(most, 1.0)), xticks=[])
        ax.set_xlabel("Features left", labelpad=2)
        ax.tick_params(axis="y", length=0)
        ax.spines[:].set_visible(False)
