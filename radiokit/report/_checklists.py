"""CLEAR, METRICS and TRIPOD+AI, filled from a study result; what only the author can say is marked."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd

from radiokit.exceptions import ParameterError
from radiokit.report._facts import AUTHOR, MET, OUT, PARTLY, UNMET, fact, frame_of
from radiokit.report._result import Reportable

HERE = Path(__file__).parent


class Title(NamedTuple):
    """What a checklist is called, and where it is from."""

    name: str
    source: str

    @property
    def text(self) -> str:
        """Both, for a caption."""
        return f"{self.name} ({self.source})"


TITLES = {
    "clear": Title("CLEAR", "58 items for radiomics studies; Kocak 2023, doi 10.1186/s13244-023-01415-8"),
    "metrics": Title("METRICS", "30 weighted items; Kocak 2024, doi 10.1186/s13244-023-01572-w"),
    "tripod_ai": Title("TRIPOD+AI", "52 items for prediction models; Collins 2024, doi 10.1136/bmj-2023-078378"),
}
BANDS = ((20, "very low"), (40, "low"), (60, "moderate"), (80, "good"), (101, "excellent"))


@dataclass(frozen=True)
class Score:
    """What a filled checklist adds up to.

    `met` counts what the study has done and `possible` that and what waits for the author; METRICS in points of its
    weights (0 to 100), the others in items.
    """

    met: float
    possible: float
    total: float
    text: str


def checklist(result: Reportable, name: str) -> pd.DataFrame:
    """Fill a reporting checklist from what a study knows of itself.

    Parameters
    ----------
    result : StudyResult
        What `radiokit.study.Study.run` returned.
    name : {"clear", "metrics", "tripod_ai"}
        The checklist.

    Returns
    -------
    DataFrame
        One row for each item, numbered as in its source, the text in our words: `item, section, text, status, evidence,
        where` (and `weight` for METRICS). `status` is met, partly (the author has to add something), author (only the
        author can say), not met, or does not apply. `where` names the section of the report and the table in it.

    Raises
    ------
    ParameterError
        If the checklist is unknown.

    Notes
    -----
    *How to read it.* "met" says that the study did it and that the report shows it at `where`, not that it was done
    well. The
    published text of an item counts, not our short one.

    Examples
    --------
    >>> from radiokit.study import StudyResult
    >>> empty = StudyResult({}, pd.DataFrame())
    >>> len(checklist(empty, "clear")), len(checklist(empty, "metrics")), len(checklist(empty, "tripod_ai"))
    (58, 30, 52)
    """
    if name not in TITLES:
        raise ParameterError(f"checklist {name!r} is unknown; known: {', '.join(TITLES)}.")
    items = pd.read_csv(HERE / f"{name}.csv", dtype={"item": str}, keep_default_na=False)
    filled = items.join(frame_of([fact(result, key) for key in items["fact"]]))
    if "condition" in filled:
        for row in filled.index[filled["condition"] != ""]:
            applies, why = _applies(result, filled.loc[row, "condition"])
            if not applies:
                filled.loc[row, ["status", "evidence", "where"]] = OUT, why, ""
        filled["weight"] = filled["weight"].astype(float)
    return filled.drop(columns=["fact", "condition"], errors="ignore")


def _applies(result: Reportable, condition: str) -> tuple[bool, str]:
    """Whether a conditional item of METRICS applies to what this study read."""
    origins = {s.origin for s in result.facts.signatures}
    regions = bool(origins - {"network"}) or not result.endpoints
    known = {
        "segmentation": (regions, "no regions were drawn for the features"),
        "automatic": (False, "unless the regions were drawn automatically, which the author has to say"),
        "handcrafted": (regions and origins != {"deep features"}, "no handcrafted features"),
        "tabular": (regions, "no table of features"),
        "network": (origins == {"network"}, "no network from end to end"),
    }
    return known[condition]


def checklist_score(filled: pd.DataFrame) -> Score:
    """Add up a filled checklist.

    Parameters
    ----------
    filled : DataFrame
        What `checklist` returned.

    Returns
    -------
    Score
        For METRICS 100 times the weight of what is met over the weight of what applies, as its authors define it;
        an item that waits for the author counts as not met, and as met in `possible`. For the others counts of items.

    Examples
    --------
    >>> frame = pd.DataFrame({"status": ["met", "author", "not met", "does not apply"], "weight": [0.2, 0.2, 0.1, 0.5]})
    >>> checklist_score(frame).met
    40.0
    """
    weighted = "weight" in filled
    weight = filled["weight"].to_numpy() if weighted else np.ones(len(filled))
    applies = (filled["status"] != OUT).to_numpy()
    met = weight[(filled["status"] == MET).to_numpy()].sum()
    waiting = weight[filled["status"].isin([AUTHOR, PARTLY]).to_numpy()].sum()
    total = weight[applies].sum()
    if not weighted:
        unmet = int((filled["status"] == UNMET).sum())
        text = (
            f"{met:.0f} of {total:.0f} items are filled by the study, {waiting:.0f} wait for the author (wholly or in "
            f"part), {unmet} are not met."
        )
        return Score(float(met), float(met + waiting), float(total), text)
    points, possible = (round(float(100 * v / total), 6) if total else 0.0 for v in (met, met + waiting))
    text = (
        f"{points:.1f} of 100 points so far ({_band(points)}); {possible:.1f} ({_band(possible)}) if the author can "
        "answer every open item with yes."
    )
    return Score(points, possible, 100.0, text)


def _band(points: float) -> str:
    return next(name for limit, name in BANDS if points < limit)
