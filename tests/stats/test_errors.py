"""Errors in our own words: what is wrong, where, and how to mend it."""

from __future__ import annotations

import inspect

import numpy as np
import pandas as pd
import pytest

from radiokit import stats
from radiokit.exceptions import InputError

Y = np.arange(12) % 2
P = np.linspace(0.1, 0.9, 12)
TWICE = pd.DataFrame(np.column_stack([P, P]), columns=["a", "a"])


@pytest.mark.parametrize("function", [stats.decision_curve_band, stats.decision_curve_difference, stats.decision_curve])
def test_a_misspelt_option_is_named_with_the_function(function) -> None:
    with pytest.raises(TypeError, match=rf"{function.__name__}\(\) got an unexpected keyword argument 'treshold'"):
        function(Y, {"m": P}, treshold=[0.2])


def test_no_public_function_takes_any_keyword() -> None:
    """`**options` would pass a misspelt name on to a place that the user does not know."""
    for name in stats.__all__:
        function = getattr(stats, name)
        if inspect.isfunction(function):
            kinds = {p.kind for p in inspect.signature(function).parameters.values()}
            assert inspect.Parameter.VAR_KEYWORD not in kinds, name


@pytest.mark.parametrize(
    "call",
    [
        lambda: stats.compare_aucs(Y, TWICE),
        lambda: stats.decision_curve(Y, TWICE),
        lambda: stats.vif(TWICE),
        lambda: stats.table_one(TWICE),
        lambda: stats.cox_univariable(TWICE, pd.DataFrame({"event": Y, "time": P})),
    ],
)
def test_repeated_columns_are_refused_by_name(call) -> None:
    with pytest.raises(InputError, match="repeats the column 'a'"):
        call()


def test_options_of_the_decision_curve_reach_its_band_and_difference() -> None:
    options = {"thresholds": [0.2, 0.4], "prevalence": 0.3, "harm": {"m": 0.01}}
    curve = stats.decision_curve(Y, {"m": P}, **options)
    band = stats.decision_curve_band(Y, {"m": P}, **options, n_bootstraps=5, random_state=0)
    pd.testing.assert_frame_equal(band[curve.columns], curve)
    net = curve.pivot(index="threshold", columns="model", values="net_benefit")
    gap = stats.decision_curve_difference(Y, {"m": P}, **options, reference="all", n_bootstraps=5, random_state=0)
    np.testing.assert_allclose(gap["difference"], net["m"] - net["all"])
    survival = pd.DataFrame({"event": Y, "time": 10 * P})
    wanted = stats.decision_curve(survival, {"m": P}, thresholds=[0.3], time=5.0)
    made = stats.decision_curve_band(survival, {"m": P}, thresholds=[0.3], time=5.0, n_bootstraps=5, random_state=0)
    pd.testing.assert_frame_equal(made[wanted.columns], wanted)
