"""Randomness: one seed for each replicate, so that the number of workers never changes a result."""

from __future__ import annotations

import numpy as np


def spawn_seeds(random_state: int | np.random.RandomState | np.random.Generator | None, n: int) -> list[int]:
    """Draw one seed for each of `n` replicates.

    Parameters
    ----------
    random_state : int, RandomState, Generator or None
        The user's seed.
    n : int
        Number of replicates.

    Returns
    -------
    list of int
        Seeds below 2**31, which scikit-learn estimators accept.

    Examples
    --------
    >>> spawn_seeds(0, 2) == spawn_seeds(0, 2)
    True
    """
    if isinstance(random_state, np.random.Generator):
        return [int(s) for s in random_state.integers(0, 2**31 - 1, size=n)]
    from sklearn.utils import check_random_state  # takes a second, which reading images does not need

    return [int(s) for s in check_random_state(random_state).randint(0, 2**31 - 1, size=n)]
