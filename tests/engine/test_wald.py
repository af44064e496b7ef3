"""From estimate and standard error to test and interval: the one rule, by normal and t quantiles of R."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats as laws

from radiokit.engine.wald import chi_squared_p_value, normal_p_value, ratio_to_se, wald, wald_if_any_spread
from radiokit.exceptions import InputError
from radiokit.stats import auc

NAN, INF = math.nan, math.inf


def test_a_plain_test() -> None:
    """2 * pnorm(-1.5) and 1.5 +- qnorm(0.975)."""
    test = wald(1.5, 1.0, confidence_level=0.95)
    assert (test.statistic, test.p_value) == pytest.approx((1.5, 0.13361440253771614), rel=1e-12)
    assert (test.ci_low, test.ci_high) == pytest.approx((1.5 - 1.959963984540054, 1.5 + 1.959963984540054), rel=1e-12)
    assert wald(1.5, 1.0, confidence_level=0.8).ci_high == pytest.approx(1.5 + 1.2815515655446004)


def test_law_sides_and_null() -> None:
    """pt(-2, 5) and qt(0.975, 5); one-sided tails; a standard error of its own under the null."""
    test = wald(2.0, 1.0, law=laws.t(5), confidence_level=0.95)
    assert (test.p_value, test.ci_low) == pytest.approx((0.10193947882985148, 2 - 2.5705818356363146), rel=1e-9)
    greater, less = (wald(2.0, 1.0, alternative=a, confidence_level=0.95).p_value for a in ("greater", "less"))
    assert (greater, less) == pytest.approx((0.02275013194817921, 0.9772498680518208), rel=1e-9)
    null = wald(2.0, 1.0, null_se=0.5, confidence_level=0.95)
    assert null.statistic == 4
    assert null.ci_high - 2 == pytest.approx(1.959963984540054)
    with pytest.raises(InputError, match="alternative"):
        wald(1.0, 1.0, alternative="both", confidence_level=0.95)
    with pytest.raises(InputError, match="confidence_level"):
        wald(1.0, 1.0, confidence_level=95)


@pytest.mark.parametrize(
    ("estimate", "se"),
    [(NAN, 1.0), (INF, 1.0), (1.0, NAN), (1.0, INF), (1.0, 0.0), (1.0, 1e-17), (0.0, NAN), (1.0, -1.0)],
)
def test_without_an_estimate_or_a_spread_there_is_no_test(estimate: float, se: float) -> None:
    test = wald(estimate, se, confidence_level=0.95)
    assert np.isnan([test.statistic, test.p_value, test.ci_low, test.ci_high]).all()
    assert math.isnan(ratio_to_se(estimate, se))


def test_equals_are_equal_but_where_nothing_was_compared() -> None:
    same = wald(0.0, 0.0, confidence_level=0.95)
    assert (same.statistic, same.p_value, same.ci_low, same.ci_high) == (0, 1, 0, 0)
    nothing = wald_if_any_spread(0.0, 0.0, confidence_level=0.95)
    assert np.isnan([nothing.statistic, nothing.p_value]).all()
    assert wald_if_any_spread(1.5, 1.0, confidence_level=0.95) == wald(1.5, 1.0, confidence_level=0.95)


def test_a_large_statistic_is_still_a_test() -> None:
    assert wald(1.0, 1e-9, confidence_level=0.95).statistic == pytest.approx(1e9)


def test_p_values_of_statistics() -> None:
    """2 * pnorm(-1.96), pchisq(3.84, 1, lower.tail = FALSE)."""
    assert normal_p_value(-1.96) == pytest.approx(0.04999579029644087, rel=1e-9)
    assert chi_squared_p_value(3.84, 1) == pytest.approx(0.050043521248705196, rel=1e-9)
    for statistic, df in ((NAN, 1), (INF, 1), (3.0, 0), (3.0, NAN)):
        assert math.isnan(chi_squared_p_value(statistic, df))
    assert math.isnan(normal_p_value(INF))


def test_a_column_of_scores_is_scores() -> None:
    y, score = [0, 1, 0, 1], np.array([1.0, 2, 3, 4])
    assert auc(y, score[:, None]) == auc(y, score)
    with pytest.raises(InputError, match=r"shape \(4, 2\)"):
        auc(y, np.column_stack([score, score]))
