"""What every figure of a report has: a display, its place, its words, and the colours of the models."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import pandas as pd

from radiokit.plotting import Display
from radiokit.plotting.palette import COLORS, GREY
from radiokit.report._result import Reportable, is_baseline, main_models, model_names


@dataclass(frozen=True)
class Figure:
    """A display with the section it belongs to, its title and caption; `of` is the model or cohort it shows."""

    kind: str
    section: str
    heading: str
    of: str
    caption: str
    display: Display

    @property
    def name(self) -> str:
        """Name of its file."""
        return f"{self.kind}_{self.of}" if self.of else self.kind

    @property
    def title(self) -> str:
        """Title above it."""
        return f"{self.heading}, {self.of}" if self.of else self.heading


def model_colors(result: Reportable) -> dict[str, str]:
    """Return the colour of each model in all figures: the strongest for the main model, grey for baselines."""
    names = model_names(result)
    bright = [m for m in names if not is_baseline(result, m)]
    # Models of several outcomes that hold the same predictors share a colour.
    parts = {m.name: (m.kind, m.signatures) for e in result.endpoints for m in e.models}
    order = list(dict.fromkeys(parts.get(m, m) for m in [*main_models(result), *bright]))
    return {m: COLORS[order.index(parts.get(m, m)) % len(COLORS)] if m in bright else GREY for m in names}


def by(frame: pd.DataFrame, column: str) -> Iterator[tuple[str, pd.DataFrame]]:
    """Yield the parts of a table by a column; all of it where it has no such column."""
    if column not in frame:
        yield "", frame
        return
    for (name,), part in frame.groupby([column], sort=False):
        yield str(name), part


def of_mains(result: Reportable, frame: pd.DataFrame) -> pd.DataFrame:
    """Return the rows of the main models, where they have any; the tables hold all models."""
    own = frame[frame["model"].isin(main_models(result))] if "model" in frame else frame
    return own if len(own) else frame
