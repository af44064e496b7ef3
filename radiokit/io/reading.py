"""How the files of one case are read, and the pair of image and region that comes of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Self

import pandas as pd

from radiokit.io._volume import Mask, Volume
from radiokit.io.arrays import ImageLike, ITKImage, MaskLike, as_mask, as_volume, channel_of
from radiokit.io.case_rows import reading_of


@dataclass(frozen=True)
class Reading:
    """How the files of a case are read. None leaves the choice to the files, which then must allow only one.

    Parameters
    ----------
    label : int, optional
        Label of the region in a label map.
    roi : str or int, optional
        Name or number of the region in a structure set or a segmentation.
    series : str or int, optional
        Series of a DICOM folder.
    suv : str, optional
        Standardised uptake value that a PET image is converted to.
    spacing : sequence of float, optional
        For arrays and pictures: mm between voxel centres in the order of the axes.
    channel : int, optional
        Channel of a mask that holds several, from 0 on.
    """

    label: int | None = None
    roi: str | int | None = None
    series: str | int | None = None
    suv: str | None = None
    spacing: Sequence[float] | None = None
    channel: int | None = None

    @classmethod
    def of_row(cls, row: pd.Series) -> Self:
        """Return the reading of a row of the case table; FileError where it has a reason why it cannot be read."""
        return cls(**reading_of(row))

    def or_else(self, *, label: int | None, channel: int | None) -> Self:
        """Return this reading, with a label and a channel where it has none."""
        return replace(
            self,
            label=label if self.label is None else self.label,
            channel=channel if self.channel is None else self.channel,
        )

    def pair(self, image: ImageLike, mask: MaskLike) -> tuple[Volume, Mask]:
        """Read an image and its region, each on its own grid; `check_geometry` compares the two."""
        volume = as_volume(image, self.spacing, series=self.series, suv=self.suv)
        if self.channel is not None:
            mask = channel_of(mask, self.channel)
        return volume, as_mask(mask, volume, self.label, self.spacing, self.roi)


__all__ = ["ITKImage", "ImageLike", "MaskLike", "Reading"]
