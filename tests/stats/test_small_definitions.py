"""Numbers by their definitions, each of which a change of one sign or index once left unnoticed."""

import math

import numpy as np
import pandas as pd
import pytest
from scipy.stats import kruskal

from radiokit import stats
from radiokit.exceptions import InputError


def test_the_integral_of_a_changing_brier_score_is_its_sum_by_steps() -> None:
    y = pd.DataFrame({"event": [1, 1, 1, 1], "time": [1.0, 2.0, 3.0, 4.0]})  # no censoring: plain means
    predicted = np.array([[0.9, 0.2, 0.1, 0.0]] * 4)
    times = np.array([0.5, 1.5, 3.5, 3.75])
    alive = y["time"].to_numpy()[:, None] > times
    score = ((alive - predicted) ** 2).mean(axis=0)
    exact = (score[0] * 1.0 + score[1] * 2.0 + score[2] * 0.25) / 3.25
    assert stats.integrated_brier(y, predicted, times) == pytest.approx(exact, rel=1e-12)


def test_events_for_each_parameter_are_a_quotient() -> None:
    size = stats.sample_size_binary(n_parameters=24, prevalence=0.174, r2_cs=0.288)
    assert size.events_per_parameter == pytest.approx(size.n * 0.174 / 24, rel=1e-12)
    assert size.n_events == pytest.approx(size.n * 0.174, rel=1e-12)


def test_groups_of_an_uneven_variable_are_compared_by_kruskal_and_wallis() -> None:
    data = pd.DataFrame({"volume": [1.0, 2, 4, 8, 16, 3, 9, 27, 81], "arm": list("aaabbbccc")})
    table = stats.table_one(data, by="arm", nonnormal=["volume"])
    assert set(table["test"]) == {"Kruskal-Wallis"}
    parts = [part["volume"] for _, part in data.groupby("arm")]
    assert table["p_value"].dropna().iloc[0] == pytest.approx(kruskal(*parts).pvalue, rel=1e-12)


def test_the_area_above_a_sensitivity_leaves_out_all_below_it() -> None:
    y, score = [0, 1, 0, 1, 1, 0, 1, 0, 1, 1], [1, 2, 3, 4, 5, 6, 7, 8, 9, 10]
    cases = sorted(zip(score, y, strict=True), reverse=True)
    positive, negative = sum(y), len(y) - sum(y)
    fpr, tpr = [0.0], [0.0]
    for _, event in cases:
        fpr.append(fpr[-1] + (1 - event) / negative)
        tpr.append(tpr[-1] + event / positive)
    # Specificity as a function of sensitivity: the curve is steps, so that the area is a sum of rectangles.
    area = sum((1 - fpr[k]) * (tpr[k + 1] - max(tpr[k], 0.6)) for k in range(len(y)) if tpr[k + 1] > max(tpr[k], 0.6))
    assert stats.partial_auc(y, score, min_tpr=0.6, standardized=False) == pytest.approx(area, rel=1e-12)


def test_a_constant_prediction_has_the_intercept_of_the_prevalence() -> None:
    y = np.array([1, 1, 0, 0, 0, 0, 0, 0, 0, 1])
    found = stats.calibration(y, np.full(10, 0.2))
    assert found.intercept_se == pytest.approx(1 / math.sqrt(10 * 0.3 * 0.7), rel=1e-12)


def test_the_old_model_is_compared_by_its_labels_too() -> None:
    ids = list("abcdefgh")
    y = pd.Series([0, 1, 0, 1, 1, 0, 1, 0], index=ids)
    new = pd.Series(np.linspace(0.1, 0.9, 8), index=ids)
    with pytest.raises(InputError):
        stats.integrated_discrimination(y, new[::-1], new)
    with pytest.raises(InputError):
        stats.net_reclassification(y, new[::-1], new)
