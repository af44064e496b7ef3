"""The Brier score of predicted survival, weighted for censoring, and its integral over time."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from radiokit.engine.censoring import censoring_function, survival_function
from radiokit.engine.inputs import FloatArray, SurvivalOutcome
from radiokit.engine.survival_inputs import check_survival_matrix, check_times, check_times_events
from radiokit.exceptions import InputError
from radiokit.utils import same_rows


def brier_curve(y: SurvivalOutcome, survival_probability: ArrayLike, times: ArrayLike) -> pd.DataFrame:
    r"""Brier score of predicted survival at given times, with inverse-probability-of-censoring weights.

    Parameters
    ----------
    {y_survival}
    survival_probability : array-like of shape (n, m)
        Predicted probability of being free of the event at each time, as `CoxModel.predict_survival` gives it.
    {times}

    Returns
    -------
    DataFrame
        One row per time: ``time, brier, brier_null, brier_scaled``; the null model predicts the Kaplan-Meier estimate
        for everybody, ``brier_scaled`` is ``1 - brier / brier_null``. NaN beyond the last follow-up.

    Raises
    ------
    InputError
        If probabilities are missing, outside [0, 1] or of another shape.

    Notes
    -----
    .. math:: BS(t) = \frac1n \sum_i \left[ \frac{\delta_i 1(T_i \le t)\,\hat S(t|x_i)^2}{\hat G(T_i-)}
        + \frac{1(T_i > t)\,\{1 - \hat S(t|x_i)\}^2}{\hat G(t)} \right]

    with the Kaplan-Meier estimate G of remaining uncensored, of these same cases. As riskRegression::Score and pec
    (``cens.model = "km"``); ``brier_scaled`` is Score's IPA.

    How to read it: the mean squared error of the predicted probability; it punishes bad ranking and bad calibration
    both. Its size depends on how common the event is by then, so read it beside ``brier_null``: ``brier_scaled`` at or
    below 0 means no better than giving everybody the same curve.

    Sources: Graf et al. 1999, doi:10.1002/(SICI)1097-0258(19990915/30)18:17/18<2529::AID-SIM274>3.0.CO;2-5; Gerds and
    Schumacher 2006, doi:10.1002/bimj.200610301.

    Examples
    --------
    >>> y = pd.DataFrame({"event": [1, 1, 1, 1], "time": [1.0, 2.0, 3.0, 4.0]})
    >>> brier_curve(y, [[0.1], [0.2], [0.9], [0.9]], [2.5])["brier"].round(4).tolist()
    [0.0175]
    """
    same_rows(y=y, survival_probability=survival_probability)
    time, event = check_times_events(y)
    grid = check_times(times, time)
    predicted = check_survival_matrix(survival_probability, time.size, grid)
    null = np.tile(survival_function(time, event).at(grid), (time.size, 1))
    weight = _weights(time, event, grid)
    brier, brier_null = (_brier(time, grid, weight, s) for s in (predicted, null))
    with np.errstate(divide="ignore", invalid="ignore"):
        scaled = 1 - brier / brier_null
    return pd.DataFrame({"time": grid, "brier": brier, "brier_null": brier_null, "brier_scaled": scaled})


def integrated_brier(y: SurvivalOutcome, survival_probability: ArrayLike, times: ArrayLike) -> float:
    r"""Integrated Brier score: the mean of the Brier score over a range of times.

    Parameters
    ----------
    {y_survival}
    survival_probability : array-like of shape (n, m)
        Predicted probability of being free of the event at each time.
    times : array-like of shape (m,)
        At least two increasing times; the score is taken as constant between them.

    Returns
    -------
    float
        The integral over ``times[0]`` to ``times[-1]``, divided by the length of the range.

    Raises
    ------
    InputError
        If times do not increase, or the last one lies beyond the follow-up.

    Notes
    -----
    .. math:: IBS = \frac{1}{t_m - t_1} \sum_{k<m} BS(t_k)\,(t_{k+1} - t_k)

    the integral of a step function, as pec's ``crps``; give the event times (and 0) for the exact integral.

    How to read it: as `brier_curve`, over the whole range at once; compare it with that of Kaplan-Meier predictions.

    Source: Graf et al. 1999, doi:10.1002/(SICI)1097-0258(19990915/30)18:17/18<2529::AID-SIM274>3.0.CO;2-5.

    Examples
    --------
    >>> y = pd.DataFrame({"event": [1, 1, 1, 1], "time": [1.0, 2.0, 3.0, 4.0]})
    >>> integrated_brier(y, [[0.5] * 3] * 4, [1.0, 2.0, 3.0])
    0.25
    """
    grid = check_times(times)
    if grid.size < 2 or not (np.diff(grid) > 0).all():
        raise InputError(f"times holds {grid.size} values; required: two or more, increasing.")
    score = brier_curve(y, survival_probability, grid)["brier"].to_numpy()
    if np.isnan(score).any():
        last = float(np.max(check_times_events(y)[0]))
        raise InputError(f"times reach to {grid[-1]:g}, follow-up to {last:g}; required: times before its end.")
    return float(np.sum(score[:-1] * np.diff(grid)) / (grid[-1] - grid[0]))


def _weights(time: FloatArray, event: NDArray[np.bool_], grid: FloatArray) -> FloatArray:
    """Weight of each case at each time, shape (n, m); NaN at times without anybody left."""
    uncensored = censoring_function(time, event)
    with np.errstate(divide="ignore", invalid="ignore"):
        died = np.where(event, 1 / uncensored.before(time), 0.0)
        alive = 1 / uncensored.at(grid)
    by_then = time[:, None] <= grid[None, :]
    weight = np.where(by_then, died[:, None], alive[None, :])
    weight[:, grid > time.max()] = np.nan
    return weight


def _brier(time: FloatArray, grid: FloatArray, weight: FloatArray, survival: FloatArray) -> FloatArray:
    by_then = time[:, None] <= grid[None, :]
    return np.asarray((weight * np.where(by_then, survival, 1 - survival) ** 2).mean(axis=0), dtype=float)
