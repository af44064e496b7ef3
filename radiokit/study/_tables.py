"""All tables of a study, each from the endpoints it concerns."""

from __future__ import annotations

from typing import Any

import pandas as pd

from radiokit import stats
from radiokit.study import _explain as explain
from radiokit.study import _performance as judge
from radiokit.study._attributions import attribution_table
from radiokit.study._calibration import calibration_table
from radiokit.study._centers import center_table
from radiokit.study._cohort import Patients, Roles
from radiokit.study._conclusions import conclusions
from radiokit.study._effects import cox_table, effect_tables, hazards_table
from radiokit.study._endpoint import Data, Endpoint, Run
from radiokit.study._formula import formula_table
from radiokit.study._missing import missing_table
from radiokit.study._options import Options
from radiokit.study._repeatability import repeatability_table
from radiokit.study._subgroups import subgroup_table
from radiokit.study._survival import survival_tables


def all_tables(endpoints: list[Endpoint], data: Data, options: Options, run: Run) -> dict[str, Any]:
    """Tables of the models; those of several endpoints are joined, with different model names."""
    tables: dict[str, list[pd.DataFrame]] = {}
    parts: list[pd.DataFrame] = []
    for endpoint in endpoints:
        for name, table in _endpoint_tables(endpoint, data, options, run).items():
            if len(table):
                tables.setdefault(name, []).append(table)
        parts.append(judge.prediction_table(endpoint))
    joined: dict[str, Any] = {name: pd.concat(found, ignore_index=True) for name, found in tables.items()}
    joined["conclusions"] = conclusions(endpoints, joined, data, options.confidence_level)
    return {**joined, "predictions_parts": parts}


def _endpoint_tables(endpoint: Endpoint, data: Data, options: Options, run: Run) -> dict[str, pd.DataFrame]:
    level = options.confidence_level
    calibration = pd.DataFrame() if endpoint.survival else calibration_table(endpoint, level)
    tables = {
        "performance": judge.performance_table(endpoint, options, run.random_state, calibration),
        "performance_by_center": center_table(endpoint, data, level),
        "selected": explain.selected_table(endpoint, data, options.subsamples, run),
        "funnel": explain.funnel_table(endpoint, data),
        "repeatability": repeatability_table(endpoint),
        "formula": formula_table(endpoint, options.time_unit),
        "optimism": judge.optimism_table(endpoint),
        "correlation": explain.correlation_table(endpoint, data),
        "attributions": attribution_table(endpoint, data),
        "confounding": explain.confounding_table(endpoint, data),
        "subgroups": subgroup_table(endpoint, data, level),
        **explain.path_tables(endpoint),
        **effect_tables(endpoint, data, level),
    }
    if endpoint.survival:
        tables |= survival_tables(endpoint, options)
        tables["cox"] = cox_table(endpoint, data, level)
        tables["proportional_hazards"] = hazards_table(endpoint, level)
        tables["concordance_comparison"] = judge.comparison_table(endpoint, options)
    else:
        tables["delong"] = judge.comparison_table(endpoint, options)
        tables["calibration"] = calibration
        tables["calibration_curve"] = judge.corrected_curves(endpoint)
        tables["decision_curve"] = judge.decision_table(endpoint)
        tables["decision_curve_difference"] = judge.benefit_difference(endpoint, options, run.random_state)
    return tables


def describe_tables(patients: Patients, data: Data, roles: Roles) -> dict[str, pd.DataFrame]:
    """Who the patients are, by cohort, by outcome and by centre, and what is not known of them.

    Volume and follow-up are skewed as a rule: median and quartiles, tested by ranks.
    """
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
    skewed = [c for c in ("volume", "follow_up") if c in described]
    tables = {"missing": missing_table(data)}
    if data.cohort.nunique() > 1:
        grouped = described.assign(cohort_=data.cohort)
        tables["table_one_cohort"] = stats.table_one(grouped, by="cohort_", nonnormal=skewed)
    else:
        tables["table_one_cohort"] = stats.table_one(described, nonnormal=skewed)
    by = next((c for c in ("outcome", "event") if c in described), None)
    if by is not None and len(described.columns) > 1:
        tables["table_one_outcome"] = stats.table_one(described, by=by, nonnormal=skewed)
    if data.center is not None and data.center.nunique() > 1:
        without = described.drop(columns="center_")
        tables["table_one_center"] = stats.table_one(
            without.assign(center_=data.center), by="center_", nonnormal=skewed
        )
    return tables
