"""One case at a time: from a row of the case table to the pipeline, and what names its result in the cache."""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from radiokit.exceptions import CaseTableError
from radiokit.features._arrays import as_mask, as_volume, channel_of
from radiokit.features._plan import Pipeline
from radiokit.features._settings import RegionRules
from radiokit.io import Grid, Mask, Volume, check_geometry, read_cases
from radiokit.preprocessing import on_grid_of
from radiokit.utils import CaseResult, content_hash, one_thread

# Columns of a case table that say how its files are read.
HOW = ("label", "roi", "series", "suv")


@dataclass(frozen=True)
class CaseTask:
    """The work on one case; what goes to a worker."""

    pipeline: Pipeline
    rules: RegionRules
    corrects_by_resampling: bool

    def __call__(self, case_id: str, row: pd.Series) -> CaseResult:
        """Return the row of one case of a table."""
        how = {name: _cell(row, name) for name in HOW}
        return self.measure(row["image"], row["mask"], case_id=case_id, **how)

    def measure(
        self,
        image: Any,
        mask: Any,
        *,
        label: Any,
        roi: Any = None,
        series: Any = None,
        suv: Any = None,
        spacing: Any = None,
        case_id: str | None = None,
    ) -> CaseResult:
        """Read, see that image and mask share one grid, and measure."""
        volume, region = self.read(
            image, mask, label=label, roi=roi, series=series, suv=suv, spacing=spacing, case_id=case_id
        )
        with one_thread():
            return self.pipeline.measure(volume, region)

    def read(
        self,
        image: Any,
        mask: Any,
        *,
        label: Any,
        roi: Any = None,
        series: Any = None,
        suv: Any = None,
        spacing: Any = None,
        case_id: str | None = None,
    ) -> tuple[Volume, Mask]:
        """Return image and mask on one grid, or as the rules want them corrected."""
        volume = as_volume(image, spacing, series=series, suv=suv)
        if self.rules.channel is not None:
            mask = channel_of(mask, self.rules.channel)
        region = as_mask(mask, volume, self.rules.label if label is None else label, spacing, roi)
        if not self.rules.correct_mask:
            return volume, check_geometry(volume, region, case_id, tolerance=self.rules.geometry_tolerance)
        return volume, region if self.corrects_by_resampling else on_grid_of(volume, region)


def _cell(row: pd.Series, name: str) -> Any:
    value = row.get(name)
    absent = value is None or (np.ndim(value) == 0 and pd.isna(value)) or value == ""
    # A column `suv` of numbers is a clinical one.
    return None if absent or (name == "suv" and not isinstance(value, str)) else value


def case_table(cases: Any) -> pd.DataFrame:
    """Return a table with columns image and mask and ids as index."""
    if not isinstance(cases, pd.DataFrame) or not {"image", "mask"} <= set(cases.columns):
        cases = read_cases(cases)
    elif "case_id" in cases.columns:
        cases = cases.set_index("case_id")
    lost = [name for name in ("image", "mask") if name not in cases.columns]
    if lost:
        several = [c for c in cases.columns if str(c).startswith(("image_", "mask_"))]
        hint = (
            f" It has {', '.join(several)}: rename the two of one sequence, and extract each in turn."
            if several
            else ""
        )
        raise CaseTableError(f"The case table lacks the column {' and '.join(lost)}.{hint}")
    return cases


def case_key(row: pd.Series, *, settings: str, label: int | None) -> str:
    """Name a result by what decides it: settings, label, and the content of image and mask."""
    parts = [row["image"], row["mask"]]
    paths = [part for part in parts if isinstance(part, str | os.PathLike)]
    how = [repr(_cell(row, name)) for name in HOW if name != "label"]
    text = "|".join([settings, repr(_cell(row, "label") or label), *how, *(_digest(part) for part in parts)])
    return content_hash(text, paths)


def _digest(part: Any) -> str:
    """Name an image in memory by its content; a file is named by `content_hash`."""
    if isinstance(part, str | os.PathLike):
        return "file"
    grid = part if isinstance(part, Grid) else as_volume(part)
    geometry = (grid.array.dtype.str, grid.shape, grid.spacing, grid.origin, grid.direction)
    return repr(geometry) + hashlib.sha256(np.ascontiguousarray(grid.array).tobytes()).hexdigest()
