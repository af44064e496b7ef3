"""What all selectors share: checks of X and of a binary or survival outcome, support, and a floor of features."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.base import BaseEstimator
from sklearn.feature_selection import SelectorMixin
from sklearn.utils import ClassifierTags, column_or_1d
from sklearn.utils._set_output import _get_output_config
from sklearn.utils.validation import check_is_fitted

from radiokit.engine.classes import binary_classes
from radiokit.engine.inputs import FloatArray
from radiokit.exceptions import InputError, OutcomeError
from radiokit.utils import check_survival_target, feature_values, is_survival_target, same_rows
from radiokit.utils.estimators import Cases, Outcome, feature_names
from radiokit.utils.feature_checks import same_columns
from radiokit.utils.marks import mark
from radiokit.utils.parameters import check_parameters


class Selector(SelectorMixin, BaseEstimator):
    """Base of the selectors; `fit` of each sets `scores_` and `support_`."""

    support_: NDArray[np.bool_]
    _needs_outcome = True
    _learnt_from: list[str] | None = None  # cases whose outcome chose the features

    def transform(self, X: Cases) -> Any:
        """Keep the selected features.

        Parameters
        ----------
        X : array-like of shape (n, p)
            The features of `fit`, of any cases.

        Returns
        -------
        array or DataFrame of shape (n, n_selected)
            The features kept. A DataFrame remembers in its ``attrs`` which cases chose them by their outcome, so that
            cross-validating these cases with it is refused.
        """
        if gives_tables(self) and isinstance(X, pd.DataFrame) and same_columns(self, X, reset=False):
            support = self._get_support_mask()
            kept = X.copy(deep=False) if support.all() else X.loc[:, support]
        else:  # scikit-learn's way, whose checks take longer than a small model
            kept = super().transform(X)
        if isinstance(kept, pd.DataFrame) and self._learnt_from is not None:
            kept = kept.copy(deep=False)
            mark(kept, type(self).__name__, self._learnt_from)
        return kept

    def _check(self, X: Cases, y: Outcome) -> tuple[FloatArray, NDArray[Any]]:
        """Return finite features, and the outcome as booleans or as a survival target."""
        same_rows(X=X, y=y)
        check_parameters(self)
        if y is None:
            raise OutcomeError(
                f"{type(self).__name__} requires y to be passed, but the target y is None; give a binary outcome "
                "or a survival target."
            )
        values = feature_values(self, X, ensure_min_samples=2)
        target = as_target(y)
        if len(target) != len(values):
            raise InputError(f"X has {len(values)} cases and y has {len(target)}; required: one outcome for each case.")
        self._learnt_from = list(map(str, X.index)) if isinstance(X, pd.DataFrame) else []
        return values, target

    def _scores(self, **columns: Any) -> pd.DataFrame:
        return pd.DataFrame(columns, index=pd.Index(feature_names(self), name="feature"))

    def _get_support_mask(self) -> NDArray[np.bool_]:
        check_is_fitted(self)
        return self.support_

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.target_tags.required = self._needs_outcome
        tags.target_tags.one_d_labels = True
        tags.classifier_tags = ClassifierTags(multi_class=False)
        return tags


def gives_tables(transformer: Any) -> bool:
    """Return whether `set_output` asks for pandas."""
    return bool(_get_output_config("transform", estimator=transformer)["dense"] == "pandas")


def as_target(y: Outcome) -> NDArray[Any]:
    """Return a survival target, or booleans that mark the positive (last) of two classes."""
    if is_survival_target(y):
        return check_survival_target(y)
    return binary_classes(column_or_1d(y, warn=True))[1]


def at_least(support: NDArray[np.bool_], badness: FloatArray, floor: int) -> NDArray[np.bool_]:
    """Return the support, filled up with the features of least badness (NaN is worst) where it is below the floor."""
    missing = min(floor, support.size) - int(support.sum())
    if missing <= 0:
        return support
    order = np.argsort(np.where(support, -np.inf, np.where(np.isnan(badness), np.inf, badness)), kind="stable")
    filled = np.zeros_like(support)
    filled[order[: int(support.sum()) + missing]] = True
    return filled
