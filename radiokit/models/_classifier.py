"""What every classifier of ours shares: the accuracy of rows that are compared with the outcome by their labels."""

from __future__ import annotations

from typing import Any

from sklearn.base import ClassifierMixin

from radiokit.utils import same_rows


class Classifier(ClassifierMixin):
    """scikit-learn's classifier mixin, whose `score` refuses rows and outcomes in different orders.

    Examples
    --------
    >>> import pandas as pd
    >>> from radiokit.models import LogisticModel
    >>> X, y = pd.DataFrame({"a": [1.0, 2, 3, 4]}, index=list("pqrs")), pd.Series([0, 1, 0, 1], index=list("pqrs"))
    >>> LogisticModel().fit(X, y).score(X, y)
    0.5
    """

    def score(self, X: Any, y: Any, sample_weight: Any = None) -> float:
        """Return the share of cases whose predicted class is the true one.

        Parameters
        ----------
        X : DataFrame or array-like of shape (n, n_features)
            The cases.
        y : array-like of shape (n,)
            Their true classes, with the labels of the rows of X where both have labels.
        sample_weight : array-like of shape (n,), optional
            Weight of each case.

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
