"""The Hosmer-Lemeshow test."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import chdtrc

from radiokit.engine.inputs import check_count, outcome_and_probability, type7_quantiles
from radiokit.engine.results import Test
from radiokit.exceptions import InputError


def hosmer_lemeshow(y_true: ArrayLike, probability: ArrayLike, *, groups: int = 10, external: bool = False) -> Test:
    r"""Hosmer-Lemeshow goodness-of-fit test on groups of predicted risk.

    Parameters
    ----------
    {y_true} {probability}
    groups : int
        Number of groups of about equal size, 3 or more. Groups with the same limits are merged; where fewer than three
        would be left of a few distinct probabilities, each of these is a group.
    external : bool
        The data are not those that the model was fitted on: degrees of freedom g instead of g - 2.

    Returns
    -------
    Test
        Chi-squared statistic, degrees of freedom, p-value.

    Raises
    ------
    {one_class}
    InputError
        If probabilities are missing or outside [0, 1], or fewer than three groups are left.

    Notes
    -----
    :math:`\sum_{k=1}^g \frac{(O_k - E_k)^2}{E_k (1 - E_k/n_k)}`, :math:`O_k` events and :math:`E_k` the sum of
    probabilities in group k; groups are cut at quantiles of type 7, intervals (a, b]. As
    ``ResourceSelection::hoslem.test`` (doi:10.1080/03610928008827941). A group whose expected events are exactly 0 or
    n adds nothing if the outcomes agree, and makes the statistic infinite if they do not.

    *How to read it.* A small p-value says that predicted and observed risks differ. A large one proves nothing in a
    small cohort, and a negligible difference is significant in a large one; the number of groups is arbitrary. Show the
    calibration curve (`calibration_curve`) and its slope (`calibration`) beside it.

    Examples
    --------
    >>> test = hosmer_lemeshow([0, 0, 1, 0, 1, 1], [0.1, 0.2, 0.3, 0.5, 0.7, 0.9], groups=3)
    >>> round(test.statistic, 4), test.df
    (0.9363, 1)
    """
    event, p = outcome_and_probability(y_true, probability)
    check_count(groups, 3, name="groups")  # the test has groups - 2 degrees of freedom
    cuts = np.unique(type7_quantiles(p, np.minimum(np.arange(groups + 1) * (1 / groups), 1)))
    _, group, n = np.unique(np.searchsorted(cuts[1:-1], p, side="left"), return_inverse=True, return_counts=True)
    if n.size < 3 <= np.unique(p).size <= groups:
        _, group, n = np.unique(p, return_inverse=True, return_counts=True)
    if n.size < 3:
        raise InputError(
            f"The probabilities fall into {n.size} groups only (they have {np.unique(p).size} distinct values); "
            "required: 3 or more."
        )
    observed, expected = np.bincount(group, event), np.bincount(group, p)
    with np.errstate(divide="ignore", invalid="ignore"):
        parts = (observed - expected) ** 2 / (expected * (1 - expected / n))
    statistic = float(np.sum(np.where(observed == expected, 0.0, parts)))
    df = n.size if external else n.size - 2
    return Test(statistic=statistic, df=df, p_value=float(chdtrc(df, statistic)))
