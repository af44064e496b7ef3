"""How noisy an image is, read from the image itself."""

from __future__ import annotations

import numpy as np

from radiokit.exceptions import InputError
from radiokit.io import Volume

# Median of |x| for x standard normal.
HALF_NORMAL_MEDIAN = 0.6744897501960817


def estimate_noise(image: Volume) -> float:
    r"""Estimate the standard deviation of the noise of an image from its finest details.

    Parameters
    ----------
    image : Volume
        The image, or the part of it that matters (`crop`).

    Returns
    -------
    float
        In the unit of the image; 0 where it is constant.

    Raises
    ------
    InputError
        If the image holds NaN or infinite values.

    Notes
    -----
    :math:`\hat\sigma = \operatorname{median}(|HH|)\,/\,0.6745`, with HH the response to the high-pass coiflet of
    order 1 along y and x, without decimation (Chang et al. 2000, doi:10.1109/83.862633; Zwanenburg et al. 2019,
    doi:10.1038/s41598-018-36938-4, set the level of their perturbations so). The filter has unit norm, so white noise
    keeps its standard deviation, and edges, which are few, hardly move a median. Coefficients that are exactly 0 (air
    that was set to one value) do not count. The estimate is for noise that is white in the slice: smoothed noise looks
    smaller than it is.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> image = Volume(100.0 + 12 * rng.standard_normal((20, 40, 40)))
    >>> round(estimate_noise(image))
    12
    """
    import pywt
    from scipy import ndimage

    values = image.array.astype(float)
    if not np.isfinite(values).all():
        raise InputError("The image holds NaN or infinite values; its noise cannot be estimated.")
    high = np.array(pywt.Wavelet("coif1").dec_hi)
    details = ndimage.correlate1d(ndimage.correlate1d(values, high, axis=1, mode="reflect"), high, axis=2)
    sizes = np.abs(details)
    # Rounding leaves about 1e-16 of the largest value where the image is constant.
    sizes = sizes[sizes > 1e-12 * np.abs(values).max(initial=0.0)]
    return float(np.median(sizes) / HALF_NORMAL_MEDIAN) if sizes.size else 0.0
