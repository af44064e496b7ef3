"""What a fitted model can do is asked of the model, not of its class: a pipeline has what its last step has."""

from __future__ import annotations

import pandas as pd
import pytest
from sklearn.base import BaseEstimator
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC, LinearSVC

from radiokit.datasets import make_feature_table
from radiokit.exceptions import InputError
from radiokit.plotting import RocDisplay
from radiokit.utils.estimators import has_all, has_decision, has_probabilities
from radiokit.validation import nested_cv, validate

TABLE = make_feature_table(80, n_features=4, n_informative=2, block=2, effect=1.0, random_state=0)


@pytest.mark.parametrize(
    ("model", "decision", "probabilities"),
    [
        (LogisticRegression(), True, True),
        (RandomForestClassifier(5, min_samples_leaf=10, random_state=0), False, True),
        (LinearSVC(), True, False),
        (SVC(), True, False),
    ],
)
def test_a_pipeline_can_do_what_its_last_step_can(model: BaseEstimator, decision: bool, probabilities: bool) -> None:
    for one in (model, make_pipeline(StandardScaler(), model)):
        assert (has_decision(one), has_probabilities(one)) == (decision, probabilities)


class Delegating:
    """What lifelines and statsmodels do: the attributes are those of an object inside."""

    def __getattr__(self, name: str) -> object:
        if name == "params":
            return [1.0]
        raise AttributeError(name)


def test_attributes_are_those_of_the_object_as_it_is() -> None:
    assert has_all(SVC(kernel="linear").fit(TABLE.X, TABLE.y), "coef_", "intercept_", "classes_")
    assert not has_all(SVC(kernel="rbf").fit(TABLE.X, TABLE.y), "coef_")
    assert has_all(Delegating(), "params")
    assert not has_all(Delegating(), "params", "model")


def test_a_forest_at_the_end_of_a_pipeline_is_validated() -> None:
    forest = RandomForestClassifier(20, min_samples_leaf=10, random_state=0)
    found = [
        validate(model, (TABLE.X, TABLE.y), n_bootstraps=5, random_state=0)
        for model in (forest, make_pipeline(StandardScaler().set_output(transform="pandas"), forest))
    ]
    pd.testing.assert_frame_equal(found[0], found[1], rtol=1e-6)


def test_scores_of_a_support_vector_machine_are_drawn_and_are_no_probabilities() -> None:
    machine = make_pipeline(StandardScaler(), LinearSVC()).fit(TABLE.X, TABLE.y)
    assert len(RocDisplay.from_estimator(machine, TABLE.X, TABLE.y).areas)
    with pytest.raises(InputError, match="has no predict_proba"):
        nested_cv(make_pipeline(StandardScaler(), SVC()), TABLE.X, TABLE.y, outer=2, repeats=1, random_state=0)
