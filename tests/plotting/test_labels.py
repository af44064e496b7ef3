"""Displays of a fitted model refuse an outcome in another order than the features."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression

from radiokit.exceptions import InputError
from radiokit.plotting import CalibrationDisplay, DecisionCurveDisplay, RocDisplay, ScoreDisplay

X = pd.DataFrame({"a": np.random.default_rng(0).normal(size=60)}, index=[f"P{k}" for k in range(60)])
Y = pd.Series(np.arange(60) % 2, index=X.index)


@pytest.mark.parametrize("display", [CalibrationDisplay, DecisionCurveDisplay, RocDisplay, ScoreDisplay])
def test_an_outcome_in_another_order_is_refused(display) -> None:
    model = LogisticRegression().fit(X, Y)
    display.from_estimator(model, X, Y)
    with pytest.raises(InputError, match="another order"):
        display.from_estimator(model, X, Y[::-1])


def test_scores_in_another_order_are_refused() -> None:
    with pytest.raises(InputError, match="another order"):
        ScoreDisplay.from_predictions(Y, Y[::-1] * 0.5)
