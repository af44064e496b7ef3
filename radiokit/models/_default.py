"""The pipeline that is used where nobody names one."""

from __future__ import annotations

from typing import Any

from sklearn.impute import SimpleImputer
from sklearn.pipeline import Pipeline

from radiokit.models._signature import RadiomicsSignature, SurvivalSignature
from radiokit.selection import CorrelationSelector, VarianceSelector
from radiokit.stats._inputs import check_choice


def default_pipeline(task: str = "classification", *, random_state: Any = None) -> Pipeline:
    """Build the pipeline for a table of features.

    Parameters
    ----------
    task : {"classification", "survival"}
        Kind of outcome.
    random_state : int, RandomState or None
        Seed of the folds in which the penalty is chosen.

    Returns
    -------
    Pipeline
        Unfitted: median imputation, constant features out, of features correlated above 0.9 the most relevant one, and
        a penalised signature.

    Raises
    ------
    InputError
        If the task is unknown.

    Notes
    -----
    Every step learns inside `fit`, so that cross-validation of the pipeline is honest.

    *How to read it.* A starting point that is hard to beat on small tables, not a claim about yours.

    Examples
    --------
    >>> [name for name, _ in default_pipeline("survival").steps]
    ['impute', 'variance', 'correlation', 'signature']
    """
    check_choice(task, ("classification", "survival"), name="task")
    kind = RadiomicsSignature if task == "classification" else SurvivalSignature
    return Pipeline(
        [
            ("impute", SimpleImputer(strategy="median", keep_empty_features=True)),
            ("variance", VarianceSelector()),
            ("correlation", CorrelationSelector(threshold=0.9)),
            ("signature", kind(cv=5, l1_ratio=0.1, random_state=random_state)),
        ]
    ).set_output(transform="pandas")
