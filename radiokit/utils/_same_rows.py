"""Two inputs with labels are compared row by row only where their labels agree."""

from __future__ import annotations

from itertools import combinations

import pandas as pd

from radiokit.exceptions import InputError
from radiokit.utils.levels import cell_text


def same_rows(**inputs: object) -> None:
    """Raise InputError where pandas inputs name their rows differently; arrays and lists are compared by position.

    Parameters
    ----------
    **inputs
        Name in the caller's signature to what was given. Only Series and DataFrames of one length are compared. A
        default index (0, 1, 2, ...) has no labels of its own and is compared by position, unless the other
        holds the same numbers in another order.

    Raises
    ------
    InputError
        If labels are the same in another order, or others.

    Examples
    --------
    >>> y = pd.Series([0, 1], index=["a", "b"])
    >>> same_rows(y_true=y, score=pd.Series([0.9, 0.1], index=["b", "a"]))
    Traceback (most recent call last):
    ...
    radiokit.exceptions.InputError: y_true and score hold the same rows in another order (a and b come first); ...
    """
    labelled = {name: v.index for name, v in inputs.items() if isinstance(v, pd.Series | pd.DataFrame)}
    for (first, index), (name, other) in combinations(labelled.items(), 2):
        if len(other) != len(index) or other.equals(index):
            continue
        mine, theirs = [cell_text(i) for i in index], [cell_text(i) for i in other]
        if mine == theirs:
            continue
        k = next(k for k in range(len(mine)) if mine[k] != theirs[k])
        if sorted(mine) == sorted(theirs):
            raise InputError(
                f"{first} and {name} hold the same rows in another order ({mine[k]} and {theirs[k]} come "
                f"{'first' if k == 0 else f'at row {k + 1}'}); required: one order. Use {name}.loc[{first}.index]."
            )
        if _by_position(index, other):
            continue
        raise InputError(
            f"{first} and {name} name their rows differently ({mine[k]} and {theirs[k]} at row {k + 1}); required: "
            f"the same labels. Use {name}.loc[{first}.index], or .to_numpy() where the order is right as it is."
        )


def _by_position(a: pd.Index, b: pd.Index) -> bool:
    """Whether one has no labels of its own: 0, 1, 2, ... made by pandas; two slices of one table have."""
    ranges = [isinstance(index, pd.RangeIndex) and index.name is None for index in (a, b)]
    return any(ranges) and not all(ranges)
