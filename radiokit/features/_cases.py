"""The work on one case: what an extractor sends to its workers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import pandas as pd

from radiokit.features._settings import RegionRules
from radiokit.io import Mask, Volume, check_geometry
from radiokit.io.reading import ImageLike, MaskLike, Reading
from radiokit.preprocessing import on_grid_of, require_inside
from radiokit.utils import CaseResult, one_thread


class Pipeline(Protocol):
    """From an image and a mask on one grid to a row of the feature table."""

    @property
    def names(self) -> tuple[str, ...]:
        """Every column, in order."""

    def measure(self, image: Volume, mask: Mask) -> CaseResult:
        """Return one row."""


@dataclass(frozen=True)
class CaseTask:
    """Read a case and measure it; made once for each call from the settings of an extractor."""

    pipeline: Pipeline
    rules: RegionRules
    corrects_by_resampling: bool

    @property
    def names(self) -> tuple[str, ...]:
        """Every column, in order."""
        return self.pipeline.names

    @property
    def settings(self) -> str:
        """Everything that decides a value, as text: part of the name of a cached result."""
        return repr(self)

    def __call__(self, case_id: str, row: pd.Series) -> CaseResult:
        """Return the features of one row of a case table."""
        return self.measure(row["image"], row["mask"], Reading.of_row(row), case_id)

    def measure(self, image: ImageLike, mask: MaskLike, how: Reading, case_id: str | None = None) -> CaseResult:
        """Return the features of an image and its region."""
        volume, region = self.read(image, mask, how, case_id)
        with one_thread():
            return self.pipeline.measure(volume, region)

    def read(self, image: ImageLike, mask: MaskLike, how: Reading, case_id: str | None = None) -> tuple[Volume, Mask]:
        """Return image and mask on one grid, or as the rules want them corrected."""
        rules = self.rules
        volume, region = how.or_else(label=rules.label, channel=rules.channel).pair(image, mask)
        if not rules.correct_mask:
            return volume, check_geometry(volume, region, case_id, tolerance=rules.geometry_tolerance)
        if self.corrects_by_resampling:
            return volume, region
        require_inside(volume, region)
        return volume, on_grid_of(region, volume)
