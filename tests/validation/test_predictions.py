"""Predictions know their source; what misleads on training is refused."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from radiokit.exceptions import InputError, LeakageError, OutcomeError, ParameterError
from radiokit.utils import as_survival_target
from radiokit.validation import Predictions, compare_models, evaluate, net_benefit, performance

Y = np.array([0, 1, 0, 1, 1, 0, 1, 0])
P = np.array([0.1, 0.8, 0.3, 0.6, 0.4, 0.5, 0.9, 0.2])


def test_frozen_and_a_copy() -> None:
    given = P.copy()
    p = Predictions(Y, probability=given, source="test")
    given[0] = 0.99
    assert p.probability[0] == 0.1
    with pytest.raises(ValueError, match="read-only"):
        p.probability[0] = 1
    with pytest.raises(AttributeError):
        p.source = "external"  # type: ignore[misc]


@pytest.mark.parametrize(
    "function", [performance, lambda p: compare_models({"a": p, "b": p}), lambda p: net_benefit({"a": p})]
)
def test_training_is_refused(function) -> None:
    with pytest.raises(LeakageError, match="nothing about new patients"):
        function(Predictions(Y, probability=P, source="train"))


def test_pooled_folds_are_refused() -> None:
    with pytest.raises(LeakageError, match="fold"):
        Predictions(Y, probability=P, source="out-of-fold")


def test_evaluate_refuses_what_was_trained_on() -> None:
    from sklearn.linear_model import LogisticRegression

    X = pd.DataFrame({"x": P}, index=list("abcdefgh"))
    model = LogisticRegression().fit(X, Y)
    with pytest.raises(LeakageError, match="8 of 8 cases were in training"):
        evaluate(model, X, Y, training_ids=X.index)
    with pytest.raises(LeakageError, match="nested_cv"):
        evaluate(model, X, Y, source="train")
    with pytest.raises(LeakageError, match="1 of 8"):
        evaluate(model, X, Y, groups=[1, 2, 3, 4, 5, 6, 7, 8], training_ids=[3])


def test_bad_input_is_named() -> None:
    with pytest.raises(ParameterError, match="source"):
        Predictions(Y, probability=P, source="validation")
    with pytest.raises(InputError, match="within \\[0, 1\\]"):
        Predictions(Y, probability=P * 2)
    with pytest.raises(InputError, match="missing or infinite"):
        Predictions(Y, probability=np.where(P > 0.5, np.nan, P))
    with pytest.raises(OutcomeError, match="missing"):
        Predictions([0.0, np.nan], probability=[0.1, 0.2])
    with pytest.raises(InputError, match="needs `risk`"):
        Predictions(as_survival_target([1, 0], [1, 2]), probability=[0.1, 0.2])
    with pytest.raises(InputError, match="one for each row"):
        Predictions(Y, probability=P, groups=[1, 2])


def test_comparison_needs_the_same_cases() -> None:
    a = Predictions(Y, probability=P, ids=list("abcdefgh"))
    b = Predictions(Y, probability=P, ids=list("hgfedcba"))
    with pytest.raises(InputError, match="same cases"):
        compare_models({"a": a, "b": b})


def test_table_and_subset() -> None:
    p = Predictions(Y, probability=P, ids=list("abcdefgh"), groups=list("AABBCCDD"), source="test")
    assert p.n == 8
    assert p.n_events == 4
    assert p.take(p.y_true).to_frame()["case_id"].tolist() == ["b", "d", "e", "g"]


def test_a_notebook_shows_the_first_rows_escaped() -> None:
    p = Predictions([0, 1] * 8, probability=[0.25, 0.75] * 8, ids=[f"<i>{k}" for k in range(16)], source="test")
    text = p._repr_html_()
    assert "first 10 of 16 rows" in text
    assert "&lt;i&gt;9" in text and "&lt;i&gt;10" not in text and "<i>" not in text
