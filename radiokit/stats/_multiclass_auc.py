"""The area under the ROC curve of more than two classes: Hand and Till's, and each class against the rest."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from radiokit.engine.inputs import check_choice, check_probability, refuse_repeated_columns
from radiokit.engine.results import Result
from radiokit.exceptions import InputError, OutcomeError
from radiokit.stats._auc import auc
from radiokit.utils import same_rows


@dataclass(frozen=True, repr=False)
class MulticlassAUC(Result):
    """An area under the ROC curve of several classes.

    Parameters
    ----------
    auc : float
        Mean area over all pairs of classes.
    n_classes, n : int
        Classes and cases.
    method : str
        "hand-till".

    Examples
    --------
    >>> from radiokit.stats import multiclass_auc
    >>> p = pd.DataFrame({"a": [0.8, 0.1, 0.1], "b": [0.1, 0.7, 0.3], "c": [0.1, 0.2, 0.6]})
    >>> multiclass_auc(["a", "b", "c"], p).auc
    1.0
    """

    auc: float
    n_classes: int
    n: int
    method: str


def multiclass_auc(
    y_true: ArrayLike, probabilities: pd.DataFrame, *, method: str = "hand-till", confidence_level: float = 0.95
) -> MulticlassAUC | pd.DataFrame:
    r"""Area under the ROC curve of an outcome with several classes.

    Parameters
    ----------
    y_true : array-like of shape (n,)
        Class of each case.
    probabilities : DataFrame of shape (n, k)
        Predicted probability of each class, one column per class, named after the class.
    method : {"hand-till", "ovr"}
        Mean over pairs of classes, one number for the whole; or each class against all others, to see which is
        recognised.
    confidence_level : float
        Level of the intervals of ``"ovr"``.

    Returns
    -------
    MulticlassAUC or DataFrame
        ``auc, n_classes, n, method``; with ``"ovr"`` one row per class: ``auc, se, ci_low, ci_high, n`` (index
        ``class``).

    Raises
    ------
    OutcomeError
        If classes are missing, fewer than two occur, or one has no column.
    InputError
        If probabilities are missing or outside [0, 1], or a column has no case.

    Notes
    -----
    Hand and Till: with A(i|j) the area that the probability of class i has in telling class i from class j,
    :math:`M = \frac{2}{k(k-1)} \sum_{i<j} \frac{A(i|j) + A(j|i)}{2}` (doi:10.1023/A:1010920819831), as pROC
    ``multiclass.roc``, with the direction fixed. One class against the rest: `auc` with DeLong's interval.

    *How to read it.* M does not depend on how common the classes are, the areas against the rest do. A good mean can
    hide a class that is not recognised at all: look at each.

    Examples
    --------
    >>> p = pd.DataFrame({"a": [0.8, 0.3, 0.1, 0.2], "b": [0.1, 0.4, 0.7, 0.2], "c": [0.1, 0.3, 0.2, 0.6]})
    >>> multiclass_auc(["a", "a", "b", "c"], p, method="ovr")["auc"].tolist()
    [1.0, 1.0, 1.0]
    """
    check_choice(method, ("hand-till", "ovr"), name="method")
    same_rows(y_true=y_true, probabilities=probabilities)
    labels, columns = _checked(y_true, probabilities)
    if method == "ovr":
        areas = [auc(labels == name, p, confidence_level=confidence_level) for name, p in columns.items()]
        table = pd.DataFrame([vars(area) for area in areas], index=pd.Index(list(columns), name="class"))
        return table.rename(columns={"n_positive": "n"})[["auc", "se", "ci_low", "ci_high", "n"]]
    pairs = ((pair, np.isin(labels, pair)) for pair in combinations(columns, 2))
    values = [auc(labels[cases] == name, columns[name][cases]).auc for pair, cases in pairs for name in pair]
    return MulticlassAUC(float(np.mean(values)), len(columns), labels.size, method)


def _checked(y_true: ArrayLike, probabilities: pd.DataFrame) -> tuple[NDArray[Any], dict[str, NDArray[np.float64]]]:
    """Return the classes as text and the probabilities by class."""
    if not isinstance(probabilities, pd.DataFrame):
        raise InputError(
            f"probabilities is {type(probabilities).__name__}; required: a DataFrame, one column named after "
            "each class."
        )
    refuse_repeated_columns(probabilities, "probabilities")
    given = pd.Series(np.asarray(y_true))
    if given.isna().any():
        raise OutcomeError(f"y_true has {int(given.isna().sum())} missing values of {given.size}; drop those cases.")
    labels = given.map(str).to_numpy(dtype=object)
    columns = {
        str(name): check_probability(probabilities[name], labels.size, name=f"probabilities[{name!r}]")
        for name in probabilities.columns
    }
    unknown = sorted(set(labels) - set(columns))
    if unknown:
        raise OutcomeError(f"The classes {unknown[:5]} have no column; required: a column of probabilities for each.")
    empty = [name for name in columns if name not in set(labels)]
    if empty or len(columns) < 2:
        raise InputError(
            f"probabilities has {len(columns)} classes, without a case: {empty[:5]}; required: two or more, each with "
            "cases. Drop the columns of the others."
        )
    return labels, columns
