"""What every classifier shares: probabilities and classes from its log-odds, and an accuracy that is safe."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import ClassifierMixin
from sklearn.utils.validation import column_or_1d

from radiokit.engine.classes import binary_classes
from radiokit.engine.inputs import FloatArray
from radiokit.engine.logistic import expit
from radiokit.exceptions import InputError, OutcomeError
from radiokit.utils import same_rows
from radiokit.utils.estimators import Cases, Outcome


class Classifier(ClassifierMixin):
    """scikit-learn's classifier mixin for two classes; a subclass gives the log-odds.

    Its `score` refuses rows and outcomes in different orders.

    Examples
    --------
    >>> import pandas as pd
    >>> from radiokit.models import LogisticModel
    >>> X, y = pd.DataFrame({"a": [1.0, 2, 3, 4]}, index=list("pqrs")), pd.Series([0, 1, 0, 1], index=list("pqrs"))
    >>> LogisticModel().fit(X, y).score(X, y)
    0.5
    """

    classes_: NDArray[Any]

    def _learn_classes(self, y: Outcome | None, n: int) -> NDArray[np.bool_]:
        """Learn the two classes, and return which of the n cases are positive."""
        if y is None:
            raise OutcomeError(
                f"{type(self).__name__} requires y to be passed, but the target y is None; give a class for each case."
            )
        labels = column_or_1d(y, warn=True)
        if len(labels) != n:
            raise InputError(f"X has {n} cases and y has {len(labels)}; required: one outcome for each case.")
        self.classes_, positive = binary_classes(labels)
        return positive

    def decision_function(self, X: Cases) -> FloatArray:
        """Return the log-odds of the positive class.

        Parameters
        ----------
        {X_new}

        Returns
        -------
        ndarray of shape (n,)
            Log-odds; 0 is a probability of one half.
        """
        raise NotImplementedError

    def predict_proba(self, X: Cases) -> FloatArray:
        """Return the probability of both classes.

        Parameters
        ----------
        {X_new}

        Returns
        -------
        ndarray of shape (n, 2)
            Probabilities in the order of `classes_`.
        """
        p = expit(self.decision_function(X))
        return np.column_stack([1 - p, p])

    def predict(self, X: Cases) -> NDArray[Any]:
        """Return the more probable class (threshold 0.5; a study learns its own threshold).

        Parameters
        ----------
        {X_new}

        Returns
        -------
        ndarray of shape (n,)
            Labels out of `classes_`.
        """
        positive = self.decision_function(X) > 0
        return self.classes_[positive.astype(int)]

    def score(self, X: Cases, y: ArrayLike, sample_weight: ArrayLike | None = None) -> float:
        """Return the share of cases whose predicted class is the true one.

        Parameters
        ----------
        {X_new}
        y : array-like of shape (n,)
            Their true classes, with the labels of the rows of X where both have labels.
        {sample_weight}

        Returns
        -------
        float
            Accuracy, 0 to 1.

        Raises
        ------
        InputError
            If the labels of the inputs are in another order, or others.
        """
        same_rows(X=X, y=y, sample_weight=sample_weight)
        return float(super().score(X, y, sample_weight=sample_weight))

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_class = False
        return tags
