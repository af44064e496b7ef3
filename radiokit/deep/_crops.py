"""From a row of the case table to the crop of a network: what goes to a worker. No torch."""

from __future__ import annotations

import warnings
from dataclasses import dataclass

import pandas as pd

from radiokit.deep._frames import PLANES, TOLERANCE, TOO_LARGE, CropShape
from radiokit.deep._frozen import Ready
from radiokit.deep._patches import Window, cut_image, cut_shares, require_volume
from radiokit.deep.case import read_on_one_grid
from radiokit.exceptions import DataWarning, MaskError, ParameterError
from radiokit.io import Mask, Volume
from radiokit.io.reading import Reading
from radiokit.preprocessing.choices import check_setting
from radiokit.utils.one_case import Prepared


@dataclass(frozen=True)
class DeepOptions:
    """Settings of a deep feature extractor that are rarely changed.

    Parameters
    ----------
    planes : {"orthogonal", "adjacent"}
        Slices of 2.5D, as in `patch`.
    too_large : {"crop", "zoom", "error"}
        What happens to a region larger than the crop, as in `patch`.
    background : float, optional
        Intensity beyond the image, as in `patch`.
    mean, sd : tuple of float, optional
        Subtracted from each channel of the crop, and what it is divided by, after the window: (0.485, 0.456, 0.406)
        and (0.229, 0.224, 0.225) for networks of ImageNet.
    stride : int
        Step of the first convolution, as in `build_network`.

    Raises
    ------
    ParameterError
        If a setting is not as above.

    Examples
    --------
    >>> DeepOptions(too_large="zoom").planes
    'orthogonal'
    """

    planes: str = "orthogonal"
    too_large: str = "crop"
    background: float | None = None
    mean: tuple[float, ...] | None = None
    sd: tuple[float, ...] | None = None
    stride: int = 2

    def __post_init__(self) -> None:
        check_setting("DeepOptions", "planes", self.planes, PLANES)
        check_setting("DeepOptions", "too_large", self.too_large, TOO_LARGE)
        if (self.mean is None) != (self.sd is None):
            raise ParameterError("mean and sd belong together; required: both or neither.")
        mean, sd = self.mean or (0.0,), self.sd or (1.0,)
        if len(mean) != len(sd) or len(mean) not in (1, 3) or not min(sd) > 0:
            raise ParameterError(
                f"mean={self.mean!r}, sd={self.sd!r}; required: as many numbers as channels (1 or 3), sd above 0."
            )


@dataclass(frozen=True)
class CropTask:
    """Read a case and crop it."""

    shape: CropShape
    window: Window
    background: float | None
    masked: bool

    def __call__(self, case_id: str, row: pd.Series) -> Prepared:
        """Return the crop of one case of a table."""
        return self.crop(*read_on_one_grid(row["image"], row["mask"], Reading.of_row(row), case_id))

    def crop(self, image: Volume, mask: Mask) -> Prepared:
        """Return the crop with what is worth knowing of it."""
        require_volume(image, self.shape.dimension)
        frames = self.shape.frames(mask)
        fill = max(frame.fill for frame in frames)
        if fill > 1 + TOLERANCE and self.shape.too_large == "crop":
            warnings.warn(
                "The region is larger than the crop: only its middle is seen (column crop_fill of the provenance). Use "
                "a larger patch_size or spacing, or DeepOptions(too_large='zoom').",
                DataWarning,
                stacklevel=2,
            )
        cut = cut_image(image, frames, window=self.window, background=self.background)
        region = cut_shares(mask, frames) if self.masked else None
        if region is not None and not region.any():
            raise MaskError(
                "The crop shows nothing of the region, which is smaller than a voxel of the crop or lies around its "
                "middle. Use a smaller spacing, a larger patch_size, or pooling='global'."
            )
        stated = {name: str(image.metadata.get(name) or "") for name in ("modality", "unit")}
        return Prepared(Ready(cut, region), {"n_voxels": int(mask.array.sum()), **stated, "crop_fill": float(fill)})
