"""Restricted mean survival time: the area under the Kaplan-Meier curve up to a horizon, and its comparison."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from radiokit.engine.censoring import kaplan_meier_product, life_table
from radiokit.engine.inputs import FloatArray, SurvivalOutcome, normal_quantile
from radiokit.engine.results import Result
from radiokit.engine.survival_inputs import check_groups, check_times, check_times_events, each_group
from radiokit.engine.wald import wald_if_any_spread
from radiokit.exceptions import InputError
from radiokit.utils import same_rows


@dataclass(frozen=True, repr=False)
class RMSTDifference(Result):
    """A difference of two restricted mean survival times.

    Parameters
    ----------
    group_a, group_b : object
        The two groups.
    difference : float
        Restricted mean of `group_b` minus that of `group_a`.
    {comparison}
    tau : float
        The horizon.
    {confidence_level}

    Examples
    --------
    >>> from radiokit.stats import rmst_difference
    >>> y = pd.DataFrame({"event": [1, 1, 1, 1], "time": [1.0, 2.0, 3.0, 4.0]})
    >>> rmst_difference(y, ["a", "a", "b", "b"], tau=2).difference
    0.5
    """

    group_a: Hashable
    group_b: Hashable
    difference: float
    se: float
    ci_low: float
    ci_high: float
    statistic: float
    p_value: float
    tau: float
    confidence_level: float


def rmst(
    y: SurvivalOutcome, *, tau: float, groups: ArrayLike | None = None, confidence_level: float = 0.95
) -> pd.DataFrame:
    r"""Restricted mean survival time up to a horizon, overall or by group.

    Parameters
    ----------
    {y_survival}
    tau : float
        Horizon, in the unit of time.
    {case_groups} {confidence_level}

    Returns
    -------
    DataFrame
        One row per group: ``group, tau, rmst, se, ci_low, ci_high``.

    Raises
    ------
    InputError
        If a group is not followed up to `tau` (unless its curve has fallen to 0 before).

    Notes
    -----
    .. math:: \mu(\tau) = \int_0^\tau \hat S(t)\,dt, \qquad
        \widehat{var} = \sum_{t_i \le \tau} \Big\{\int_{t_i}^\tau \hat S(t)\,dt\Big\}^2 \frac{d_i}{n_i (n_i - d_i)}

    As R's survRM2 (no small-sample factor).

    How to read it: the time that a patient of the group lives, on average, free of the event within the first `tau`
    units of time. It needs no proportional hazards, and the difference of two is in units of time.

    Source: Uno et al. 2014, doi:10.1200/JCO.2014.55.2208.

    Examples
    --------
    >>> y = pd.DataFrame({"event": [1, 0, 1, 1], "time": [3.0, 4.0, 5.0, 9.0]})
    >>> float(rmst(y, tau=4).loc[0, "rmst"])
    3.75
    """
    same_rows(y=y, groups=groups)
    z = normal_quantile(confidence_level)
    time, event = check_times_events(y)
    codes, labels = check_groups(groups, time.size)
    rows = []
    for label, mask in each_group(codes, labels):
        mean, variance = _area(time[mask], event[mask], tau, label)
        se = float(np.sqrt(variance))
        rows.append((label, float(tau), mean, se, mean - z * se, mean + z * se))
    return pd.DataFrame(rows, columns=["group", "tau", "rmst", "se", "ci_low", "ci_high"])


def rmst_difference(
    y: SurvivalOutcome, groups: ArrayLike, *, tau: float, confidence_level: float = 0.95
) -> RMSTDifference:
    """Compare the restricted mean survival times of two groups.

    Parameters
    ----------
    {y_survival}
    groups : array-like of shape (n,)
        Two groups.
    tau : float
        Horizon, in the unit of time; fixed before the data are seen.
    {confidence_level}

    Returns
    -------
    RMSTDifference
        ``difference`` is the second group minus the first.

    Raises
    ------
    InputError
        If there are not two groups, or one is not followed up to `tau`.

    Notes
    -----
    Normal test of the difference of two independent areas, as R's survRM2 (Uno et al. 2014,
    doi:10.1200/JCO.2014.55.2208).

    How to read it: the time gained or lost within the first `tau` units of time. NaN for statistic and p-value where
    neither group has an event by then.

    Examples
    --------
    >>> y = pd.DataFrame({"event": [1, 1, 1, 1], "time": [1.0, 2.0, 3.0, 4.0]})
    >>> rmst_difference(y, ["a", "a", "b", "b"], tau=2)
    RMSTDifference(group_a='a', group_b='b', difference=0.5, ...)
    """
    table = rmst(y, tau=tau, groups=groups, confidence_level=confidence_level)
    if len(table) != 2:
        raise InputError(f"groups holds {len(table)} groups; required: two. For more, compare pairs or use rmst.")
    difference = float(table["rmst"][1] - table["rmst"][0])
    se = float(np.hypot(table["se"][0], table["se"][1]))
    test = wald_if_any_spread(difference, se, confidence_level=confidence_level)
    return RMSTDifference(
        group_a=table["group"][0],
        group_b=table["group"][1],
        difference=difference,
        se=se,
        **vars(test),
        tau=float(tau),
        confidence_level=float(confidence_level),
    )


def _area(time: FloatArray, event: NDArray[np.bool_], tau: float, label: Hashable) -> tuple[float, float]:
    horizon = float(check_times(tau, time, name="tau")[0])
    table = life_table(time, event)
    survival = kaplan_meier_product(table.events, table.at_risk)
    if horizon > table.time[-1] and survival[-1] > 0:
        raise InputError(
            f"tau is {horizon:g}, and group {label!r} is followed up to {table.time[-1]:g} only; required: a horizon "
            "within the follow-up of every group."
        )
    known = table.time <= horizon
    grid = np.concatenate([[0.0], table.time[known], [horizon]])
    areas = np.diff(grid) * np.append(1.0, survival[known])
    remaining = np.cumsum(areas[::-1])[::-1][1:]
    left = (table.at_risk - table.events)[known]
    hazard_variance = np.where(left > 0, table.events[known] / (table.at_risk[known] * np.maximum(left, 1)), 0.0)
    return float(areas.sum()), float(np.sum(remaining**2 * hazard_variance))
