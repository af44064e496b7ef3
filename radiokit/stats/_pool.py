"""One result from several imputed data sets: Rubin's rules."""

from __future__ import annotations

import math
from collections.abc import Hashable
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from scipy import stats

from radiokit.engine.inputs import FloatArray, as_floats, check_level
from radiokit.engine.results import Result
from radiokit.engine.wald import wald
from radiokit.exceptions import InputError

LEAST_SHARE = 1e-4  # of the variance between imputations, as mice: else the degrees of freedom are infinite


@dataclass(frozen=True, repr=False)
class Pooled(Result):
    """An estimate pooled over imputations.

    Parameters
    ----------
    estimate, se : float
        Mean estimate, and its standard error within and between imputations.
    df : float
        Degrees of freedom (Barnard and Rubin).
    ci_low, ci_high : float
        Limits by Student's t.
    statistic, p_value : float
        Of the estimate against 0.
    fmi, riv : float
        Fraction of missing information, and relative increase of the variance by what is missing.
    n_imputations : int
        Data sets.
    {confidence_level}

    Examples
    --------
    >>> from radiokit.stats import pool
    >>> pool([1.0, 1.2, 1.1], [0.04, 0.05, 0.04]).estimate
    1.1
    """

    estimate: float
    se: float
    df: float
    ci_low: float
    ci_high: float
    statistic: float
    p_value: float
    fmi: float
    riv: float
    n_imputations: int
    confidence_level: float


def pool(
    estimates: ArrayLike, variances: ArrayLike, *, df_complete: float | None = None, confidence_level: float = 0.95
) -> Pooled | pd.DataFrame:
    r"""Pool estimates of several imputed data sets by Rubin's rules.

    Parameters
    ----------
    estimates : array-like of shape (m,), or DataFrame of shape (m, k)
        The estimate in each imputed data set; or one column per coefficient.
    variances : array-like of shape (m,), or DataFrame of shape (m, k)
        Their squared standard errors.
    df_complete : float, optional
        Degrees of freedom that complete data would have (cases less coefficients); infinite if absent.
    {confidence_level}

    Returns
    -------
    Pooled or DataFrame
        ``estimate, se, df, ci_low, ci_high, statistic, p_value, fmi, riv``; one row per coefficient for tables.

    Raises
    ------
    InputError
        If there are fewer than two imputations, shapes differ, values are missing, or a variance is not positive.

    Notes
    -----
    With the mean :math:`\bar Q`, the mean variance :math:`\bar U` and the variance B between m data sets, the total is
    :math:`T = \bar U + (1 + 1/m) B`. With :math:`\lambda = (1 + 1/m) B / T` the degrees of freedom
    :math:`\nu_m = (m-1)/\lambda^2` are joined with those of the observed data,
    :math:`\nu_o = \frac{\nu_c + 1}{\nu_c + 3}\,\nu_c (1 - \lambda)`, to :math:`\nu_m \nu_o/(\nu_m + \nu_o)` (Barnard
    and Rubin 1999, doi:10.1093/biomet/86.4.948). ``riv`` is :math:`(1 + 1/m) B/\bar U`, ``fmi`` is
    :math:`(riv + 2/(\nu + 3))/(riv + 1)`. As ``mice::pool``.

    *How to read it.* ``fmi`` 0.3: three tenths of the information about this estimate are missing; use about as many
    imputations as per cent are missing (30). Pool on a scale that is about normal: log odds ratios, logit of an AUC.

    Examples
    --------
    >>> result = pool([2.1, 2.4, 1.9, 2.3, 2.2], [0.25, 0.3, 0.22, 0.27, 0.26], df_complete=99)
    >>> round(result.se, 4), round(result.fmi, 4)
    (0.5517, 0.1741)
    """
    check_level(confidence_level)
    if df_complete is not None and not df_complete > 0:
        raise InputError(f"df_complete is {df_complete!r}; required: degrees of freedom above 0, or None.")
    q, u = as_floats(estimates, name="estimates"), as_floats(variances, name="variances")
    if q.shape != u.shape or q.ndim not in (1, 2) or len(q) < 2:
        raise InputError(
            f"estimates has shape {q.shape} and variances {u.shape}; required: the same, one row per "
            "imputation, two or more."
        )
    if not (np.isfinite(q).all() and np.isfinite(u).all()) or (u <= 0).any():
        raise InputError("Estimates or variances are missing, or a variance is not above 0; required: finite numbers.")
    freedom = math.inf if df_complete is None else float(df_complete)
    if q.ndim == 1:
        return _pool(q, u, freedom, confidence_level)
    names: list[Hashable] = list(estimates.columns) if isinstance(estimates, pd.DataFrame) else [*range(q.shape[1])]
    if isinstance(variances, pd.DataFrame) and list(variances.columns) != names:
        raise InputError("estimates and variances have different columns; required: the same coefficients in order.")
    rows = [vars(_pool(q[:, k], u[:, k], freedom, confidence_level)) for k in range(q.shape[1])]
    return pd.DataFrame(rows, index=pd.Index(names, name="feature"))


def _pool(q: FloatArray, u: FloatArray, freedom: float, confidence_level: float) -> Pooled:
    m, within = q.size, float(u.mean())
    extra = (1 + 1 / m) * float(q.var(ddof=1))
    total = within + extra
    share = max(extra / total, LEAST_SHARE)
    df = (m - 1) / share**2
    if math.isfinite(freedom):
        observed = (freedom + 1) / (freedom + 3) * freedom * (1 - share)
        df = df * observed / (df + observed)
    riv = extra / within
    test = wald(float(q.mean()), math.sqrt(total), law=stats.t(df), confidence_level=confidence_level)
    return Pooled(
        estimate=float(q.mean()),
        se=math.sqrt(total),
        df=df,
        **vars(test),
        fmi=(riv + 2 / (df + 3)) / (riv + 1),
        riv=riv,
        n_imputations=m,
        confidence_level=float(confidence_level),
    )
