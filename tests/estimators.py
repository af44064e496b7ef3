"""One registry of estimators drives every battery of checks."""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator

import radiokit
from radiokit.utils import as_survival_target, is_survival_target

# Rooms whose classes are estimators; the imaging half is here too, since an extractor is a transformer of cases.
ROOMS = ("deep", "features", "harmonization", "models", "selection", "survival")


@dataclass(frozen=True)
class Entry:
    """One estimator and how the checks are to treat it."""

    name: str  # "room.Class"
    make: Callable[[], Any]
    survival: bool = False
    no_checks: str = ""  # a reason why scikit-learn's numeric checks cannot apply
    expected_failed_checks: dict[str, str] = field(default_factory=dict)


def public_estimators() -> Iterator[type]:
    """All estimator classes that a user can import from a room."""
    for room in ROOMS:
        module = importlib.import_module(f"radiokit.{room}")
        for name in getattr(module, "__all__", ()):
            kind = getattr(module, name)
            if inspect.isclass(kind) and issubclass(kind, BaseEstimator) and not inspect.isabstract(kind):
                yield kind


def with_survival_target(estimator: BaseEstimator) -> BaseEstimator:
    """The estimator in a subclass whose fit accepts the plain y of scikit-learn's checks as survival times.

    Negative values of y become censored cases; anything that is not a plain finite vector goes through untouched, so
    that the estimator's own validation is what the checks see.
    """
    kind = type(estimator)

    def to_target(y: Any) -> Any:
        if y is None or is_survival_target(y):
            return y
        values = np.asarray(y)
        if values.dtype == object and all(isinstance(v, int | float) for v in values.ravel()):
            values = values.astype(float)
        if values.dtype.kind not in "buif" or values.ndim != 1 or not np.isfinite(values.astype(float)).all():
            return y
        values = values.astype(float)
        event = np.arange(values.size) % 3 != 2
        return as_survival_target(event, np.abs(values) + 1 + 1e-3 * np.arange(values.size))

    def fit(self: Any, X: Any, y: Any = None, **kwargs: Any) -> Any:
        return kind.fit(self, X, to_target(y), **kwargs)

    def fit_transform(self: Any, X: Any, y: Any = None, **kwargs: Any) -> Any:
        return self.fit(X, y, **kwargs).transform(X)

    def score(self: Any, X: Any, y: Any = None, **kwargs: Any) -> float:
        return kind.score(self, X, to_target(y), **kwargs)

    body: dict[str, Any] = {"fit": fit, "__init__": kind.__init__, "__module__": __name__}
    if hasattr(kind, "score"):
        body["score"] = score
    if hasattr(kind, "fit_transform"):
        body["fit_transform"] = fit_transform
    # Under its own name in this module, so that pickle finds it again.
    shim = type(kind.__name__, (kind,), body)
    globals()[kind.__name__] = shim
    return shim(**estimator.get_params(deep=False))


def _make(room: str, name: str, **parameters: Any) -> Callable[[], Any]:
    return lambda: getattr(getattr(radiokit, room), name)(**parameters)


TOO_FEW_TO_CROSS_FIT = "the check has one event on one side of a fold; the error says so"

ESTIMATORS: list[Entry] = []
ESTIMATORS += [
    Entry("survival.CoxElasticNet", _make("survival", "CoxElasticNet", cv=3, random_state=0), survival=True),
    Entry("survival.CoxModel", _make("survival", "CoxModel"), survival=True),
    Entry(
        "survival.RiskStratifier",
        lambda: radiokit.survival.RiskStratifier(radiokit.survival.CoxModel()),
        survival=True,
    ),
]
ESTIMATORS += [
    Entry("selection.BorutaSelector", _make("selection", "BorutaSelector", n_trees=5, max_iterations=3)),
    Entry("selection.CorrelationSelector", _make("selection", "CorrelationSelector")),
    Entry("selection.MRMRSelector", _make("selection", "MRMRSelector", n_features=1)),
    Entry("selection.RecursiveSelector", _make("selection", "RecursiveSelector", cv=2)),
    Entry("selection.RecursiveSelector", _make("selection", "RecursiveSelector", n_features=1), survival=True),
    Entry(
        "selection.RepeatabilitySelector",
        _make("selection", "RepeatabilitySelector", repeat=()),
        no_checks="needs a DataFrame with case ids and its repeats; tests/selection asks for scikit-learn's protocol",
    ),
    Entry("selection.StabilitySelector", _make("selection", "StabilitySelector", n_subsamples=3)),
    Entry("selection.LassoSelector", _make("selection", "LassoSelector", cv=3)),
    Entry("selection.LassoSelector", _make("selection", "LassoSelector", cv=3), survival=True),
    Entry("selection.UnivariateSelector", _make("selection", "UnivariateSelector")),
    Entry("selection.UnivariateSelector", _make("selection", "UnivariateSelector", test="cox"), survival=True),
    Entry("selection.VarianceSelector", _make("selection", "VarianceSelector")),
    Entry(
        "models.FusionClassifier",
        _make("models", "FusionClassifier", cv=2),
        expected_failed_checks=dict.fromkeys(["check_fit2d_1feature"], TOO_FEW_TO_CROSS_FIT),
    ),
    Entry(
        "models.FusionSurvival",
        _make("models", "FusionSurvival", cv=2),
        survival=True,
        expected_failed_checks=dict.fromkeys(
            ["check_fit2d_1feature", "check_estimators_nan_inf"], TOO_FEW_TO_CROSS_FIT
        ),
    ),
    Entry("models.BoostedClassifier", _make("models", "BoostedClassifier", n_trees=5)),
    Entry("models.BoostedSurvival", _make("models", "BoostedSurvival", n_trees=5), survival=True),
    Entry("models.BoostedSurvival", _make("models", "BoostedSurvival", objective="aft", n_trees=5), survival=True),
    Entry("models.CalibratedModel", _make("models", "CalibratedModel", cv=2)),
    Entry("models.LogisticModel", _make("models", "LogisticModel")),
    Entry("models.LogisticModel", _make("models", "LogisticModel", firth=True)),
    Entry("models.MedianImputer", _make("models", "MedianImputer")),
    Entry("models.RadiomicsSignature", _make("models", "RadiomicsSignature", cv=3)),
    Entry("models.Winsorizer", _make("models", "Winsorizer")),
    Entry("models.SurvivalSignature", _make("models", "SurvivalSignature", cv=3), survival=True),
]
ESTIMATORS += [
    Entry(
        "features.Habitats",
        _make("features", "Habitats"),
        no_checks="X is a table of images; tests/features asks for scikit-learn's protocol",
    ),
    Entry(
        "features.RadiomicsExtractor",
        _make("features", "RadiomicsExtractor"),
        no_checks="X is a table of images; tests/features asks for scikit-learn's protocol",
    ),
]
ESTIMATORS += [
    Entry(
        f"deep.{name}",
        _make("deep", name),
        no_checks="X holds images or patches; tests/deep asks for scikit-learn's protocol",
    )
    for name in ("DeepClassifier", "DeepFeatureExtractor", "DeepSurvival")
]
ESTIMATORS += [
    Entry(
        "harmonization.ComBat",
        _make("harmonization", "ComBat", batch=0),
        no_checks="needs a column of batches; tests/harmonization runs the checks through a shim that makes one",
    ),
]
