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


FACTS: dict[str, FactOf] = {
    "abstract": _part("the numbers are in the summary; the text: for the author", "summary"),
    "aim": _part("models were developed and validated; the aim: for the author", "summary"),
    "guideline": results.guideline,
    "sample_size": data.sample_size,
    "pipeline": models.steps,
    "data_source": _author("the table of cases is known by its hash; its source: for the author"),
    "split": data.split,
    "acquisition": _author("scanners and protocols: for the author"),
    "clinical_predictors": data.clinical_predictors,
    "outcome": data.outcome,
    "predictors": data.predictors,
    "reference_standard": _author("how the outcome was established: for the author"),
    "centres": data.centres,
    "multicentre": data.multicentre,
    "lesions": data.lesions,
    "preprocessing": data.extraction("resampling", "normalisation", "resegmentation", "discretisation"),
    "resampling": data.extraction("resampling"),
    "discretization": data.extraction("discretisation"),
    "image_types": data.extraction("image types"),
    "extraction_software": data.extraction("definitions"),
    "feature_classes": data.extraction("feature classes"),
    "feature_count": data.feature_count,
    "defaults": data.settings_known,
    "missing_data": data.missing_data,
    "imbalance": data.imbalance,
    "reliability": models.repeatable,
    "scaling": models.scaling,
    "reduction": models.reduction,
    "redundancy": models.redundancy,
    "feature_number": data.feature_number,
    "algorithm": models.algorithm,
    "tuning": models.tuning,
    "confounding": models.confounding,
    "model_choice": models.model_choice,
    "validation": results.validation,
    "metrics": results.metrics,
    "uncertainty": results.uncertainty,
    "uncertainty_and_calibration": results.uncertainty_and_calibration,
    "calibration": results.calibration,
    "comparison_test": models.comparison_test,
    "clinical_comparison": results.clinical_comparison,
    "clinical_baseline": models.clinical_baseline,
    "simple_baseline": models.simple_baseline,
    "several_sets": models.several_sets,
    "interpretability": models.interpretability,
    "baseline_table": data.baseline_table,
    "cohort_table": data.cohort_table,
    "centre_table": data.centre_table,
    "flow": data.flow,
    "cleaning": data.cleaning,
    "selected": models.selected,
    "performance": results.performance,
    "comparison": results.comparison,
    "internal_test": results.internal_test,
    "external_test": results.external_test,
    "centre_differences": models.centre_differences,
    "centre_performance": results.centre_performance,
    "updating": results.updating,
    "formula": models.formula,
    "fairness": results.fairness,
    "output": models.output,
    "subgroups": results.subgroups,
    "limitations": results.limitations,
    "input_quality": results.input_quality,
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
