"""How many patients a log-rank test needs, and how many make an AUC, an ICC or a kappa precise enough."""

from __future__ import annotations

import math
from dataclasses import dataclass
from numbers import Real

from scipy.special import ndtr, ndtri

from radiokit.engine.inputs import check_count, check_shares, normal_quantile
from radiokit.engine.results import Result
from radiokit.exceptions import InputError


@dataclass(frozen=True, repr=False)
class LogrankSize(Result):
    """Events, and patients, that a log-rank test needs.

    Parameters
    ----------
    n_events : int
        Events in both groups together.
    n : float
        Patients; NaN where the probability of an event was not given.
    hazard_ratio, power, alpha, ratio : float
        The values given.

    Examples
    --------
    >>> from radiokit.stats import logrank_sample_size
    >>> logrank_sample_size(hazard_ratio=0.5).n_events
    66
    """

    n_events: int
    n: float
    hazard_ratio: float
    power: float
    alpha: float
    ratio: float


@dataclass(frozen=True, repr=False)
class PrecisionSize(Result):
    """Patients that make an interval as narrow as wanted.

    Parameters
    ----------
    n : int
        Patients.
    {width}
    confidence_level : float
        Its level.

    Examples
    --------
    >>> from radiokit.stats import sample_size_icc
    >>> sample_size_icc(icc=0.8, n_raters=2, width=0.2).n
    51
    """

    n: int
    width: float
    confidence_level: float


def logrank_sample_size(
    *,
    hazard_ratio: float,
    power: float = 0.8,
    alpha: float = 0.05,
    ratio: float = 1.0,
    event_probability: float | None = None,
) -> LogrankSize:
    r"""Events that a two-sided log-rank test needs.

    Parameters
    ----------
    hazard_ratio : float
        Smallest ratio that the test should find, not 1.
    power : float
        Probability of finding it.
    alpha : float
        Level of the test.
    ratio : float
        Patients of the second group for each of the first.
    event_probability : float, optional
        Share of all patients who will have the event by the end of follow-up.

    Returns
    -------
    LogrankSize
        ``n_events``, and ``n`` where `event_probability` is given.

    Raises
    ------
    {out_of_range}

    Notes
    -----
    :math:`d = (z_{1-\alpha/2} + z_{1-\beta})^2 / \{p (1-p) (\log HR)^2\}`, p the share of the second group (Schoenfeld
    1981, doi:10.1093/biomet/68.1.316).

    *How to read it.* Events count, not patients. For a cut that was chosen on the same data no number is enough.

    Examples
    --------
    >>> logrank_sample_size(hazard_ratio=0.7, event_probability=0.35).n
    706.0
    """
    _check_hazard_ratio(hazard_ratio)
    check_shares(power=power, alpha=alpha)
    p = _share_of_second(ratio)
    events = (ndtri(1 - alpha / 2) + ndtri(power)) ** 2 / (p * (1 - p) * math.log(hazard_ratio) ** 2)
    n = math.nan
    if event_probability is not None:
        check_shares(event_probability=event_probability)
        n = float(math.ceil(math.ceil(events) / event_probability))
    return LogrankSize(math.ceil(events), n, float(hazard_ratio), float(power), float(alpha), float(ratio))


def logrank_power(*, n_events: int, hazard_ratio: float, alpha: float = 0.05, ratio: float = 1.0) -> float:
    r"""Power of a two-sided log-rank test.

    Parameters
    ----------
    n_events : int
        Events in both groups together.
    hazard_ratio : float
        True ratio, not 1.
    alpha : float
        Level of the test.
    ratio : float
        Patients of the second group for each of the first.

    Returns
    -------
    float
        Probability that the test finds the ratio.

    Raises
    ------
    {out_of_range}

    Notes
    -----
    :math:`\Phi(|\log HR| \sqrt{d\,p (1-p)} - z_{1-\alpha/2})` (Schoenfeld 1981, doi:10.1093/biomet/68.1.316).

    *How to read it.* With the ratio that was observed in the same data it says nothing beyond the p-value.

    Examples
    --------
    >>> round(logrank_power(n_events=247, hazard_ratio=0.7), 4)
    0.8003
    """
    _check_hazard_ratio(hazard_ratio)
    check_shares(alpha=alpha)
    p, d = _share_of_second(ratio), check_count(n_events, 1, name="n_events")
    return float(ndtr(abs(math.log(hazard_ratio)) * math.sqrt(d * p * (1 - p)) - ndtri(1 - alpha / 2)))


def sample_size_auc(*, auc: float, width: float, prevalence: float, confidence_level: float = 0.95) -> PrecisionSize:
    r"""Patients that make the interval of an AUC as narrow as wanted.

    Parameters
    ----------
    auc : float
        Expected area, above 0.5.
    {width}
    prevalence : float
        Share of positive patients.
    {confidence_level}

    Returns
    -------
    PrecisionSize
        ``n, width, confidence_level``.

    Raises
    ------
    {out_of_range}

    Notes
    -----
    The smallest n with :math:`2 z\,SE(n)` at most the width, SE of Hanley and McNeil 1982
    (doi:10.1148/radiology.143.1.7063747): with :math:`Q_1 = A/(2-A)`, :math:`Q_2 = 2A^2/(1+A)`, m positive and k
    negative patients, :math:`SE^2 = \{A(1-A) + (m-1)(Q_1 - A^2) + (k-1)(Q_2 - A^2)\}/(m k)`.

    *How to read it.* A number for planning: an interval of width 0.1 is an AUC known to ± 0.05.

    Examples
    --------
    >>> sample_size_auc(auc=0.8, width=0.1, prevalence=0.3).n
    424
    """
    check_shares(width=width, prevalence=prevalence)
    if not isinstance(auc, Real) or not 0.5 <= auc < 1:
        raise InputError(f"auc is {auc!r}; required: 0.5 or more, below 1.")
    z, a = normal_quantile(confidence_level), float(auc)
    q1, q2 = a / (2 - a) - a**2, 2 * a**2 / (1 + a) - a**2

    def reached(n: float) -> bool:
        m, k = prevalence * n, (1 - prevalence) * n
        variance = (a * (1 - a) + (m - 1) * q1 + (k - 1) * q2) / (m * k)
        return 2 * z * math.sqrt(variance) <= width

    low, high = 1, 2
    while not reached(high) or high * min(prevalence, 1 - prevalence) < 1:
        low, high = high, 2 * high
    while high - low > 1:
        middle = (low + high) // 2
        enough = reached(middle) and middle * min(prevalence, 1 - prevalence) >= 1
        low, high = (low, middle) if enough else (middle, high)
    return PrecisionSize(high, float(width), float(confidence_level))


def sample_size_icc(*, icc: float, n_raters: int, width: float, confidence_level: float = 0.95) -> PrecisionSize:
    r"""Patients that make the interval of an intraclass correlation as narrow as wanted.

    Parameters
    ----------
    icc : float
        Expected correlation, in [0, 1).
    n_raters : int
        Raters, or repeated segmentations, of each patient.
    {width} {confidence_level}

    Returns
    -------
    PrecisionSize
        ``n, width, confidence_level``.

    Raises
    ------
    {out_of_range}

    Notes
    -----
    :math:`n = 8 z^2 (1-\rho)^2 \{1 + (k-1)\rho\}^2 / \{k (k-1) w^2\} + 1` (Bonett 2002, doi:10.1002/sim.1108).

    *How to read it.* Twenty patients, a common size of test-retest sets, give an ICC of 0.8 within ± 0.16.

    Examples
    --------
    >>> sample_size_icc(icc=0.75, n_raters=3, width=0.15).n
    90
    """
    check_shares(width=width)
    if not isinstance(icc, Real) or not 0 <= icc < 1:
        raise InputError(f"icc is {icc!r}; required: 0 or more, below 1.")
    k, z = check_count(n_raters, 2, name="n_raters"), normal_quantile(confidence_level)
    n = 8 * z**2 * (1 - icc) ** 2 * (1 + (k - 1) * icc) ** 2 / (k * (k - 1) * width**2) + 1
    return PrecisionSize(math.ceil(n), float(width), float(confidence_level))


def sample_size_kappa(
    *, kappa: float, prevalence: float, width: float, confidence_level: float = 0.95
) -> PrecisionSize:
    r"""Patients that make the interval of Cohen's kappa of two raters and two categories as narrow as wanted.

    Parameters
    ----------
    kappa : float
        Expected kappa, in [0, 1).
    prevalence : float
        Share of patients in the first category.
    {width} {confidence_level}

    Returns
    -------
    PrecisionSize
        ``n, width, confidence_level``.

    Raises
    ------
    {out_of_range}

    Notes
    -----
    :math:`n = 4 z^2 V / w^2` with :math:`V = (1-\kappa)\{(1-\kappa)(1-2\kappa) + \kappa(2-\kappa)/[2\pi(1-\pi)]\}` of
    raters with the same prevalence (Bloch and Kraemer 1989, Biometrics 45:269).

    *How to read it.* Rare categories need many patients: few cases of a category say little about agreement on it.

    Examples
    --------
    >>> sample_size_kappa(kappa=0.6, prevalence=0.3, width=0.2).n
    296
    """
    check_shares(width=width, prevalence=prevalence)
    if not isinstance(kappa, Real) or not 0 <= kappa < 1:
        raise InputError(f"kappa is {kappa!r}; required: 0 or more, below 1.")
    z, mixed = normal_quantile(confidence_level), 2 * prevalence * (1 - prevalence)
    variance = (1 - kappa) * ((1 - kappa) * (1 - 2 * kappa) + kappa * (2 - kappa) / mixed)
    return PrecisionSize(math.ceil(4 * z**2 * variance / width**2), float(width), float(confidence_level))


def _check_hazard_ratio(hazard_ratio: float) -> None:
    if not isinstance(hazard_ratio, Real) or not 0 < hazard_ratio < math.inf or hazard_ratio == 1:
        raise InputError(f"hazard_ratio is {hazard_ratio!r}; required: above 0, and not 1.")


def _share_of_second(ratio: float) -> float:
    """Return the share of all patients that is in the second group."""
    if not isinstance(ratio, Real) or not 0 < ratio < math.inf:
        raise InputError(f"ratio is {ratio!r}; required: patients of the second group for each of the first, above 0.")
    return float(ratio / (1 + ratio))
