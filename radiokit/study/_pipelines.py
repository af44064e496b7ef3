"""The pipeline of a signature: what papers do, in an order and a place that cannot leak."""

from __future__ import annotations

from typing import Any

from sklearn.impute import SimpleImputer
from sklearn.pipeline import Pipeline

from radiokit.models import RadiomicsSignature, SurvivalSignature, default_pipeline
from radiokit.selection import CorrelationSelector, UnivariateSelector, VarianceSelector
from radiokit.study._options import Options


def signature_pipeline(survival: bool, *, options: Options) -> Pipeline:
    """Return the default pipeline of the library, or the one of most papers."""
    if options.pipeline == "default":
        return default_pipeline("survival" if survival else "classification")
    return lasso_pipeline(survival, options)


def lasso_pipeline(survival: bool, options: Options) -> Pipeline:
    """Impute, drop what does not vary, what repeats and what is unrelated, then LASSO."""
    final: Any = (
        SurvivalSignature(cv=options.penalty_folds, rule=options.rule)
        if survival
        else RadiomicsSignature(cv=options.penalty_folds, rule=options.rule)
    )
    steps = [
        ("impute", SimpleImputer(strategy="median", keep_empty_features=True)),
        ("variance", VarianceSelector()),
        ("correlation", CorrelationSelector(threshold=options.correlation)),
        ("univariate", UnivariateSelector(alpha=options.alpha)),
        ("lasso", final),
    ]
    return Pipeline(steps).set_output(transform="pandas")
