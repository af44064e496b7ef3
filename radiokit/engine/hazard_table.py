"""Coefficients of a model as the table that its summary shows."""

from __future__ import annotations

import numpy as np
import pandas as pd
from scipy import stats

from radiokit.engine.inputs import FloatArray, normal_quantile
from radiokit.engine.wald import ratio_to_se


def hazard_table(
    names: list[str], coef: FloatArray, se: FloatArray, confidence_level: float, *, ratio: str = "hazard_ratio"
) -> pd.DataFrame:
    """Coefficients with Wald tests and intervals of the ratio ``exp(coef)``, one row per covariate."""
    z = normal_quantile(confidence_level)
    statistic = np.array([ratio_to_se(float(b), float(s)) for b, s in zip(coef, se, strict=True)], dtype=float)
    with np.errstate(over="ignore", invalid="ignore"):
        columns = {
            "coef": coef,
            "se": se,
            "statistic": statistic,
            "p_value": 2 * stats.norm.sf(np.abs(statistic)),
            ratio: np.exp(coef),
            "ci_low": np.exp(coef - z * se),
            "ci_high": np.exp(coef + z * se),
        }
    return pd.DataFrame(columns, index=pd.Index(names, name="feature"))
