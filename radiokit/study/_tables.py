"""All tables of a study, each from the endpoints it concerns."""

from __future__ import annotations

from typing import Any

import pandas as pd

from radiokit import stats
from radiokit.study import _explain as explain
from radiokit.study import _performance as judge
from radiokit.study._attributions import attribution_table
from radiokit.study._cohort import Patients, Roles
from radiokit.study._conclusions import conclusions
from radiokit.study._endpoint import Data, Endpoint, Run
from radiokit.study._options import Options
from radiokit.study._repeatability import repeatability_table
from radiokit.study._subgroups import subgroup_table


def all_tables(endpoints: list[Endpoint], data: Data, options: Options, run: Run) -> dict[str, Any]:
    """Tables of the models; those of several endpoints are joined, with different model names."""
    tables: dict[str, list[pd.DataFrame]] = {}
    parts: list[pd.DataFrame] = []
    for endpoint in endpoints:
        for name, table in _endpoint_tables(endpoint, data, options, run).items():
            if len(table):
                tables.setdefault(name, []).append(table)
        parts.append(judge.prediction_table(endpoint, data))
    joined: dict[str, Any] = {name: pd.concat(found, ignore_index=True) for name, found in tables.items()}
    joined["conclusions"] = conclusions(endpoints, joined)
    return {**joined, "predictions_parts": parts}


def _endpoint_tables(endpoint: Endpoint, data: Data, options: Options, run: Run) -> dict[str, pd.DataFrame]:
    tables = {
        "performance": judge.performance_table(endpoint, options, run.random_state),
        "selected": explain.selected_table(endpoint, data, options.subsamples, run),
        "funnel": explain.funnel_table(endpoint, data),
        "repeatability": repeatability_table(endpoint),
        "formula": explain.formula_table(endpoint),
        "optimism": judge.optimism_table(endpoint),
        "correlation": explain.correlation_table(endpoint, data),
        "attributions": attribution_table(endpoint, data),
        "confounding": explain.confounding_table(endpoint, data),
        "subgroups": subgroup_table(endpoint, data, options.confidence_level),
        **explain.path_tables(endpoint),
        **explain.effect_tables(endpoint),
    }
    if endpoint.survival:
        tables |= judge.survival_tables(endpoint, options)
        tables["cox"] = explain.cox_table(endpoint)
        tables["proportional_hazards"] = explain.hazards_table(endpoint)
        tables["concordance_comparison"] = judge.comparison_table(endpoint, options)
    else:
        tables["delong"] = judge.comparison_table(endpoint, options)
        tables["calibration"] = judge.calibration_table(endpoint)
        tables["calibration_curve"] = judge.corrected_curves(endpoint)
        tables["decision_curve"] = judge.decision_table(endpoint)
        tables["decision_curve_difference"] = judge.benefit_difference(endpoint, options, run.random_state)
    return tables


def describe_tables(patients: Patients, data: Data, roles: Roles) -> dict[str, pd.DataFrame]:
    """Who the patients are, by cohort and by outcome."""
    described = patients.table[list(roles.clinical)].copy()
    if data.volume is not None:
        described["volume"] = data.volume
    for name, values in (("outcome", patients.outcome), ("event", patients.event)):
        if values is not None:
            described[name if name not in described else f"{name}_"] = values.map({True: "yes", False: "no"})
    if patients.time is not None:
        described["follow_up"] = patients.time
    if data.center is not None:
        described["center_"] = data.center
    tables = {}
    if data.cohort.nunique() > 1:
        tables["table_one_cohort"] = stats.table_one(described.assign(cohort_=data.cohort), by="cohort_")
    else:
        tables["table_one_cohort"] = stats.table_one(described)
    by = next((c for c in ("outcome", "event") if c in described), None)
    if by is not None and len(described.columns) > 1:
        tables["table_one_outcome"] = stats.table_one(described, by=by)
    return tables
