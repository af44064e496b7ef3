"""Agreement of two continuous measurements: Lin's concordance and Bland-Altman's limits."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import stdtrit
from scipy.stats import t as student

from radiokit.engine.inputs import FloatArray, check_level, check_magnitude, check_score, normal_quantile
from radiokit.engine.results import Result
from radiokit.engine.wald import wald, wald_if_any_spread
from radiokit.exceptions import InputError
from radiokit.utils import same_rows


@dataclass(frozen=True, repr=False)
class ConcordanceCorrelation(Result):
    """Lin's concordance correlation coefficient.

    Parameters
    ----------
    ccc : float
        The coefficient, between -1 and 1.
    {se}
    ci_low, ci_high : float
        Limits by Fisher's z.
    correlation : float
        Pearson's correlation: precision.
    bias_correction : float
        ``ccc / correlation``: accuracy.
    scale_shift : float
        Ratio of the standard deviations, a over b.
    location_shift : float
        Difference of the means over the geometric mean of the standard deviations.
    n : int
        Number of pairs.
    {confidence_level}

    Examples
    --------
    >>> from radiokit.stats import concordance_correlation
    >>> concordance_correlation([1, 2, 3, 4], [1, 2, 3, 4]).ccc
    1.0
    """

    ccc: float
    se: float
    ci_low: float
    ci_high: float
    correlation: float
    bias_correction: float
    scale_shift: float
    location_shift: float
    n: int
    confidence_level: float


@dataclass(frozen=True, repr=False)
class BlandAltman(Result):
    """Bias and limits of agreement of two measurements.

    Parameters
    ----------
    bias : float
        Mean of a - b.
    sd : float
        Standard deviation of a - b.
    loa_low, loa_high : float
        Limits of agreement, bias -+ z sd.
    bias_ci_low, bias_ci_high : float
        Confidence limits of the bias (t).
    loa_low_ci_low, loa_low_ci_high, loa_high_ci_low, loa_high_ci_high : float
        Confidence limits of the limits of agreement.
    slope, slope_p_value : float
        Regression of the difference on the mean of both, and its p-value: proportional bias.
    p_value : float
        Of the paired t test of no bias.
    n : int
        Number of pairs.
    {confidence_level}

    Examples
    --------
    >>> from radiokit.stats import bland_altman
    >>> bland_altman([1, 2, 3], [0, 2, 4]).bias
    0.0
    """

    bias: float
    sd: float
    loa_low: float
    loa_high: float
    bias_ci_low: float
    bias_ci_high: float
    loa_low_ci_low: float
    loa_low_ci_high: float
    loa_high_ci_low: float
    loa_high_ci_high: float
    slope: float
    slope_p_value: float
    p_value: float
    n: int
    confidence_level: float


def concordance_correlation(a: ArrayLike, b: ArrayLike, *, confidence_level: float = 0.95) -> ConcordanceCorrelation:
    r"""Lin's concordance correlation coefficient of two measurements of the same subjects.

    Parameters
    ----------
    a, b : array-like of shape (n,)
        Paired measurements.
    {confidence_level}

    Returns
    -------
    ConcordanceCorrelation
        The coefficient with its interval and its parts; NaN where a measurement does not vary.

    Raises
    ------
    InputError
        If there are fewer than three pairs, or values are missing or infinite.

    Notes
    -----
    :math:`\rho_c = 2 s_{ab} / (s_a^2 + s_b^2 + (\bar a - \bar b)^2)` with variances over n; limits by Fisher's z with
    Lin's variance (doi:10.2307/2532051, corrected doi:10.1111/j.0006-341X.2000.00324.x), as ``epiR::epi.ccc``.
    *How to read it.* Correlation times a penalty for offset and scale: two scanners that correlate perfectly but differ
    by a constant have a concordance below 1. Common labels: below 0.9 poor, above 0.99 almost perfect (McBride 2005).

    Examples
    --------
    >>> result = concordance_correlation([1, 2, 3, 4], [1.5, 2, 3, 3.5])
    >>> round(result.ccc, 4), round(result.correlation, 4)
    (0.9333, 0.9899)
    """
    same_rows(a=a, b=b)
    x, y = _pairs(a, b, least=3)
    n = x.size
    z = normal_quantile(confidence_level)
    var_x, var_y, shift = float(x.var()), float(y.var()), float(x.mean() - y.mean())
    ccc = r = location = se = scale = math.nan
    if np.ptp(x) and np.ptp(y):
        covariance = float(np.mean((x - x.mean()) * (y - y.mean())))
        ccc = 2 * covariance / (var_x + var_y + shift**2)
        r = max(-1.0, min(1.0, covariance / math.sqrt(var_x * var_y)))
        location, scale = shift / (var_x * var_y) ** 0.25, math.sqrt(var_x / var_y)
        se = _ccc_se(ccc, r, location, n)
    low, high = ccc, ccc
    if abs(ccc) < 1:
        reach = z * se / (1 - ccc**2)
        low, high = math.tanh(math.atanh(ccc) - reach), math.tanh(math.atanh(ccc) + reach)
    return ConcordanceCorrelation(
        ccc=ccc,
        se=se,
        ci_low=low,
        ci_high=high,
        correlation=r,
        bias_correction=ccc / r if r else math.nan,
        scale_shift=scale,
        location_shift=location,
        n=n,
        confidence_level=float(confidence_level),
    )


def bland_altman(a: ArrayLike, b: ArrayLike, *, confidence_level: float = 0.95) -> BlandAltman:
    r"""Bias and limits of agreement of two measurements of the same subjects.

    Parameters
    ----------
    a, b : array-like of shape (n,)
        Paired measurements in the same unit.
    confidence_level : float
        Level of the limits of agreement and of all intervals.

    Returns
    -------
    BlandAltman
        Bias, standard deviation and limits of agreement of a - b, their intervals, and proportional bias.

    Raises
    ------
    InputError
        If there are fewer than two pairs, or values are missing or infinite.

    Notes
    -----
    Limits :math:`\bar d \pm z s` (doi:10.1016/S0140-6736(86)90837-8); interval of the bias
    :math:`\bar d \pm t_{n-1} s/\sqrt n`, of a limit :math:`\pm t_{n-1} s \sqrt{1/n + z^2/(2(n-1))}`
    (doi:10.1177/096228029900800204).

    *How to read it.* 95 % of differences between the two measurements lie within the limits: ask whether a difference
    of that size would change a decision. A slope away from 0 says that the difference grows with the size measured:
    then take logarithms and report ratios. Differences must be roughly normal.

    Examples
    --------
    >>> result = bland_altman([10, 12, 9, 14], [11, 11, 9, 12])
    >>> result.bias, round(result.loa_low, 4), round(result.loa_high, 4)
    (0.5, -2.0303, 3.0303)
    """
    same_rows(a=a, b=b)
    x, y = _pairs(a, b, least=2)
    d, n = x - y, x.size
    z = normal_quantile(confidence_level)
    t = float(stdtrit(n - 1, 0.5 + check_level(confidence_level) / 2))
    bias, sd = float(d.mean()), float(d.std(ddof=1))
    reach, loa_reach = t * sd / math.sqrt(n), t * sd * math.sqrt(1 / n + z**2 / (2 * (n - 1)))
    low, high = bias - z * sd, bias + z * sd
    slope, slope_p_value = _slope((x + y) / 2, d)
    test = wald_if_any_spread(bias, sd / math.sqrt(n), law=student(n - 1), confidence_level=confidence_level)
    return BlandAltman(
        bias=bias,
        sd=sd,
        loa_low=low,
        loa_high=high,
        bias_ci_low=bias - reach,
        bias_ci_high=bias + reach,
        loa_low_ci_low=low - loa_reach,
        loa_low_ci_high=low + loa_reach,
        loa_high_ci_low=high - loa_reach,
        loa_high_ci_high=high + loa_reach,
        slope=slope,
        slope_p_value=slope_p_value,
        p_value=test.p_value,
        n=n,
        confidence_level=float(confidence_level),
    )


def _pairs(a: ArrayLike, b: ArrayLike, *, least: int) -> tuple[FloatArray, FloatArray]:
    x = check_score(a, None, name="a")
    y = check_score(b, x.size, name="b")
    if x.size < least:
        raise InputError(f"There are {x.size} pairs; required: {least} or more.")
    check_magnitude(np.column_stack([x, y]), ["a", "b"])
    return x, y


def _ccc_se(ccc: float, r: float, location: float, n: int) -> float:
    """Lin's asymptotic standard error."""
    if not r:
        return math.nan
    u = location**2
    variance = (1 - r**2) * ccc**2 * (1 - ccc**2) / r**2 + 2 * ccc**3 * (1 - ccc) * u / r - ccc**4 * u**2 / (2 * r**2)
    return math.sqrt(max(variance, 0.0) / (n - 2))


def _slope(x: FloatArray, y: FloatArray) -> tuple[float, float]:
    """Slope of the least-squares line and its p-value; NaN where it is not defined."""
    n, spread = x.size, float(((x - x.mean()) ** 2).sum())
    if n < 3 or not spread:
        return math.nan, math.nan
    slope = float((x - x.mean()) @ (y - y.mean()) / spread)
    residual = float(((y - y.mean() - slope * (x - x.mean())) ** 2).sum())
    se = math.sqrt(residual / (n - 2) / spread)
    return slope, wald(slope, se, law=student(n - 2), confidence_level=0.95).p_value if se else math.nan
