"""Z-scores of an image."""

from __future__ import annotations

import numpy as np

from radiokit.exceptions import InputError
from radiokit.io import Mask, Volume, to_sitk


def standardize(
    volume: Volume, *, within: Mask | None = None, scale: float = 1.0, outlier_sigma: float | None = None
) -> Volume:
    """Centre an image at its mean and divide by its standard deviation.

    Parameters
    ----------
    volume : Volume
        The image; it is not changed.
    within : Mask, optional
        Whose mean and standard deviation to use: the body, an organ, or a reference tissue such as normal white matter
        (white-stripe normalisation). None takes all voxels.
    scale : float
        Factor after standardisation.
    outlier_sigma : float, optional
        Values beyond this many standard deviations are set to that limit, before the factor.

    Returns
    -------
    Volume
        scale * (x - mean) / sd, with the sample standard deviation (n - 1).

    Raises
    ------
    InputError
        If the image is constant, or holds NaN or infinite values.

    Examples
    --------
    >>> standardize(Volume(np.array([[[1.0, 2.0, 3.0]]]))).array.tolist()
    [[[-1.0, 0.0, 1.0]]]
    """
    values = volume.array if within is None else volume.array[within.array]
    if values.size < 2:
        raise InputError(f"The reference region holds {values.size} voxels; z-scores need at least 2.")
    low, high = values.min(), values.max()
    if not np.isfinite([low, high]).all() or low == high:
        raise InputError(f"The image ranges from {low} to {high}; z-scores need finite values that are not all equal.")
    if within is not None:
        scores = (volume.array - values.mean(dtype=float)) / values.std(dtype=float, ddof=1)
        limit = np.inf if outlier_sigma is None else outlier_sigma
        return volume.with_array(np.clip(scores, -limit, limit) * scale)
    mean, sd = _moments(volume)
    scores = np.add(volume.array, -mean, dtype=np.float64)  # and then in place: an image may be most of the memory
    scores *= 1 / sd
    if outlier_sigma is not None:
        np.clip(scores, -outlier_sigma, outlier_sigma, out=scores)
    scores *= scale
    return volume.with_array(scores)


def _moments(volume: Volume) -> tuple[float, float]:
    """Mean and standard deviation as ITK sums them, which pyradiomics normalises with: equal in the last bit."""
    import SimpleITK as sitk

    found = sitk.StatisticsImageFilter()
    found.Execute(to_sitk(volume))
    return found.GetMean(), found.GetSigma()
