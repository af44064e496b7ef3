"""Keep of a region only what lies in a range of intensities."""

from __future__ import annotations

import numpy as np

from radiokit.exceptions import MaskError, ParameterError
from radiokit.io import Mask, Volume


def resegment(
    image: Volume,
    mask: Mask,
    *,
    range: tuple[float | None, float | None] | None = None,
    outlier_sigma: float | None = None,
    mode: str = "absolute",
) -> Mask:
    """Drop voxels of a region by their intensity.

    Parameters
    ----------
    image : Volume
        The intensities.
    mask : Mask
        The region, on the same grid; it is not changed.
    range : tuple of 2 float or None, optional
        Lowest and highest value that stay, both included; None on a side leaves it open.
    outlier_sigma : float, optional
        Voxels further than this many standard deviations from the mean are dropped, after `range`.
    mode : {"absolute", "relative", "sigma"}
        Unit of `range`: intensities, fractions of the region's maximum, or standard deviations from its mean.

    Returns
    -------
    Mask
        The smaller region.

    Raises
    ------
    MaskError
        If fewer than two voxels are left.
    ParameterError
        If `mode` is unknown.

    Notes
    -----
    The standard deviation is that of the population (1/n), as in IBSI and in pyradiomics.

    Examples
    --------
    >>> image = Volume(np.array([[[1.0, 2.0, 3.0, 99.0]]]))
    >>> resegment(image, Mask(np.ones((1, 1, 4), bool)), range=(None, 50)).array.sum()
    np.int64(3)
    """
    inside = mask.array.copy()
    if range is not None:
        _keep(inside, image.array, range, mode)
    if outlier_sigma is not None and inside.any():
        _keep(inside, image.array, (-outlier_sigma, outlier_sigma), "sigma")
    left = int(inside.sum())
    if left < 2:
        raise MaskError(
            f"Resegmentation (range={range}, outlier_sigma={outlier_sigma}, mode={mode!r}) left {left} of "
            f"{int(mask.array.sum())} voxels; at least 2 are required. Widen the range, or check the unit of the image."
        )
    return mask.with_array(inside)


def _keep(inside: np.ndarray, array: np.ndarray, bounds: tuple[float | None, float | None], mode: str) -> None:
    """Clear the voxels of `inside` whose value lies outside of the bounds."""
    values = array[inside]
    low, high = (None if bound is None else _threshold(bound, values, mode) for bound in bounds)
    keep = np.ones(values.shape, dtype=bool)
    if low is not None:
        keep &= values >= low
    if high is not None:
        keep &= values <= high
    inside[inside] = keep


def _threshold(bound: float, values: np.ndarray, mode: str) -> float:
    if mode == "absolute":
        return bound
    if mode == "relative":
        return values.max() * bound
    if mode == "sigma":
        with np.errstate(over="ignore"):  # a bound beyond all numbers keeps everything
            return values.mean() + values.std() * bound
    raise ParameterError(f"mode={mode!r}; required: 'absolute', 'relative' or 'sigma'.")
