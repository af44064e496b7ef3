"""`make_feature_table`: a synthetic cohort without images."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.special import expit

from radiokit.exceptions import ParameterError
from radiokit.utils import as_survival_target, spawn_seeds


@dataclass(frozen=True, eq=False, repr=False)
class FeatureTable:
    """A synthetic table of features with outcomes and the coefficients that made them.

    Parameters
    ----------
    X : DataFrame of shape (n, n_features)
        Features ``feature_00``, ...; standard normal but for the centre effects.
    y : Series of int
        Binary outcome.
    survival : structured array of shape (n,)
        Fields ``event`` and ``time`` (months).
    center : Series of str
        Centre of each case.
    coefficients : Series
        Log-odds, and log hazard ratio, of one unit of each feature before centre effects; zero for most.
    linear_predictor : Series
        The true log-odds.

    Examples
    --------
    >>> make_feature_table(60, n_features=10, n_informative=2, random_state=0)
    FeatureTable(60 cases, 10 features, 2 informative)
    """

    X: pd.DataFrame
    y: pd.Series
    survival: NDArray[np.void]
    center: pd.Series
    coefficients: pd.Series
    linear_predictor: pd.Series

    def __repr__(self) -> str:
        informative = int((self.coefficients != 0).sum())
        return f"FeatureTable({len(self.X)} cases, {self.X.shape[1]} features, {informative} informative)"


def make_feature_table(
    n: int = 200,
    *,
    n_features: int = 50,
    n_informative: int = 3,
    effect: float = 1.0,
    correlation: float = 0.7,
    block: int = 5,
    centers: int = 1,
    random_state: int | np.random.RandomState | np.random.Generator | None = None,
) -> FeatureTable:
    r"""Draw correlated features, a few of which drive a binary outcome and a survival time.

    Parameters
    ----------
    n : int
        Number of cases.
    n_features : int
        Number of features.
    n_informative : int
        How many of them have an effect: the first of each of the first `n_informative` blocks, with alternating sign.
    effect : float
        Their log-odds, and log hazard ratio, for one standard deviation.
    correlation : float
        Correlation of features within a block, as texture features come in families.
    block : int
        Features in a block.
    centers : int
        Number of centres. All but the first shift and scale every feature.
    random_state : int, RandomState, Generator or None
        Seed.

    Returns
    -------
    FeatureTable
        The table, both outcomes, and the truth.

    Raises
    ------
    ParameterError
        If an argument is out of range.

    Notes
    -----
    Within a block, :math:`x_j = \sqrt{\rho}\,u + \sqrt{1-\rho}\,v_j` with a common u. The outcome is Bernoulli with
    log-odds :math:`x^\top\beta`; times are exponential with median 24 months at the mean, censored uniformly between 12
    and 60 months.

    Examples
    --------
    >>> table = make_feature_table(100, n_features=6, n_informative=2, block=3, random_state=1)
    >>> table.coefficients.to_dict()
    {'feature_00': 1.0, 'feature_01': 0.0, 'feature_02': 0.0, 'feature_03': -1.0, 'feature_04': 0.0, 'feature_05': 0.0}
    """
    blocks = -(-n_features // block) if block >= 1 else 0
    if n < 1 or n_features < 1 or blocks < 1 or centers < 1:
        raise ParameterError(
            f"n={n}, n_features={n_features}, block={block}, centers={centers}; required: each at least 1."
        )
    if not 0 <= n_informative <= blocks:
        raise ParameterError(
            f"n_informative is {n_informative} with {blocks} blocks of features; required: 0 to {blocks}."
        )
    if not 0 <= correlation < 1:
        raise ParameterError(f"correlation is {correlation}; required: at least 0 and below 1.")
    rng = np.random.default_rng(spawn_seeds(random_state, 1)[0])
    index = pd.Index([f"case_{i:0{len(str(n))}d}" for i in range(1, n + 1)], name="case_id")
    columns = [f"feature_{j:0{max(2, len(str(n_features - 1)))}d}" for j in range(n_features)]
    common = np.repeat(rng.standard_normal((n, blocks)), block, axis=1)[:, :n_features]
    values = np.sqrt(correlation) * common + np.sqrt(1 - correlation) * rng.standard_normal((n, n_features))
    beta = np.zeros(n_features)
    beta[np.arange(n_informative) * block] = effect * (-1.0) ** np.arange(n_informative)
    lp = values @ beta
    y = rng.random(n) < expit(lp)
    time = rng.exponential(24.0 / np.log(2), size=n) / np.exp(lp)
    censored = rng.uniform(12.0, 60.0, size=n)
    center = rng.permutation(np.arange(n) % centers)
    shift = 0.5 * rng.standard_normal((centers, n_features))
    scale = np.exp(0.2 * rng.standard_normal((centers, n_features)))
    shift[0], scale[0] = 0.0, 1.0
    return FeatureTable(
        X=pd.DataFrame(values * scale[center] + shift[center], index=index, columns=columns),
        y=pd.Series(y.astype(int), index=index, name="outcome"),
        survival=as_survival_target(time <= censored, np.minimum(time, censored)),
        center=pd.Series([f"center_{c + 1}" for c in center], index=index, name="center"),
        coefficients=pd.Series(beta, index=columns, name="coef"),
        linear_predictor=pd.Series(lp, index=index, name="linear_predictor"),
    )
