"""Who the patients are: tables of patients by cohort, by outcome and by centre."""

from __future__ import annotations

import pandas as pd

from radiokit import stats
from radiokit.study._cohort import Patients


def patient_tables(data: Patients) -> dict[str, pd.DataFrame]:
    """Return tables of who the patients are, by cohort, by outcome and by centre.

    Volume and follow-up are skewed as a rule: median and quartiles, tested by ranks.
    """
    described = data.table[list(data.clinical)].copy()
    if data.volume is not None:
        described["volume"] = data.volume
    for name, values in (("outcome", data.outcome), ("event", data.event)):
        if values is not None:
            described[name if name not in described else f"{name}_"] = values.map({True: "yes", False: "no"})
    if data.time is not None:
        described["follow_up"] = data.time
    if data.center is not None:
        center = "center_" if "center" in described else "center"
        described[center] = data.center
    skewed = [c for c in ("volume", "follow_up") if c in described]
    tables = {}
    if data.cohort.nunique() > 1:
        grouped = described.assign(cohort_=data.cohort)
        tables["table_one_cohort"] = stats.table_one(grouped, by="cohort_", nonnormal=skewed)
    else:
        tables["table_one_cohort"] = stats.table_one(described, nonnormal=skewed)
    by = next((c for c in ("outcome", "event") if c in described), None)
    if by is not None and len(described.columns) > 1:
        tables["table_one_outcome"] = stats.table_one(described, by=by, nonnormal=skewed)
    if data.center is not None and data.center.nunique() > 1:
        tables["table_one_center"] = stats.table_one(described, by=center, nonnormal=skewed)
    return tables
