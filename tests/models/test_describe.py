"""What a pipeline says of itself is what its steps do."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.base import BaseEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import PowerTransformer, StandardScaler
from sklearn.svm import SVC

from radiokit import selection
from radiokit.models import FusionClassifier, LogisticModel, signature_pipeline
from radiokit.models.describe import PipelineFacts, describe_pipeline
from radiokit.models.kinds import KINDS
from radiokit.study._options import Options
from radiokit.study._pipelines import signature_pipeline as of_study
from radiokit.survival import CoxElasticNet, CoxModel


def sentence(facts: PipelineFacts) -> str:
    """Both halves of what the methods text says of a pipeline."""
    return ", and ".join(filter(None, [facts.before, facts.entry]))


@pytest.mark.parametrize(("task", "kind"), [(task, kind) for task, kinds in KINDS.items() for kind in kinds])
def test_every_kind_says_what_its_steps_do(task: str, kind: str) -> None:
    pipeline = signature_pipeline(kind, task)
    facts = describe_pipeline(pipeline)
    trees = kind in ("forest", "xgboost", "xgboost_aft")
    path = kind in ("ridge", "elastic_net")
    assert facts.imputes == "the median"
    assert facts.scales != trees  # a step `scale`, or the signature itself
    assert bool(facts.tuning) == path
    assert bool(facts.penalty) == (path or kind == "logistic")
    assert bool(facts.clips) == ("winsorize" in pipeline.named_steps)
    assert facts.selects == (kind == "elastic_net")
    assert (facts.calibration == "Platt's method") == (kind in ("logistic", "svm_linear", "svm_rbf", "forest"))
    assert not facts.redundancy
    assert not facts.chooses
    assert ("penalty chosen" in sentence(facts)) == path
    assert ("standardised" in sentence(facts)) != trees


def test_the_pipeline_of_most_papers() -> None:
    facts = describe_pipeline(of_study(False, options=Options(pipeline="lasso", correlation=0.7, rule="1se")))
    assert (facts.penalty, facts.selects, facts.redundancy) == (
        "LASSO",
        True,
        "absolute Spearman correlation above 0.7",
    )
    assert "within one standard error" in sentence(facts)
    assert "univariable p above 0.05" in sentence(facts)


def test_weights_are_followed_by_a_new_intercept() -> None:
    assert describe_pipeline(signature_pipeline("xgboost", class_weight="balanced")).calibration == "a new intercept"


def test_an_unknown_step_is_named() -> None:
    facts = describe_pipeline(make_pipeline(PowerTransformer(), signature_pipeline("ridge").steps[-1][1]))
    assert "PowerTransformer was applied" in sentence(facts)
    assert facts.unknown == ("PowerTransformer",)


def test_a_model_of_ones_own_is_named_or_describes_itself() -> None:
    class Own(BaseEstimator):
        pass

    class Described(Own):
        def describe(self) -> PipelineFacts:
            return PipelineFacts("a model of our own", tuned="its depth", tuning="by 3-fold cross-validation")

    assert sentence(describe_pipeline(Own())) == "all features entered Own"
    assert describe_pipeline(Own()).unknown == ("Own",)
    facts = describe_pipeline(make_pipeline(StandardScaler(), Described()))
    assert sentence(facts) == (
        "all features were standardised and entered a model of our own, its depth chosen by 3-fold cross-validation"
    )
    assert not facts.unknown


@pytest.mark.parametrize(
    ("model", "penalty", "selects", "training"),
    [
        (LogisticRegression(), "ridge", False, "a ridge logistic regression, its penalty fixed (C = 1)"),
        (LogisticRegression(C=np.inf), "", False, "a logistic regression, without a penalty"),
        (
            LogisticRegression(C=0.1, l1_ratio=1.0, penalty="l1", solver="liblinear"),
            "LASSO",
            True,
            "a LASSO logistic regression, its penalty fixed (C = 0.1)",
        ),
        (LogisticModel(), "", False, "a logistic regression, without a penalty"),
        (LogisticModel(firth=True), "", False, "a logistic regression, by Firth's penalised likelihood"),
        (CoxModel(), "", False, "a Cox regression, without a penalty"),
        (CoxElasticNet(cv=5), "LASSO", True, "a LASSO Cox regression, its penalty chosen by 5-fold cross-validation"),
        (
            GridSearchCV(SVC(), {"C": [0.1, 1.0]}, cv=3),
            "",
            False,
            "a support vector machine with a Gaussian kernel, C chosen by 3-fold cross-validation",
        ),
        (
            FusionClassifier(clinical=["T"]),
            "",
            False,
            "a logistic model of the cross-fitted scores of the rad-score and of T",
        ),
    ],
)
def test_a_model_says_its_penalty_and_what_is_tuned(model: Any, penalty: str, selects: bool, training: str) -> None:
    facts = describe_pipeline(model)
    assert (facts.penalty, facts.selects, facts.training) == (penalty, selects, training)
    assert not facts.unknown


@pytest.mark.parametrize("name", [n for n in selection.__all__ if n.endswith("Selector")])
def test_every_selector_is_known(name: str) -> None:
    kind = getattr(selection, name)
    step = kind(pd.DataFrame()) if name == "RepeatabilitySelector" else kind()
    assert not describe_pipeline(make_pipeline(step, LogisticModel())).unknown
