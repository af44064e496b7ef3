"""Confidence intervals of proportions."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike
from scipy import stats

from radiokit.engine.inputs import FloatArray, as_floats, check_choice, check_level, normal_quantile
from radiokit.exceptions import InputError


def proportion_ci(
    count: ArrayLike, n: ArrayLike, *, confidence_level: float = 0.95, method: str = "wilson"
) -> tuple[FloatArray, FloatArray]:
    r"""Confidence limits of proportions ``count / n``.

    Parameters
    ----------
    count : int or array-like
        Numbers of successes.
    n : int or array-like
        Numbers of trials.
    {confidence_level}
    method : {"wilson", "clopper-pearson"}
        Score interval without continuity correction, for most purposes; or the exact one from beta quantiles, where
        the level must be guaranteed.

    Returns
    -------
    ci_low, ci_high : ndarray
        Limits; NaN where ``n`` is 0.

    Raises
    ------
    InputError
        If a count is negative or larger than its n, or the method is unknown.

    Notes
    -----
    Wilson: :math:`\frac{p + z^2/2n \pm z\sqrt{p(1-p)/n + z^2/4n^2}}{1 + z^2/n}` (doi:10.1080/01621459.1927.10502953).
    Clopper-Pearson: beta quantiles :math:`B(\alpha/2; x, n-x+1)`, :math:`B(1-\alpha/2; x+1, n-x)`
    (doi:10.1093/biomet/26.4.404). *How to read it.* Wilson covers at about the nominal level on average,
    Clopper-Pearson at least at it, and is wider (doi:10.1214/ss/1009213286).

    Examples
    --------
    >>> low, high = proportion_ci(8, 10)
    >>> round(float(low), 4), round(float(high), 4)
    (0.4902, 0.9433)
    """
    check_choice(method, ("wilson", "clopper-pearson"), name="method")
    x, size = as_floats(count, name="count"), as_floats(n, name="n")
    if ((x < 0) | (x > size)).any():
        raise InputError("count holds values below 0 or above n; required: 0 <= count <= n.")
    with np.errstate(invalid="ignore", divide="ignore"):
        low, high = (
            _wilson(x, size, normal_quantile(confidence_level))
            if method == "wilson"
            else _clopper_pearson(x, size, 1 - check_level(confidence_level))
        )
    empty = size == 0
    return np.where(empty, np.nan, low), np.where(empty, np.nan, high)


def _wilson(x: FloatArray, n: FloatArray, z: float) -> tuple[FloatArray, FloatArray]:
    p = x / n
    centre = p + z**2 / (2 * n)
    margin = z * np.sqrt(p * (1 - p) / n + z**2 / (4 * n**2))
    scale = 1 + z**2 / n
    low, high = (centre - margin) / scale, (centre + margin) / scale
    # The limits at 0 and n successes are 0 and 1 exactly; rounding would leave 1e-17.
    return np.where(x == 0, 0.0, low), np.where(x == n, 1.0, high)


def _clopper_pearson(x: FloatArray, n: FloatArray, alpha: float) -> tuple[FloatArray, FloatArray]:
    low = stats.beta.ppf(alpha / 2, x, n - x + 1)
    high = stats.beta.ppf(1 - alpha / 2, x + 1, n - x)
    return np.where(x == 0, 0.0, low), np.where(x == n, 1.0, high)
