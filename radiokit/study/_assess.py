"""Assess the fitted models of an outcome: all evidence as objects, and every table as a view."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from radiokit.study import _explain as explain
from radiokit.study import _performance as judge
from radiokit.study._assessment import Assessment
from radiokit.study._attributions import attribution_table
from radiokit.study._calibration import calibration_table, calibrations
from radiokit.study._centers import center_table
from radiokit.study._cohort import Patients
from radiokit.study._effects import effect_tables
from radiokit.study._endpoint import Endpoint
from radiokit.study._formula import formula_table, formulas
from radiokit.study._options import Options
from radiokit.study._repeatability import repeatability_table
from radiokit.study._run import Run
from radiokit.study._sample_size import sample_size
from radiokit.study._subgroups import subgroup_table
from radiokit.study._survival import survival_tables
from radiokit.study._tables import table_of
from radiokit.study._within_centers import center_effect


def assess(endpoint: Endpoint, data: Patients, options: Options, run: Run) -> Assessment:
    """Return what the cross-validation, the held-out patients and the models themselves show."""
    level = options.confidence_level
    calibrated = [] if endpoint.survival else list(calibrations(endpoint, level))
    evidence = tuple(judge.performance_evidence(endpoint, options, run.random_state, calibrated))
    features = tuple(explain.used_features(endpoint, data, options.subsamples, run))
    confounding = tuple(explain.confounding_of(endpoint, data))
    equations = formulas(endpoint, options.time_unit)
    compared = judge.comparison_table(endpoint, options)
    tables = {
        "performance": table_of(evidence, judge.PERFORMANCE),
        "performance_by_center": center_table(endpoint, data, level),
        "selected": table_of(features, explain.SELECTED),
        "funnel": explain.funnel_table(endpoint, data),
        "repeatability": repeatability_table(endpoint),
        "formula": formula_table(equations),
        "optimism": judge.optimism_table(endpoint),
        "correlation": explain.correlation_table(endpoint, data),
        "attributions": attribution_table(endpoint, data),
        "confounding": table_of(confounding, explain.CONFOUNDING),
        "subgroups": subgroup_table(endpoint, data, level),
        **explain.path_tables(endpoint),
        **effect_tables(endpoint, data, level),
    }
    if endpoint.survival:
        more, levels = survival_tables(endpoint, options)
        tables |= more
        tables["concordance_comparison"] = compared
    else:
        tables["delong"] = compared
        tables["calibration"] = calibration_table(calibrated)
        tables["calibration_curve"] = judge.corrected_curves(endpoint)
        tables["decision_curve"] = judge.decision_table(endpoint)
        tables["decision_curve_difference"] = judge.benefit_difference(endpoint, options, run.random_state)
        levels = [c.evidence() for c in calibrated]
    return Assessment(
        endpoint,
        data,
        level,
        sample_size(endpoint, data, endpoint.name),
        center_effect(endpoint, data),
        evidence,
        tuple(levels),
        tuple(judge.comparisons_of(compared)),
        features,
        confounding,
        tuple(equations),
        {name: table for name, table in tables.items() if len(table)},
    )


def joined_tables(found: Sequence[Assessment]) -> dict[str, pd.DataFrame]:
    """Return all tables by name; those of several outcomes are joined, with different model names."""
    parts: dict[str, list[pd.DataFrame]] = {}
    for own in found:
        for name, table in own.tables.items():
            parts.setdefault(name, []).append(table)
    return {name: pd.concat(tables, ignore_index=True) for name, tables in parts.items()}
