"""Two classes, under whatever labels the user has."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.utils.multiclass import check_classification_targets, type_of_target

from radiokit.exceptions import OutcomeError


def binary_classes(y: NDArray[Any]) -> tuple[NDArray[Any], NDArray[np.bool_]]:
    """Return the sorted labels and where the second, the positive one, is."""
    y = np.asarray(y)
    if y.ndim == 1 and y.dtype.kind in "biuU":  # these need no closer look where there are two of them
        classes = np.unique(y)
        if classes.size == 2:
            return classes, y == classes[1]
    missing = int(pd.isna(y).sum())
    if missing:
        raise OutcomeError(f"y has {missing} missing values of {y.size} (NaN); required: a class for each case.")
    if y.dtype.kind == "f" and not np.isfinite(y).all():
        raise OutcomeError(f"y has infinite values among {y.size} (inf); required: a class for each case.")
    check_classification_targets(y)
    kind = type_of_target(y, input_name="y", raise_unknown=True)
    classes = np.unique(y)
    if kind != "binary" or classes.size > 2:
        raise OutcomeError(
            f"Only binary classification is supported. The type of the target is {kind}; required: two classes."
        )
    if classes.size < 2:
        only = classes.tolist()[0]
        raise OutcomeError(f"y holds one class only ({only!r} in {y.size} cases); required: two classes.")
    return classes, y == classes[1]
