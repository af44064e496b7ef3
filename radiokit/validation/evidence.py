"""What a study knows of itself as objects: outcomes, their models, the evidence for each, and the facts of the run."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
import pandas as pd

from radiokit.models.describe import PipelineFacts

ModelKind = Literal["clinical", "volume", "signature", "combined", "prevalence"]
# Nobody builds a study to show these: a model has to be better than they are.
BASELINES: tuple[ModelKind, ...] = ("volume", "prevalence")
# Where predictions come from, the most independent of training first.
SOURCES = ("external", "test", "out-of-fold", "optimism-corrected", "train")
HONEST = SOURCES[:3]
METRICS = {True: "c_index", False: "auc"}


@dataclass(frozen=True)
class StudyModel:
    """A model of a study.

    Parameters
    ----------
    name : str
        As in all tables.
    kind : {"clinical", "volume", "signature", "combined", "prevalence"}
        What it predicts from: clinical columns; the tumour volume alone; one signature; signatures and clinical columns
        together; nothing but how common the outcome is.
    endpoint : str
        The outcome it predicts.
    signatures, clinical : tuple of str
        What goes into it.
    """

    name: str
    kind: ModelKind
    endpoint: str
    signatures: tuple[str, ...] = ()
    clinical: tuple[str, ...] = ()


@dataclass(frozen=True)
class StudyEndpoint:
    """An outcome of a study with the models that predict it.

    Parameters
    ----------
    name : str
        Column of the outcome, or of the event.
    survival : bool
        Whether it is a time to an event.
    models : tuple of StudyModel
        Baselines first, all predictors together last.
    """

    name: str
    survival: bool
    models: tuple[StudyModel, ...] = ()

    @property
    def metric(self) -> str:
        """The index of discrimination: ``auc`` or ``c_index``."""
        return METRICS[self.survival]

    @property
    def main(self) -> str:
        """Name of the model the study is about: of those that are no baseline, the one of most predictors."""
        strong = [m for m in self.models if m.kind not in BASELINES]
        return (strong or list(self.models))[-1].name

    @property
    def names(self) -> list[str]:
        """Names of all models."""
        return [m.name for m in self.models]

    def of_kind(self, kind: ModelKind) -> StudyModel | None:
        """Return the model of a kind, beside the main one."""
        return next((m for m in self.models if m.kind == kind and m.name != self.main), None)


@dataclass(frozen=True)
class Evidence:
    """One estimate of how good a model is, and where it comes from.

    Parameters
    ----------
    model, cohort, metric : str
        What was judged, in whom, by what.
    source : {"external", "test", "out-of-fold", "optimism-corrected", "train"}
        Where the predictions come from.
    estimate, ci_low, ci_high : float
        NaN where there is none.
    level : float
        Confidence level of the interval.
    method : str
        How the interval was made.
    n, n_events : int
        Patients, and those with the event.
    """

    model: str
    cohort: str
    source: str
    metric: str
    estimate: float
    ci_low: float
    ci_high: float
    level: float
    method: str
    n: int
    n_events: int

    @property
    def has_interval(self) -> bool:
        """Whether both limits are known."""
        return bool(np.isfinite([self.ci_low, self.ci_high]).all())


@dataclass(frozen=True)
class CohortFacts:
    """Who is in a cohort: patients and the centres they come from."""

    name: str
    n_patients: int
    centers: tuple[str, ...] = ()


@dataclass(frozen=True)
class SignatureFacts:
    """Where the features of a signature come from, and what its pipeline does with them.

    `origin` is what was given; `extraction` holds the settings by step ("resampling", "discretisation", ...), where the
    study measured the features itself; `measured_again` says how features were measured again, where they were.
    """

    name: str
    endpoint: str
    origin: Literal["table", "images", "deep features", "network"]
    n_features: int
    pipeline: PipelineFacts
    extraction: Mapping[str, str] = field(default_factory=dict)
    measured_again: str = ""


@dataclass(frozen=True)
class SampleSize:
    """How many events there are in training for what is learnt from them.

    `events` counts the rarer outcome, `candidates` the predictors to choose from, `parameters` those of the final model
    and of its scores; `required` is the number of patients that Riley's criteria ask for (NaN where they cannot say).
    """

    endpoint: str
    patients: int
    events: int
    candidates: int
    parameters: int
    required: float = float("nan")

    @property
    def per_candidate(self) -> float:
        """Events for each candidate predictor."""
        return self.events / self.candidates if self.candidates else float("nan")


@dataclass(frozen=True)
class StudyFacts:
    """What is true of one run, for the methods text, the headline and the checklists.

    Parameters
    ----------
    confidence_level : float
        Of all intervals.
    cohorts : tuple of CohortFacts
        Training first.
    signatures : tuple of SignatureFacts
        One for each signature and outcome.
    sample_sizes : tuple of SampleSize
        One for each outcome.
    n_missing, n_predictors : int
        Missing values among clinical columns and features of all patients, and the number of these columns.
    by_center : bool
        Whether the cross-validation leaves out one centre at a time.
    several_cases : bool
        Whether patients had several cases, which became one row.
    frozen : tuple of str
        Models that were written as frozen models.
    rules : tuple of str
        Sentences on how numbers were made, for the methods text: how repeats of a cross-validation are summarised.
    """

    confidence_level: float = 0.95
    cohorts: tuple[CohortFacts, ...] = ()
    signatures: tuple[SignatureFacts, ...] = ()
    sample_sizes: tuple[SampleSize, ...] = ()
    n_missing: int = 0
    n_predictors: int = 0
    by_center: bool = False
    several_cases: bool = False
    frozen: tuple[str, ...] = ()
    rules: tuple[str, ...] = ()

    @property
    def level(self) -> str:
        """The confidence level in words: ``95%``."""
        return level_text(self.confidence_level)

    @property
    def centers(self) -> tuple[str, ...]:
        """All centres that are known."""
        return tuple(sorted({c for cohort in self.cohorts for c in cohort.centers}))


def level_text(level: float) -> str:
    """Return a confidence level in words, without digits that are not needed.

    Examples
    --------
    >>> level_text(0.95), level_text(0.999)
    ('95%', '99.9%')
    """
    return f"{100 * level:.10g}%"


def evidence_of(performance: pd.DataFrame, level: float) -> tuple[Evidence, ...]:
    """Return the rows of a table of performance as objects."""
    return tuple(_evidence(row, level) for row in performance.to_dict("records"))


def _evidence(row: Mapping[Any, Any], level: float) -> Evidence:
    method = row.get("method")
    return Evidence(
        model=str(row["model"]),
        cohort=str(row["cohort"]),
        source=str(row["source"]),
        metric=str(row["metric"]),
        estimate=_number(row["estimate"]),
        ci_low=_number(row.get("ci_low")),
        ci_high=_number(row.get("ci_high")),
        level=level,
        method="" if pd.isna(method) else str(method),
        n=_count(row.get("n")),
        n_events=_count(row.get("n_events")),
    )


def _count(value: Any) -> int:
    number = _number(value)
    return int(number) if np.isfinite(number) else 0


def _number(value: Any) -> float:
    return float("nan") if value is None or pd.isna(value) else float(value)


def select(
    evidence: Iterable[Evidence],
    *,
    model: str | None = None,
    cohort: str | None = None,
    source: str | None = None,
    metric: str | None = None,
) -> list[Evidence]:
    """Return the evidence that fits every part that is named."""
    wanted = {"model": model, "cohort": cohort, "source": source, "metric": metric}
    named = {key: value for key, value in wanted.items() if value is not None}
    return [e for e in evidence if all(getattr(e, key) == value for key, value in named.items())]
