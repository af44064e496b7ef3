"""Missing values: how many of each clinical column, of the volume and of each feature, in each cohort."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from radiokit.study._cohort import COHORTS, Patients

COLUMNS = ("kind", "variable", "cohort", "n", "n_missing", "percent_missing")
MANY = 20.0  # percent of a cohort


def present(values: pd.Series) -> pd.Series:
    """Whether a cell holds a value: no gap, no infinity, no text of blanks; as the models see it."""
    return ~absent(values.to_frame()).iloc[:, 0]


def absent(table: pd.DataFrame) -> pd.DataFrame:
    """Whether each cell lacks a value, all numbers at once."""
    numbers = [pd.api.types.is_numeric_dtype(dtype) for dtype in table.dtypes]
    found = np.empty(table.shape, dtype=bool)
    found[:, numbers] = ~np.isfinite(table.loc[:, numbers].to_numpy(dtype=float, na_value=np.nan))
    for k in np.flatnonzero(~np.array(numbers, dtype=bool)):
        values = table.iloc[:, k]
        found[:, k] = values.isna() | values.map(lambda v: isinstance(v, str) and not v.strip()).astype(bool)
    return pd.DataFrame(found, index=table.index, columns=table.columns)


@dataclass(frozen=True)
class Gaps:
    """How many patients of a cohort lack a variable; `kind` is clinical, volume, or the name of a signature."""

    kind: str
    variable: str
    cohort: str
    n: int
    n_missing: int

    @property
    def percent_missing(self) -> float:
        """Share of the cohort, in percent."""
        return 100 * self.n_missing / self.n


def gaps_of(data: Patients) -> list[Gaps]:
    """Count the gaps of each variable in each cohort.

    Clinical columns first, then the volume, then the features of each signature; within these the variable with the
    most gaps first.
    """
    kinds: dict[str, list[str]] = {"clinical": list(map(str, data.clinical))}
    if data.volume is not None:
        kinds["volume"] = [str(data.volume.name)]
    kinds |= {name: [c for c in columns if c in data.X] for name, columns in data.features.items()}
    sizes = {c: int((data.cohort == c).sum()) for c in COHORTS if (data.cohort == c).any()}
    found = []
    for kind, names in kinds.items():
        gaps = absent(data.X[names])
        counts = gaps.groupby(data.cohort.to_numpy()).sum()
        for name in gaps.sum().sort_values(ascending=False, kind="stable").index:
            found += [Gaps(kind, str(name), c, n, int(counts.at[c, name])) for c, n in sizes.items()]
    return found


def missing_warnings(gaps: list[Gaps]) -> list[str]:
    """Name the variables that lack a fifth of their values and more in a cohort."""
    many = [g for g in gaps if g.percent_missing >= MANY]
    if not many:
        return []
    names = list(dict.fromkeys(g.variable for g in many))
    worst = max(many, key=lambda g: g.percent_missing)
    listed = ", ".join(names[:5]) + (", ..." if len(names) > 5 else "")
    return [
        f"{len(names)} variables miss a fifth of their values or more in a cohort ({listed}; most: "
        f"{worst.variable}, missing in {worst.n_missing} of {worst.n} {worst.cohort} patients). "
        "Gaps are filled with what is usual in training, which hides what a missing value may mean; the table "
        "`missing` counts them."
    ]
