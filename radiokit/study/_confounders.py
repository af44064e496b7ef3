"""What else a column goes with: the tumour's volume, the centre. All columns at once, by ranks."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.special import chdtrc

from radiokit.study._cohort import Patients


def confounders(values: pd.DataFrame, data: Patients) -> pd.DataFrame:
    """Spearman correlation of each column with the volume, and a Kruskal-Wallis test between centres, in training.

    `values` holds the training patients.
    """
    table = pd.DataFrame(np.nan, index=values.columns, columns=["volume_correlation", "center_p_value"])
    if data.volume is not None:
        table["volume_correlation"] = rank_correlation(values, data.volume[data.training])
    if data.center is not None:
        table["center_p_value"] = kruskal_wallis(values, data.center[data.training])
    return table


def rank_correlation(values: pd.DataFrame, other: pd.Series) -> NDArray[np.float64]:
    """Spearman's correlation of each column with another one, over the rows that have both; NaN under 3 rows."""
    x, y = values.to_numpy(dtype=float), other.to_numpy(dtype=float)[:, None]
    known = ~np.isnan(x) & ~np.isnan(y)
    a, b = _centred_ranks(np.where(known, x, np.nan)), _centred_ranks(np.where(known, y, np.nan))
    with np.errstate(invalid="ignore"):  # a constant column has no correlation
        rho = (a * b).sum(axis=0) / np.sqrt((a * a).sum(axis=0) * (b * b).sum(axis=0))
    return np.where(known.sum(axis=0) < 3, np.nan, np.clip(rho, -1, 1))


def kruskal_wallis(values: pd.DataFrame, group: pd.Series) -> NDArray[np.float64]:
    """P-value of each column: (n - 1) times the share of the ranks' variance that lies between groups, ties and all."""
    x = values.to_numpy(dtype=float)
    known = ~np.isnan(x)
    ranks = _centred_ranks(x)
    member = pd.get_dummies(group).to_numpy(dtype=float).T
    counts = member @ known
    between = np.divide((member @ ranks) ** 2, counts, out=np.zeros_like(counts), where=counts > 0).sum(axis=0)
    freedom = (counts > 0).sum(axis=0) - 1
    with np.errstate(invalid="ignore"):
        statistic = (known.sum(axis=0) - 1) * between / (ranks * ranks).sum(axis=0)
    p: NDArray[np.float64] = np.where(freedom > 0, chdtrc(np.maximum(freedom, 1), statistic), np.nan)
    return p


def _centred_ranks(x: NDArray[np.float64]) -> NDArray[np.float64]:
    """Ranks of each column about their mean; 0 where there is no value."""
    ranks = pd.DataFrame(x).rank().to_numpy()
    middle = (np.count_nonzero(~np.isnan(x), axis=0) + 1) / 2
    centred: NDArray[np.float64] = np.where(np.isnan(x), 0.0, ranks - middle)
    return centred
