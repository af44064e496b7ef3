"""Z-scores of a whole image."""

from __future__ import annotations

import numpy as np
import SimpleITK as sitk

from radiokit.exceptions import InputError
from radiokit.io import Volume, to_sitk


def standardize(volume: Volume, *, scale: float = 1.0, outlier_sigma: float | None = None) -> Volume:
    """Centre an image at its mean and divide by its standard deviation, over all its voxels.

    Parameters
    ----------
    volume : Volume
        The image; it is not changed.
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
    low, high = volume.array.min(), volume.array.max()
    if not np.isfinite([low, high]).all() or low == high:
        raise InputError(f"The image ranges from {low} to {high}; z-scores need finite values that are not all equal.")
    image = sitk.Normalize(to_sitk(volume))
    if outlier_sigma is not None:
        clipped = sitk.GetImageFromArray(np.clip(sitk.GetArrayViewFromImage(image), -outlier_sigma, outlier_sigma))
        clipped.CopyInformation(image)
        image = clipped
    return volume.with_array(sitk.GetArrayFromImage(image * scale))
