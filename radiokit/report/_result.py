"""What a report needs of a result, and how it looks things up in it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

import pandas as pd

from radiokit.validation.evidence import (
    BASELINES,
    HONEST,
    CalibrationEvidence,
    Comparison,
    Evidence,
    StudyEndpoint,
    Verdict,
    select,
)
from radiokit.validation.facts import StudyFacts, StudySpec

# Where predictions come from, in words; the most independent of training first.
SOURCES = {
    "external": "external",
    "test": "test",
    "out-of-fold": "training, cross-validated",
    "optimism-corrected": "training, optimism-corrected",
    "train": "training, apparent",
}


class Reportable(Protocol):
    """A `StudyResult`, or anything that holds the same."""

    @property
    def tables(self) -> Mapping[str, pd.DataFrame]:
        """Tables by name."""

    @property
    def predictions(self) -> pd.DataFrame:
        """One row for each case, model and cohort."""

    @property
    def warnings(self) -> list[str]:
        """What a reader has to know."""

    @property
    def provenance(self) -> Mapping[str, Any]:
        """Versions, settings, hashes, seeds."""

    @property
    def spec(self) -> StudySpec:
        """What was asked for."""

    @property
    def endpoints(self) -> tuple[StudyEndpoint, ...]:
        """Each outcome with its models."""

    @property
    def evidence(self) -> tuple[Evidence, ...]:
        """How good each model is."""

    @property
    def comparisons(self) -> tuple[Comparison, ...]:
        """Differences between models, with their tests."""

    @property
    def calibrations(self) -> tuple[CalibrationEvidence, ...]:
        """Whether predictions are right in each cohort."""

    @property
    def verdicts(self) -> tuple[Verdict, ...]:
        """What these data can show of the main models, and what they cannot."""

    @property
    def facts(self) -> StudyFacts:
        """What is true of this run."""


def endpoints(result: Reportable) -> list[StudyEndpoint]:
    """Return the outcomes that have models."""
    return [e for e in result.endpoints if e.models]


def is_baseline(result: Reportable, model: str) -> bool:
    """Whether a model is there only to be compared with."""
    return any(m.name == model and m.kind in BASELINES for e in result.endpoints for m in e.models)


def evidence(result: Reportable, **wanted: str) -> list[Evidence]:
    """Return the evidence of a model, cohort, source or metric."""
    return select(result.evidence, **wanted)


def honest(result: Reportable, endpoint: StudyEndpoint, model: str, metric: str | None = None) -> list[Evidence]:
    """Return the evidence of a model in patients it was not trained on, the most independent first."""
    found = evidence(result, model=model, metric=metric or endpoint.metric)
    return sorted((e for e in found if e.source in HONEST), key=lambda e: HONEST.index(e.source))


def table(result: Reportable, name: str) -> pd.DataFrame | None:
    """Return a table that exists and is not empty."""
    frame = result.tables.get(name)
    return frame if frame is not None and len(frame) else None


def model_names(result: Reportable) -> list[str]:
    """Return all models that predict something for a patient, in the order of the result."""
    return [str(name) for name in result.predictions["model"].unique()] if "model" in result.predictions else []


def main_models(result: Reportable) -> list[str]:
    """Return the main model of each outcome."""
    return [e.main for e in endpoints(result)]


def averaged(predictions: pd.DataFrame) -> pd.DataFrame:
    """Return one row for each case and model: the mean over the repeats of cross-validation."""
    keys = [c for c in ("model", "case_id") if c in predictions]
    if "repeat" not in predictions or len(keys) < 2 or not predictions.duplicated(keys).any():
        return predictions
    numbers = {c: "mean" for c in ("probability", "risk") if c in predictions}
    rest = {c: "first" for c in predictions.columns if c not in (*keys, *numbers)}
    return predictions.groupby(keys, sort=False).agg({**numbers, **rest}).reset_index()
