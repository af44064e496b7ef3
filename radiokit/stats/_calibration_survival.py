"""Whether predicted survival at a time is right, by groups of predicted survival."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from radiokit.engine.horizon import follow_up
from radiokit.engine.inputs import SurvivalOutcome, check_count, check_level, check_probability, quantile_groups
from radiokit.stats._kaplan_meier import kaplan_meier
from radiokit.utils import check_survival_target, same_rows


def survival_calibration_table(
    y: SurvivalOutcome,
    survival_probability: ArrayLike,
    *,
    time: float,
    bins: int = 4,
    confidence_level: float = 0.95,
) -> pd.DataFrame:
    """Mean predicted survival and Kaplan-Meier survival at a time, in groups of predicted survival.

    Parameters
    ----------
    {y_survival}
    survival_probability : array-like of shape (n,)
        Predicted probability to be free of the event at `time`, in [0, 1].
    time : float
        The horizon, within the follow-up.
    bins : int
        Number of groups of about equal size (quantiles of type 7, duplicates merged).
    confidence_level : float
        Level of the interval of the observed survival (log scale).

    Returns
    -------
    DataFrame
        One row per group: ``low, high, n, n_events, predicted, observed, se, ci_low, ci_high``; ``n_events`` by `time`.
        ``observed`` is NaN where nobody of a group is followed to `time`.

    Raises
    ------
    OutcomeError
        If times or events are not valid, or `time` lies beyond the follow-up.
    InputError
        If probabilities are missing or outside [0, 1], or `bins` is below 1.

    Notes
    -----
    As rms ``groupkm`` (Harrell 2015, doi:10.1007/978-3-319-19425-7, section 20.3), which reports the standard error of
    log S where this is that of S. *How to read it.* Predicted should lie within the interval of observed. Predictions
    of the training data look better than they are.

    Examples
    --------
    >>> y = pd.DataFrame({"event": [1, 1, 0, 1, 0, 0], "time": [1.0, 2.0, 5.0, 3.0, 6.0, 7.0]})
    >>> table = survival_calibration_table(y, [0.2, 0.3, 0.4, 0.6, 0.7, 0.8], time=4, bins=2)
    >>> table[["n", "predicted", "observed"]].round(3).values.tolist()
    [[3.0, 0.3, 0.333], [3.0, 0.7, 0.667]]
    """
    same_rows(y=y, survival_probability=survival_probability)
    check_count(bins, 1, name="bins")
    target, known = check_survival_target(y), follow_up(y, time)
    p = check_probability(survival_probability, target.size, name="survival_probability")
    edges, group = quantile_groups(p, bins)
    rows = [
        {
            "low": edges[g],
            "high": edges[g + 1],
            "n": int(cases.sum()),
            "n_events": int(known.event[cases].sum()),
            "predicted": float(p[cases].mean()),
            **_survival_at(target[cases], known.horizon, check_level(confidence_level)),
        }
        for g, cases in ((g, group == g) for g in np.unique(group))
    ]
    return pd.DataFrame(rows)


def _survival_at(y: SurvivalOutcome, time: float, confidence_level: float) -> dict[str, float]:
    names = {"survival": "observed", "se": "se", "ci_low": "ci_low", "ci_high": "ci_high"}
    if y["time"].max() < time:
        return dict.fromkeys(names.values(), math.nan)
    curve = kaplan_meier(y, confidence_level=confidence_level)
    before = curve[curve["time"] <= time]
    if before.empty:
        return {"observed": 1.0, "se": 0.0, "ci_low": 1.0, "ci_high": 1.0}
    return {ours: float(before.iloc[-1][theirs]) for theirs, ours in names.items()}
