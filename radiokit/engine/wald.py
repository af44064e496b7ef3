"""From an estimate and its standard error to a statistic, a p-value and limits, in the same way for every test.

Without an estimate, or without a finite standard error, there is no test: all four are NaN. A standard error of zero
occurs where nothing varies in this sample (two curves that are equal case by case, a perfect ranking of five patients).
Then an estimate of zero has statistic 0 and p = 1; any other has no test either (NaN, not p = 0).
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Protocol

from scipy import special, stats

from radiokit.engine.inputs import check_choice, check_level

TAILS = ("two-sided", "less", "greater")
ROUNDING = 1e-10  # a standard error this small beside its estimate is what rounding left of zero


class Distribution(Protocol):
    """A distribution of scipy.stats."""

    def ppf(self, q: float, /) -> float:
        """Quantile."""

    def cdf(self, x: float, /) -> float:
        """Lower tail."""

    def sf(self, x: float, /) -> float:
        """Upper tail."""


@dataclass(frozen=True)
class Wald:
    """Statistic, p-value and confidence limits."""

    statistic: float
    p_value: float
    ci_low: float
    ci_high: float


def wald(
    estimate: float,
    se: float,
    *,
    confidence_level: float,
    null_se: float | None = None,
    alternative: str = "two-sided",
    law: Distribution = stats.norm,
) -> Wald:
    """Test that the estimated quantity is zero, and give its interval.

    `null_se` is the standard error under the null hypothesis where it is another; `law` the distribution of the
    statistic.
    """
    check_choice(alternative, TAILS, name="alternative")
    check_level(confidence_level)
    statistic = ratio_to_se(estimate, se if null_se is None else null_se)
    margin = float(law.ppf(0.5 + confidence_level / 2)) * se
    known = not math.isnan(ratio_to_se(estimate, se))
    return Wald(
        statistic=statistic,
        p_value=_p_value(statistic, alternative, law),
        ci_low=estimate - margin if known else math.nan,
        ci_high=estimate + margin if known else math.nan,
    )


def wald_if_any_spread(estimate: float, se: float, *, confidence_level: float, law: Distribution = stats.norm) -> Wald:
    """As `wald`, where a standard error of zero means that nothing was compared: then there is no test at all."""
    test = wald(estimate, se, confidence_level=confidence_level, law=law)
    return test if se > 0 else replace(test, statistic=math.nan, p_value=math.nan)


def ratio_to_se(estimate: float, se: float) -> float:
    """Estimate over standard error; NaN where there is no test, 0 where nothing differs and nothing varies."""
    if not (math.isfinite(estimate) and math.isfinite(se)) or se < 0:
        return math.nan
    if se <= ROUNDING * abs(estimate):
        return math.nan if estimate else 0.0
    return estimate / se


def normal_p_value(statistic: float) -> float:
    """Two-sided p-value of a normal statistic; NaN unless it is finite."""
    return _p_value(statistic, "two-sided", stats.norm)


def chi_squared_p_value(statistic: float, df: float) -> float:
    """Upper tail of a chi-squared statistic; NaN unless it is finite and has degrees of freedom."""
    return float(special.chdtrc(df, statistic)) if math.isfinite(statistic) and df > 0 else math.nan


def _p_value(statistic: float, alternative: str, law: Distribution) -> float:
    if not math.isfinite(statistic):
        return math.nan
    if alternative == "two-sided":
        return float(min(2 * law.sf(abs(statistic)), 1.0))
    return float(law.cdf(statistic) if alternative == "less" else law.sf(statistic))
