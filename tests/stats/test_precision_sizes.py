"""Sizes of log-rank tests and of intervals: published values, and back through the formula that they invert."""

from __future__ import annotations

import math

import pytest
from scipy.stats import norm

from radiokit import stats
from radiokit.exceptions import InputError


def test_events_as_schoenfelds_formula() -> None:
    """(1.959964 + 0.841621)^2 / (0.25 log(0.7)^2) = 246.8; two to one 137; Freedman's and Schoenfeld's tables agree."""
    size = stats.logrank_sample_size(hazard_ratio=0.7)
    assert size.n_events == 247
    assert math.isnan(size.n)
    assert stats.logrank_sample_size(hazard_ratio=1.8, power=0.9, ratio=2).n_events == 137
    assert stats.logrank_sample_size(hazard_ratio=0.7, event_probability=0.35).n == 706
    for ratio in (0.4, 1.5):
        one, two = (stats.logrank_sample_size(hazard_ratio=r, ratio=2).n_events for r in (ratio, 1 / ratio))
        assert one == two


@pytest.mark.parametrize(
    ("hr", "power", "alpha", "ratio"), [(0.7, 0.8, 0.05, 1), (1.8, 0.9, 0.05, 2), (0.4, 0.8, 0.01, 0.5)]
)
def test_the_events_have_the_power_and_one_less_has_not(hr: float, power: float, alpha: float, ratio: float) -> None:
    d = stats.logrank_sample_size(hazard_ratio=hr, power=power, alpha=alpha, ratio=ratio).n_events
    at, below = (stats.logrank_power(n_events=k, hazard_ratio=hr, alpha=alpha, ratio=ratio) for k in (d, d - 1))
    assert below < power <= at


def test_power_closed_form() -> None:
    assert stats.logrank_power(n_events=137, hazard_ratio=1.8, ratio=2) == pytest.approx(0.900295331026042, rel=1e-9)


@pytest.mark.parametrize(("auc", "width", "prevalence", "n"), [(0.8, 0.1, 0.3, 424), (0.9, 0.1, 0.1, 671)])
def test_the_auc_is_known_as_well_as_wanted(auc: float, width: float, prevalence: float, n: int) -> None:
    size = stats.sample_size_auc(auc=auc, width=width, prevalence=prevalence)
    assert size.n == pytest.approx(n, abs=2)

    def whole(n: int) -> float:
        m, k = prevalence * n, (1 - prevalence) * n
        q1, q2 = auc / (2 - auc), 2 * auc**2 / (1 + auc)
        variance = (auc * (1 - auc) + (m - 1) * (q1 - auc**2) + (k - 1) * (q2 - auc**2)) / (m * k)
        return 2 * norm.ppf(0.975) * variance**0.5

    assert whole(size.n) <= width < whole(size.n - 1)
    assert stats.sample_size_auc(auc=auc, width=width, prevalence=prevalence, confidence_level=0.99).n > 1.5 * size.n


def test_icc_and_kappa_closed_forms() -> None:
    assert stats.sample_size_icc(icc=0.8, n_raters=2, width=0.2).n == 51  # Bonett 2002
    assert stats.sample_size_icc(icc=0.75, n_raters=3, width=0.15).n == 90
    assert stats.sample_size_kappa(kappa=0.6, prevalence=0.3, width=0.2).n == 296
    assert stats.sample_size_kappa(kappa=0.8, prevalence=0.1, width=0.2).n == 401
    assert stats.sample_size_kappa(kappa=0.8, prevalence=0.9, width=0.2).n == 401  # either category may be the first


@pytest.mark.parametrize(
    ("call", "name"),
    [
        (lambda: stats.logrank_sample_size(hazard_ratio=1), "hazard_ratio"),
        (lambda: stats.logrank_sample_size(hazard_ratio=-2), "hazard_ratio"),
        (lambda: stats.logrank_sample_size(hazard_ratio=0.5, power=1), "power"),
        (lambda: stats.logrank_sample_size(hazard_ratio=0.5, alpha=0), "alpha"),
        (lambda: stats.logrank_sample_size(hazard_ratio=0.5, ratio=0), "ratio"),
        (lambda: stats.logrank_sample_size(hazard_ratio=0.5, event_probability=1.2), "event_probability"),
        (lambda: stats.logrank_power(n_events=0, hazard_ratio=0.5), "n_events"),
        (lambda: stats.sample_size_auc(auc=0.4, width=0.1, prevalence=0.3), "auc"),
        (lambda: stats.sample_size_auc(auc=0.8, width=0.1, prevalence=0), "prevalence"),
        (lambda: stats.sample_size_icc(icc=1, n_raters=2, width=0.1), "icc"),
        (lambda: stats.sample_size_icc(icc=0.5, n_raters=1, width=0.1), "n_raters"),
        (lambda: stats.sample_size_kappa(kappa=-0.1, prevalence=0.3, width=0.1), "kappa"),
        (lambda: stats.sample_size_kappa(kappa=0.5, prevalence=0.3, width="a"), "width"),
    ],
)
def test_what_is_out_of_range_is_named(call, name: str) -> None:
    with pytest.raises(InputError, match=name):
        call()
