"""One case at a time: from a row of the case table to the pipeline."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pandas as pd

from radiokit.features._plan import Pipeline
from radiokit.features._settings import RegionRules
from radiokit.io import Mask, Volume, check_geometry
from radiokit.io.arrays import as_mask, as_volume, channel_of
from radiokit.io.case_rows import reading_of
from radiokit.preprocessing import on_grid_of, require_inside
from radiokit.utils import CaseResult, one_thread


@dataclass(frozen=True)
class CaseTask:
    """The work on one case; what goes to a worker."""

    pipeline: Pipeline
    rules: RegionRules
    corrects_by_resampling: bool

    def __call__(self, case_id: str, row: pd.Series) -> CaseResult:
        """Return the row of one case of a table."""
        return self.measure(row["image"], row["mask"], case_id=case_id, **reading_of(row))

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
        if self.corrects_by_resampling:
            return volume, region
        require_inside(volume, region)
        return volume, on_grid_of(region, volume)
