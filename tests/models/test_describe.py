"""What a pipeline says of itself is what its steps do."""

from __future__ import annotations

import pytest
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import PowerTransformer

from radiokit.models import signature_pipeline
from radiokit.models.describe import describe_pipeline
from radiokit.models.kinds import KINDS
from radiokit.study._options import Options
from radiokit.study._pipelines import signature_pipeline as of_study


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
    assert ("penalty chosen" in facts.sentence) == path
    assert ("standardised" in facts.sentence) != trees


def test_the_pipeline_of_most_papers() -> None:
    facts = describe_pipeline(of_study(False, options=Options(pipeline="lasso", correlation=0.7, rule="1se")))
    assert (facts.penalty, facts.selects, facts.redundancy) == (
        "LASSO",
        True,
        "absolute Spearman correlation above 0.7",
    )
    assert "within one standard error" in facts.sentence
    assert "univariable p above 0.05" in facts.sentence


def test_weights_are_followed_by_a_new_intercept() -> None:
    assert describe_pipeline(signature_pipeline("xgboost", class_weight="balanced")).calibration == "a new intercept"


def test_an_unknown_step_is_named() -> None:
    facts = describe_pipeline(make_pipeline(PowerTransformer(), signature_pipeline("ridge").steps[-1][1]))
    assert "PowerTransformer was applied" in facts.sentence
