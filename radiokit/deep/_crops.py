"""From a row of the case table to the crop of a network: what goes to a worker. No torch."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import Any

from radiokit.deep._frozen import Ready
from radiokit.deep._patches import PLANES, TOLERANCE, TOO_LARGE, cut_image, cut_shares, patch_frames, require_volume
from radiokit.deep.case import read_pair
from radiokit.exceptions import DataWarning, MaskError, ParameterError
from radiokit.io import Mask, Volume
from radiokit.io.case_rows import reading_of
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
        for name, known in (("planes", PLANES), ("too_large", TOO_LARGE)):
            if getattr(self, name) not in known:
                raise ParameterError(f"{name}={getattr(self, name)!r}; required: one of {', '.join(map(repr, known))}.")
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

    size: tuple[int, int, int]
    spacing: tuple[float, float, float]
    dimension: str
    window: tuple[float, float] | str | None
    options: DeepOptions
    masked: bool

    def __call__(self, case_id: str, row: Any) -> Prepared:
        """Return the crop of one case of a table."""
        return self.crop(*read_pair(row["image"], row["mask"], case_id=case_id, **reading_of(row)))

    def crop(self, image: Volume, mask: Mask) -> Prepared:
        """Return the crop with what is worth knowing of it."""
        require_volume(image, self.dimension)
        options = self.options
        frames = patch_frames(
            mask,
            size=self.size,
            spacing=self.spacing,
            dimension=self.dimension,
            planes=options.planes,
            too_large=options.too_large,
        )
        fill = max(frame.fill for frame in frames)
        if fill > 1 + TOLERANCE and options.too_large == "crop":
            warnings.warn(
                "The region is larger than the crop: only its middle is seen (column crop_fill of the provenance). Use "
                "a larger patch_size or spacing, or DeepOptions(too_large='zoom').",
                DataWarning,
                stacklevel=2,
            )
        cut = cut_image(image, frames, window=self.window, background=options.background)
        region = cut_shares(mask, frames) if self.masked else None
        if region is not None and not region.any():
            raise MaskError(
                "The crop shows nothing of the region, which is smaller than a voxel of the crop or lies around its "
                "middle. Use a smaller spacing, a larger patch_size, or pooling='global'."
            )
        stated = {what: str(image.metadata.get(what) or "") for what in ("modality", "unit")}
        return Prepared(Ready(cut, region), {"n_voxels": int(mask.array.sum()), **stated, "crop_fill": float(fill)})
