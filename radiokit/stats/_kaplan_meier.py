"""Kaplan-Meier curves with Greenwood's variance, and medians by inverting the band."""

from __future__ import annotations

from collections.abc import Hashable

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from radiokit.engine.censoring import LifeTable, kaplan_meier_product, life_table
from radiokit.engine.inputs import FloatArray, SurvivalOutcome, check_choice, check_weights, normal_quantile
from radiokit.engine.survival_inputs import check_groups, check_times_events, each_group
from radiokit.utils import same_rows

INTERVALS = ("log", "log-log", "plain")


def kaplan_meier(
    y: SurvivalOutcome,
    *,
    groups: ArrayLike | None = None,
    ci: str = "log",
    confidence_level: float = 0.95,
    sample_weight: ArrayLike | None = None,
) -> pd.DataFrame:
    r"""Kaplan-Meier estimate of survival, overall or by group.

    Parameters
    ----------
    {y_survival}
    groups : array-like of shape (n,), optional
        Group of each case; a curve is estimated in each. A Categorical keeps its order, else groups are sorted.
    ci : {"log", "log-log", "plain"}
        Scale on which the interval is symmetric. ``"log"`` is R's default; ``"log-log"`` keeps to [0, 1] without
        clipping and is the better one in small groups and where survival is near 0 or 1; ``"plain"`` is for comparison
        with older papers.
    {confidence_level}
    sample_weight : array-like of shape (n,), optional
        Positive case weights; the counts of the table are then sums of weights.

    Returns
    -------
    DataFrame
        One row per group and distinct time (of event or censoring): ``group, time, n_at_risk, n_events, n_censored,
        survival, se, ci_low, ci_high``. Without `groups`, ``group`` is "all". Where survival is 0, se and interval are
        NaN.

    Raises
    ------
    {bad_times}
    InputError
        If groups are missing, `ci` is unknown or weights are not positive.

    Notes
    -----
    With d events among n at risk at each time :math:`t_i`,

    .. math:: \hat S(t) = \prod_{t_i \le t} (1 - d_i/n_i), \qquad
        \widehat{se}(\log \hat S) = \Big\{\sum_{t_i \le t} \frac{d_i}{n_i (n_i - d_i)}\Big\}^{1/2}

    (Greenwood). ``"plain"`` is :math:`\hat S \pm z\,\hat S\,se(\log \hat S)`, ``"log"`` the exponential of
    :math:`\log \hat S \pm z\,se`, ``"log-log"`` is symmetric in :math:`\log(-\log S)`; limits are clipped to [0, 1].
    As R's survival::survfit, whose `std.err` is that of log S; here `se` is that of S. Whole-number weights count
    cases that are alike; with others (such as those of inverse probabilities) the variance is the infinitesimal
    jackknife :math:`\sum_i (w_i\,\partial \hat S/\partial w_i)^2`, as there.

    How to read it: `survival` is the estimated share of patients still free of the event at `time`. A curve is only as
    good as `n_at_risk`: where few remain, its end says little. Curves that cross do not differ by one hazard ratio.

    Sources: Kaplan and Meier 1958, doi:10.1080/01621459.1958.10501452; Kalbfleisch and Prentice 2002,
    doi:10.1002/9781118032985 (intervals).

    Examples
    --------
    >>> import pandas as pd
    >>> y = pd.DataFrame({"event": [1, 0, 1, 1], "time": [3.0, 4.0, 5.0, 9.0]})
    >>> kaplan_meier(y)[["time", "n_at_risk", "n_events", "survival"]]
       time  n_at_risk  n_events  survival
    0   3.0          4         1     0.750
    1   4.0          3         0     0.750
    2   5.0          2         1     0.375
    3   9.0          1         1     0.000
    """
    same_rows(y=y, groups=groups, sample_weight=sample_weight)
    z = normal_quantile(confidence_level)
    check_choice(ci, INTERVALS, name="ci")
    time, event = check_times_events(y)
    codes, labels = check_groups(groups, time.size)
    weight = check_weights(sample_weight, time.size)
    parts = []
    for label, mask in each_group(codes, labels):
        cases = time[mask], event[mask], None if weight is None else weight[mask]
        parts.append(_curve(label, *cases, ci, z))
    return pd.concat(parts, ignore_index=True)


def median_survival(
    y: SurvivalOutcome,
    *,
    groups: ArrayLike | None = None,
    ci: str = "log",
    confidence_level: float = 0.95,
    sample_weight: ArrayLike | None = None,
) -> pd.DataFrame:
    """Median survival time with the interval that inverts the band of the Kaplan-Meier curve.

    Parameters
    ----------
    {y_survival} {case_groups}
    ci : {"log", "log-log", "plain"}
        Scale of the band, as in `kaplan_meier`.
    {confidence_level}
    sample_weight : array-like of shape (n,), optional
        Positive case weights; ``n`` and ``n_events`` are then their sums.

    Returns
    -------
    DataFrame
        One row per group: ``group, n, n_events, median, ci_low, ci_high``; NaN where a curve does not fall to one half.

    Raises
    ------
    {bad_times}

    Notes
    -----
    The median is the first time at which the curve is at or below 0.5; where the curve is flat at exactly 0.5, it is
    the midpoint of the flat part. The limits are read in the same way off the lower and the upper limit of the band
    (Brookmeyer and Crowley 1982, doi:10.2307/2530286), as R's ``summary(survfit(...))``.

    How to read it: a NaN median says that more than half of the group is free of the event at the end of follow-up; a
    NaN upper limit, that the data cannot exclude a very long median. The median follow-up by reverse Kaplan-Meier is
    this function with events and censorings exchanged.

    Examples
    --------
    >>> import pandas as pd
    >>> y = pd.DataFrame({"event": [1, 0, 1, 1], "time": [3.0, 4.0, 5.0, 9.0]})
    >>> float(median_survival(y).loc[0, "median"])
    5.0
    """
    curve = kaplan_meier(y, groups=groups, ci=ci, confidence_level=confidence_level, sample_weight=sample_weight)
    levels = ("survival", "ci_low", "ci_high")
    rows = [
        (label, part["n_at_risk"].iloc[0], part["n_events"].sum(), *(_crosses_half(part, level) for level in levels))
        for label, part in curve.groupby("group", sort=False)
    ]
    return pd.DataFrame(rows, columns=["group", "n", "n_events", "median", "ci_low", "ci_high"])


def _curve(
    label: Hashable, time: FloatArray, event: NDArray[np.bool_], weight: FloatArray | None, ci: str, z: float
) -> pd.DataFrame:
    table = life_table(time, event, weight)
    survival = kaplan_meier_product(table.events, table.at_risk)
    if weight is None or (weight == np.floor(weight)).all():
        with np.errstate(divide="ignore"):
            se_log = np.sqrt(np.cumsum(table.events / (table.at_risk * (table.at_risk - table.events).astype(float))))
    else:
        se_log = _jackknife(table, time, event, weight)
    low, high = confidence_band(survival, se_log, ci, z)
    with np.errstate(invalid="ignore"):
        se = survival * se_log
    return pd.DataFrame(
        {
            "group": [label] * table.time.size,
            "time": table.time,
            "n_at_risk": table.at_risk,
            "n_events": table.events,
            "n_censored": table.censored,
            "survival": survival,
            "se": se,
            "ci_low": low,
            "ci_high": high,
        }
    )


def _jackknife(table: LifeTable, time: FloatArray, event: NDArray[np.bool_], weight: FloatArray) -> FloatArray:
    """Estimate the standard error of log S from the influence of each case, which stops growing at its own time."""
    left = table.at_risk - table.events
    last = left <= 1e-12 * table.at_risk
    per_death = np.where(last, np.nan, 1 / np.where(last, 1.0, left))
    at_risk = np.cumsum(table.events / table.at_risk * per_death)
    place = np.searchsorted(table.time, time)
    own = (weight * (at_risk[place] - np.where(event, per_death[place], 0.0))) ** 2
    gone = np.cumsum(np.bincount(place, weights=own, minlength=table.time.size))
    squares = np.bincount(place, weights=weight**2, minlength=table.time.size)
    staying = np.cumsum(squares[::-1])[::-1] - squares
    return np.asarray(np.sqrt(gone + staying * at_risk**2), dtype=float)


def confidence_band(survival: FloatArray, se_log: FloatArray, ci: str, z: float) -> tuple[FloatArray, FloatArray]:
    """Pointwise limits of survival from the standard error of its logarithm, clipped to [0, 1]; NaN at 0."""
    with np.errstate(divide="ignore", invalid="ignore"):
        if ci == "plain":
            low, high = survival * (1 - z * se_log), survival * (1 + z * se_log)
        elif ci == "log":
            low, high = survival * np.exp(-z * se_log), survival * np.exp(z * se_log)
        else:
            half = z * se_log / np.log(survival)
            low, high = survival ** np.exp(-half), survival ** np.exp(half)
    untouched, gone = survival == 1, survival == 0
    low, high = np.where(untouched, 1.0, low), np.where(untouched, 1.0, high)
    return np.where(gone, np.nan, np.clip(low, 0, 1)), np.where(gone, np.nan, np.clip(high, 0, 1))


def _crosses_half(curve: pd.DataFrame, column: str) -> float:
    tolerance = np.sqrt(np.finfo(float).eps)
    level, time = curve[column].to_numpy(dtype=float), curve["time"].to_numpy(dtype=float)
    below = np.flatnonzero(level < 0.5 + tolerance)
    if not below.size:
        return np.nan
    first = below[0]
    lower = np.flatnonzero(level < level[first])
    if abs(level[first] - 0.5) < tolerance and lower.size:
        return float((time[first] + time[lower[0]]) / 2)
    return float(time[first])
