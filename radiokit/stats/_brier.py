"""The Brier score, its scaled form, and what it is made of."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from radiokit.engine.inputs import check_count, outcome_and_probability, type7_quantiles
from radiokit.engine.results import Result


@dataclass(frozen=True, repr=False)
class BrierDecomposition(Result):
    """The Brier score of binned probabilities as reliability - resolution + uncertainty.

    Parameters
    ----------
    reliability : float
        Weighted squared distance of predicted and observed risk over bins; 0 is best.
    resolution : float
        Weighted squared distance of the bins' observed risk from the prevalence; higher is better.
    uncertainty : float
        Prevalence times its complement; belongs to the cohort, not to the model.
    within : float
        What the spread of probabilities within bins adds: ``brier - (reliability - resolution + uncertainty)``.
    brier : float
        The Brier score.

    Examples
    --------
    >>> from radiokit.stats import brier_decomposition
    >>> brier_decomposition([0, 1, 0, 1], [0.25, 0.25, 0.75, 0.75], bins=None).reliability
    0.0625
    """

    reliability: float
    resolution: float
    uncertainty: float
    within: float
    brier: float


def brier_score(y_true: ArrayLike, probability: ArrayLike) -> float:
    r"""Mean squared distance between outcome and predicted probability.

    Parameters
    ----------
    {y_true_any} {probability}

    Returns
    -------
    float
        :math:`\frac1n \sum_i (p_i - y_i)^2`, between 0 and 1.

    Raises
    ------
    {outcome_values} {bad_probabilities}

    Notes
    -----
    Source: doi:10.1175/1520-0493(1950)078<0001:VOFEIT>2.0.CO;2. *How to read it.* 0 is perfect. A model that predicts
    the prevalence :math:`\pi` for everybody scores :math:`\pi(1-\pi)`, so that 0.09 is useless at a prevalence of
    10 %: compare with that, or use `scaled_brier_score`.

    Examples
    --------
    >>> brier_score([0, 1], [0.5, 1.0])
    0.125
    """
    event, p = outcome_and_probability(y_true, probability, both_classes=False)
    return float(np.mean((p - event) ** 2))


def scaled_brier_score(y_true: ArrayLike, probability: ArrayLike) -> float:
    r"""Brier score as a share of what the prevalence alone achieves.

    Parameters
    ----------
    {y_true} {probability}

    Returns
    -------
    float
        :math:`1 - B / (\bar y (1 - \bar y))`: 1 is perfect, 0 no better than the prevalence, negative worse.

    Raises
    ------
    {one_class} {bad_probabilities}

    Notes
    -----
    Source: doi:10.1097/EDE.0b013e3181c30fb2. *How to read it.* The share of the outcome's variance that the
    probabilities explain; it falls both when the ranking and when the calibration is poor.

    Examples
    --------
    >>> scaled_brier_score([0, 1], [0.5, 1.0])
    0.5
    """
    event, p = outcome_and_probability(y_true, probability)
    prevalence = float(event.mean())
    return 1 - brier_score(event, p) / (prevalence * (1 - prevalence))


def brier_decomposition(y_true: ArrayLike, probability: ArrayLike, *, bins: int | None = 10) -> BrierDecomposition:
    r"""Split the Brier score into reliability, resolution and uncertainty.

    Parameters
    ----------
    {y_true_any} {probability}
    bins : int or None
        Number of quantile bins; None gives each distinct probability its own bin, and ``within`` is then 0.

    Returns
    -------
    BrierDecomposition
        ``reliability, resolution, uncertainty, within, brier``.

    Raises
    ------
    {outcome_values} {bad_probabilities}

    Notes
    -----
    :math:`B = \sum_k \frac{n_k}{n} (\bar p_k - \bar y_k)^2 - \sum_k \frac{n_k}{n} (\bar y_k - \bar y)^2 +
    \bar y (1 - \bar y) + w`, with :math:`w = \frac1n \sum_i [(p_i - \bar p_k)^2 - 2 (p_i - \bar p_k)(y_i - \bar y_k)]`
    (doi:10.1175/1520-0450(1973)012<0595:ANVPOT>2.0.CO;2, doi:10.1175/2007WAF2006116.1 for w). *How to read it.* Poor
    reliability can be mended by recalibration; poor resolution needs a better model.

    Examples
    --------
    >>> parts = brier_decomposition([0, 1, 0, 1], [0.1, 0.4, 0.6, 0.9], bins=2)
    >>> round(parts.reliability - parts.resolution + parts.uncertainty + parts.within - parts.brier, 12)
    0.0
    """
    event, p = outcome_and_probability(y_true, probability, both_classes=False)
    if bins is not None:
        check_count(bins, 1, name="bins")
    labels = p if bins is None else np.searchsorted(type7_quantiles(p, np.arange(1, bins) / bins), p, side="left")
    _, group, n = np.unique(labels, return_inverse=True, return_counts=True)
    predicted, observed = np.bincount(group, p) / n, np.bincount(group, event) / n
    share, prevalence = n / event.size, float(event.mean())
    brier = float(np.mean((p - event) ** 2))
    reliability = float(share @ (predicted - observed) ** 2)
    resolution = float(share @ (observed - prevalence) ** 2)
    uncertainty = prevalence * (1 - prevalence)
    distance = p - predicted[group]
    within = float(np.mean(distance**2 - 2 * distance * (event - observed[group])))
    return BrierDecomposition(reliability, resolution, uncertainty, within, brier)
