"""Which fold each case belongs to, for every cross-validation that tunes a model."""

from __future__ import annotations

import warnings
from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.model_selection import StratifiedGroupKFold, StratifiedKFold, check_cv

from radiokit.engine.inputs import Seed
from radiokit.exceptions import DataWarning, OutcomeError, ParameterError
from radiokit.utils import as_random_state, is_survival_target
from radiokit.utils.estimators import Folds


def fold_ids(
    cv: Folds,
    X: ArrayLike,
    y: NDArray[Any],
    *,
    random_state: Seed = None,
    groups: ArrayLike | None = None,
) -> NDArray[np.intp]:
    """Return the fold of each case, -1 where it is never left out.

    `cv` is a number of folds (shuffled, stratified by the outcome; lowered with a warning to the number of cases of the
    rarer outcome), a scikit-learn splitter, or an iterable of (train, test). With `groups`, the patients, a number of
    folds or a splitter by group has no patient on both sides of a fold.
    """
    label = np.asarray(y["event"] if is_survival_target(y) else y, dtype=bool)
    if isinstance(cv, int | np.integer) and not isinstance(cv, bool):
        if cv < 2:
            raise ParameterError(f"cv is {cv}; required: 2 folds or more, or a scikit-learn splitter.")
        rarer = int(min(label.sum(), (~label).sum())) if not label.all() else int(label.size)
        folds = min(int(cv), rarer)
        if folds < 2:
            raise OutcomeError(
                f"{rarer} case of the rarer outcome among {label.size}; required: 2 or more for cross-validation."
            )
        if folds < cv:
            warnings.warn(
                f"{cv} folds asked for, the rarer outcome has {rarer} cases: {folds} folds are used.",
                DataWarning,
                stacklevel=3,
            )
        kind, seed = StratifiedKFold if groups is None else StratifiedGroupKFold, as_random_state(random_state)
        splits: Iterable[Any] = kind(folds, shuffle=True, random_state=seed).split(X, label, groups)
    else:
        splits = check_cv(cv, label, classifier=True).split(X, label, groups)
    ids = np.full(label.size, -1, dtype=np.intp)
    for k, (_, test) in enumerate(splits):
        if (ids[test] >= 0).any():
            raise ParameterError("cv leaves cases out more than once; required: every case in one test fold at most.")
        ids[test] = k
    if ids.max() < 1:
        raise ParameterError(f"cv gives {ids.max() + 1} fold; required: 2 or more.")
    return ids
