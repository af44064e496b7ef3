"""What accuracy a study of this size can tell from chance."""

from __future__ import annotations

import numpy as np
from scipy.optimize import brentq
from scipy.stats import norm

POWER = 0.8


def z_of(confidence_level: float) -> float:
    """Return the normal quantile of a two-sided interval."""
    return float(norm.ppf((1 + confidence_level) / 2))


def detectable_auc(events: int, others: int, confidence_level: float = 0.95, power: float = POWER) -> float:
    """Return the least AUC whose interval excludes 0.5 with this power.

    Standard errors by Hanley and McNeil 1982, doi 10.1148/radiology.143.1.7063747.
    """
    if min(events, others) < 2:
        return float("nan")

    def excess(area: float) -> float:
        return area - 0.5 - (z_of(confidence_level) + norm.ppf(power)) * hanley_se(area, events, others)

    return float(brentq(excess, 0.5, 1 - 1e-9)) if excess(1 - 1e-9) > 0 else float("nan")


def detectable_concordance(half: float, confidence_level: float, power: float = POWER) -> float:
    """Return the least C-index that is found with this power where intervals have this half width."""
    return 0.5 + half * (1 + float(norm.ppf(power)) / z_of(confidence_level))


def hanley_se(area: float, events: int, others: int) -> float:
    """Return the standard error of an AUC by Hanley and McNeil's formula."""
    q1, q2 = area / (2 - area), 2 * area**2 / (1 + area)
    top = area * (1 - area) + (events - 1) * (q1 - area**2) + (others - 1) * (q2 - area**2)
    return float(np.sqrt(top / (events * others)))
