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
    return [int(s) for s in as_random_state(random_state).randint(0, 2**31 - 1, size=n)]


def as_random_state(seed: int | np.random.RandomState | np.random.Generator | None) -> np.random.RandomState:
    """Return numpy's older generator, which scikit-learn takes, from any seed.

    Parameters
    ----------
    seed : int, RandomState, Generator or None
        The user's seed.

    Returns
    -------
    RandomState
        A RandomState is returned as it is.

    Examples
    --------
    >>> as_random_state(0).randint(10) == as_random_state(np.random.RandomState(0)).randint(10)
    True
    """
    from sklearn.utils import check_random_state  # takes a second, which reading images does not need

    return check_random_state(spawn_seeds(seed, 1)[0] if isinstance(seed, np.random.Generator) else seed)
