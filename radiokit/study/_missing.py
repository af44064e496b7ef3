"""Missing values: how many of each clinical column, of the volume and of each feature, in each cohort."""

from __future__ import annotations

import numpy as np
import pandas as pd

from radiokit.study._endpoint import Data

COLUMNS = ("kind", "variable", "cohort", "n", "n_missing", "percent_missing")
MANY = 20.0  # percent of a cohort
COHORTS = ("training", "test", "external")


def present(values: pd.Series) -> pd.Series:
    """Whether a cell holds a value: no gap, no infinity, no text of blanks; as the models see it."""
    if pd.api.types.is_numeric_dtype(values):
        return values.notna() & np.isfinite(values.to_numpy(dtype=float, na_value=np.nan))
    blank = values.map(lambda v: isinstance(v, str) and not v.strip())
    return values.notna() & ~blank.astype(bool)


def missing_table(data: Data) -> pd.DataFrame:
    """Return a row a variable and cohort: patients, and those without a value.

    Clinical columns first, then the volume, then the features of each signature (its name is the `kind`); within these
    the variable with the most gaps first.
    """
    kinds: dict[str, list[str]] = {"clinical": list(map(str, data.clinical))}
    if data.volume is not None:
        kinds["volume"] = [str(data.volume.name)]
    kinds |= {name: [c for c in columns if c in data.X] for name, columns in data.features.items()}
    cohorts = [c for c in COHORTS if (data.cohort == c).any()]
    parts = []
    for kind, names in kinds.items():
        if not names:
            continue
        gaps = pd.DataFrame({name: ~present(data.X[name]) for name in names}, index=data.X.index)
        order = gaps.sum().sort_values(ascending=False, kind="stable").index
        counts = gaps.groupby(data.cohort.to_numpy()).sum().reindex(cohorts)[order]
        sizes = data.cohort.value_counts()
        rows = counts.T.rename_axis(index="variable", columns="cohort").stack().rename("n_missing").reset_index()
        rows["n"] = rows["cohort"].map(sizes)
        parts.append(rows.assign(kind=kind, percent_missing=100 * rows["n_missing"] / rows["n"]))
    if not parts:
        return pd.DataFrame(columns=list(COLUMNS))
    return pd.concat(parts, ignore_index=True)[list(COLUMNS)]


def missing_warnings(table: pd.DataFrame) -> list[str]:
    """Say which variables lack a fifth of their values and more in a cohort."""
    if table.empty or not (table["percent_missing"] >= MANY).any():
        return []
    many = table[table["percent_missing"] >= MANY]
    names = list(dict.fromkeys(many["variable"]))
    worst = many.loc[many["percent_missing"].idxmax()]
    listed = ", ".join(map(str, names[:5])) + (", ..." if len(names) > 5 else "")
    return [
        f"{len(names)} variables miss a fifth of their values or more in a cohort ({listed}; most: "
        f"{worst['variable']}, missing in {int(worst['n_missing'])} of {int(worst['n'])} {worst['cohort']} patients). "
        "Gaps are filled with what is usual in training, which hides what a missing value may mean; the table "
        "`missing` counts them."
    ]
