"""What estimators share: types of what they take, names of the features seen in fit, scikit-learn's tags."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Protocol, Self, TypeGuard, runtime_checkable

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from radiokit.exceptions import InputError, OutcomeError
from radiokit.utils._targets import check_survival_target

Cases = pd.DataFrame | ArrayLike
Outcome = ArrayLike | pd.DataFrame  # classes, or `event` and `time`


@runtime_checkable
class Splitter(Protocol):
    """scikit-learn's splitter: yields the rows of training and test cases of each fold."""

    def split(self, X: Any, y: Any = None, groups: Any = None) -> Iterator[tuple[NDArray[np.intp], NDArray[np.intp]]]:
        """Yield the rows of the training cases and of the test cases."""


@runtime_checkable
class Estimator(Protocol):
    """scikit-learn's estimator."""

    def fit(self, X: Any, y: Any = None) -> Self:
        """Fit to cases."""

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """Return the parameters of the constructor."""

    def set_params(self, **params: Any) -> Self:
        """Change parameters of the constructor."""


class WithProbabilities(Protocol):
    """A fitted classifier that predicts the probability of each class."""

    def predict_proba(self, X: Any) -> NDArray[np.float64]:
        """Return an array of shape (n, 2)."""


class WithDecision(Protocol):
    """A fitted classifier that predicts a score on the scale of its linear predictor."""

    def decision_function(self, X: Any) -> NDArray[np.float64]:
        """Return an array of shape (n,)."""


# By attribute, as scikit-learn itself asks: a pipeline, and a support vector machine, has a method only where its last
# step, or its settings, have it, but their classes always define it, so that isinstance would be true of all. The other
# way round, results of lifelines and statsmodels pass attributes on, which isinstance does not see from Python 3.12 on.
def has_all(model: object, *attributes: str) -> bool:
    """Whether a model, as it is now, has every one of these attributes."""
    return all(hasattr(model, name) for name in attributes)


def has_probabilities(model: object) -> TypeGuard[WithProbabilities]:
    """Whether a model predicts probabilities."""
    return hasattr(model, "predict_proba")


def has_decision(model: object) -> TypeGuard[WithDecision]:
    """Whether a model has a decision function."""
    return hasattr(model, "decision_function")


Folds = int | Splitter | Sequence[tuple[ArrayLike, ArrayLike]] | None  # or the rows of each fold


def feature_names(estimator: Any) -> list[Any]:
    """Return the names of the features seen in `fit`; x0, x1, ... where they had none."""
    return list(getattr(estimator, "feature_names_in_", [f"x{j}" for j in range(estimator.n_features_in_)]))


def survival_target(y: Any, n: int) -> NDArray[np.void]:
    """Return the survival outcome of n cases as the structured array."""
    if y is None:
        raise OutcomeError(
            "This estimator requires y to be passed, but the target y is None; give a survival outcome "
            "(radiokit.survival.as_target(event, time))."
        )
    target = check_survival_target(y)
    if target.size != n:
        raise InputError(f"X has {n} cases and y has {target.size}; required: one outcome for each case.")
    return target


class GapsAllowed:
    """Mixin that tells scikit-learn that features may be missing; it stands before `BaseEstimator`."""

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()  # type: ignore[misc]
        tags.input_tags.allow_nan = True
        return tags


class OutcomeRequired:
    """Mixin that tells scikit-learn that `fit` needs an outcome; it stands before `BaseEstimator`."""

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()  # type: ignore[misc]
        tags.target_tags.required = True
        return tags
