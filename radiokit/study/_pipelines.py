"""The pipeline of a signature: what papers do, in an order and a place that cannot leak."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sklearn.base import BaseEstimator
from sklearn.pipeline import Pipeline

from radiokit.models import MedianImputer, RadiomicsSignature, SurvivalSignature
from radiokit.models import signature_pipeline as kind_pipeline
from radiokit.models.describe import PipelineFacts, describe_pipeline
from radiokit.selection import CorrelationSelector, UnivariateSelector, VarianceSelector
from radiokit.study._options import Options
from radiokit.study._repeatability import TrainingRepeats, with_repeatability
from radiokit.study._run import Run
from radiokit.study._sources import NetworkSource, Source
from radiokit.study.deep import deep_estimator, is_deep


def make_signature(
    name: str,
    survival: bool,
    *,
    sources: Mapping[str, Source],
    repeats: Mapping[str, TrainingRepeats],
    options: Options,
    run: Run,
) -> BaseEstimator:
    """Return the unfitted estimator of a signature: a pipeline of features, or a deep model."""
    source = sources[name]
    if isinstance(source, NetworkSource):
        return deep_estimator(source.arguments, survival=survival, seed=run.random_state, cache=run.fits)
    return with_repeatability(signature_pipeline(survival, options=options), source.repeat, repeats.get(name))


def describe(estimator: Any) -> PipelineFacts:
    """Return what the estimator of a signature does with its features; a network reads images and has none."""
    if is_deep(estimator):
        return PipelineFacts(f"a network ({type(estimator).__name__})", network=True)
    return describe_pipeline(estimator)


def signature_pipeline(survival: bool, *, options: Options) -> Pipeline:
    """Return the pipeline that the options name: the library's default, the one of most papers, or another model."""
    if options.pipeline == "lasso" and (survival or options.class_weight is None):
        return lasso_pipeline(survival, options)
    kind = "ridge" if options.pipeline == "default" else options.pipeline
    if survival:
        return kind_pipeline(kind, "survival")
    return kind_pipeline(kind, class_weight=options.class_weight)


def lasso_pipeline(survival: bool, options: Options) -> Pipeline:
    """Impute, drop what does not vary, what repeats and what is unrelated, then LASSO."""
    final: Any = (
        SurvivalSignature(cv=options.penalty_folds, rule=options.rule)
        if survival
        else RadiomicsSignature(cv=options.penalty_folds, rule=options.rule)
    )
    steps = [
        ("impute", MedianImputer()),
        ("variance", VarianceSelector()),
        ("correlation", CorrelationSelector(threshold=options.correlation)),
        ("univariate", UnivariateSelector(alpha=options.alpha)),
        ("lasso", final),
    ]
    return Pipeline(steps).set_output(transform="pandas")
