"""What a study result knows of itself, in the words of reporting checklists: each item a function of facts."""

from __future__ import annotations

import pandas as pd

from radiokit.report import _facts_data as data
from radiokit.report import _facts_models as models
from radiokit.report import _facts_results as results
from radiokit.report._contents import Place
from radiokit.report._fact import AUTHOR, MET, OUT, PARTLY, UNMET, Fact, FactOf, author, partly
from radiokit.report._result import Reportable

__all__ = ["AUTHOR", "FACTS", "MET", "OUT", "PARTLY", "UNMET", "fact", "frame_of"]


def _part(evidence: str, section: str) -> FactOf:
    """Return a fact whose second half only the author can add."""
    return lambda result: partly(evidence, (Place(section),))


def _author(evidence: str) -> FactOf:
    return lambda result: author(evidence)


# Each has the name that the lists of items call it by.
FUNCTIONS: tuple[FactOf, ...] = (
    results.guideline, data.sample_size, models.pipeline, data.split, data.clinical_predictors, data.outcome,
    data.predictors, data.centres, data.multicentre, data.lesions, data.feature_count, data.defaults,
    data.missing_data, data.imbalance, models.reliability, models.scaling, models.reduction, models.redundancy,
    data.feature_number, models.algorithm, models.tuning, models.confounding, models.model_choice,
    results.validation, results.metrics, results.uncertainty, results.uncertainty_and_calibration,
    results.calibration, models.comparison_test, results.clinical_comparison, models.clinical_baseline,
    models.simple_baseline, models.several_sets, models.interpretability, data.baseline_table, data.cohort_table,
    data.centre_table, data.flow, data.cleaning, models.selected, results.performance, results.comparison,
    results.internal_test, results.external_test, models.centre_differences, results.centre_performance,
    results.updating, models.formula, results.fairness, models.output, results.subgroups, results.limitations,
    results.input_quality,
)  # fmt: skip
FACTS: dict[str, FactOf] = {function.__name__: function for function in FUNCTIONS} | {
    "abstract": _part("the numbers are in the summary; the text: for the author", "summary"),
    "aim": _part("models were developed and validated; the aim: for the author", "summary"),
    "data_source": _author("the table of cases is known by its hash; its source: for the author"),
    "acquisition": _author("scanners and protocols: for the author"),
    "reference_standard": _author("how the outcome was established: for the author"),
    "preprocessing": data.extraction("resampling", "normalisation", "resegmentation", "discretisation"),
    "resampling": data.extraction("resampling"),
    "discretization": data.extraction("discretisation"),
    "image_types": data.extraction("image types"),
    "extraction_software": data.extraction("definitions"),
    "feature_classes": data.extraction("feature classes"),
    "settings": _part("provenance and frozen models hold them; sharing: for the author", "provenance"),
    "code": _part("the study file reproduces all; where it is published: for the author", "provenance"),
    "model": models.frozen("can be written as frozen files"),
    "ready_to_use": models.frozen("can be run by radiokit predict as frozen files"),
}


def fact(result: Reportable, name: str) -> Fact:
    """Return the fact of that name; what no program can know is for the author."""
    return author() if name == AUTHOR else FACTS[name](result)


def frame_of(facts: list[Fact]) -> pd.DataFrame:
    """Return status, evidence and place as columns."""
    rows = [(f.status, f.evidence, "; ".join(dict.fromkeys(p.text for p in f.where))) for f in facts]
    return pd.DataFrame(rows, columns=["status", "evidence", "where"])
