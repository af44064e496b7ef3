"""From a finished run to what its report reads: outcomes, models, and the facts of the run as objects."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from radiokit.features import RadiomicsExtractor
from radiokit.models.describe import PipelineFacts
from radiokit.study._assessment import Assessment
from radiokit.study._cohort import COHORTS
from radiokit.study._endpoint import Data, Endpoint
from radiokit.study._missing import Gaps
from radiokit.study._options import Options
from radiokit.study._over_repeats import RULE
from radiokit.study._pipelines import describe
from radiokit.study._sources import Source
from radiokit.study._split import Split
from radiokit.validation.evidence import (
    CohortFacts,
    SignatureFacts,
    StudyEndpoint,
    StudyFacts,
    StudyModel,
)


def study_endpoint(endpoint: Endpoint) -> StudyEndpoint:
    """Return an outcome and its models as the report reads them."""
    models = [
        StudyModel(m.name, m.kind, endpoint.name, tuple(m.signatures), tuple(map(str, m.stack.clinical)))
        for m in endpoint.models
    ]
    if not endpoint.survival:
        models.insert(0, StudyModel(f"prevalence{endpoint.suffix}", "prevalence", endpoint.name))
    return StudyEndpoint(endpoint.name, endpoint.survival, tuple(models))


def study_facts(
    found: Sequence[Assessment],
    gaps: Sequence[Gaps],
    sources: Mapping[str, Source],
    split: Split,
    options: Options,
    *,
    several_cases: bool,
) -> StudyFacts:
    """Return what is true of this run."""
    data = found[0].data
    return StudyFacts(
        confidence_level=options.confidence_level,
        cohorts=_cohorts(data),
        signatures=tuple(s for own in found for s in _signatures(own.endpoint, data, sources)),
        n_missing=sum(g.n_missing for g in gaps if g.kind != "volume"),
        n_predictors=len(data.clinical) + sum(map(len, data.features.values())),
        sample_sizes=tuple(own.sample_size for own in found),
        by_center=split.by_center,
        several_cases=several_cases,
        rules=(RULE,) if options.repeats > 1 and not split.by_center else (),
        frozen=tuple(m.name for own in found for m in own.endpoint.models),
    )


def _cohorts(data: Data) -> tuple[CohortFacts, ...]:
    found = []
    for name in COHORTS:
        rows = data.cohort == name
        if rows.any():
            centers = () if data.center is None else tuple(sorted(map(str, data.center[rows].unique())))
            found.append(CohortFacts(name, int(data.group[rows].nunique()), centers))
    return tuple(found)


def _signatures(endpoint: Endpoint, data: Data, sources: Mapping[str, Source]) -> Iterator[SignatureFacts]:
    known: dict[str, PipelineFacts] = {}
    for model in endpoint.models:
        for name, (estimator, _) in model.signatures.items():
            known.setdefault(name, describe(estimator))
    for name, pipeline in known.items():
        yield _signature(name, endpoint.name, sources[name], len(data.features[name]), pipeline)


def _signature(name: str, outcome: str, source: Source, count: int, pipeline: PipelineFacts) -> SignatureFacts:
    again = "" if source.repeat is None else source.repeat.measured
    if source.deep is not None:
        return SignatureFacts(name, outcome, "network", count, pipeline)
    if source.extractor is None:
        return SignatureFacts(name, outcome, "table", count, pipeline, measured_again=again)
    if hasattr(source.extractor, "backbone"):
        return SignatureFacts(
            name, outcome, "deep features", count, pipeline, {"network": _words(source.extractor)}, again
        )
    return SignatureFacts(name, outcome, "images", count, pipeline, _extraction(source.extractor), again)


def _extraction(extractor: RadiomicsExtractor) -> dict[str, str]:
    """Return the settings of an extraction by step, defaults too."""
    return {
        "definitions": extractor.standard,
        "image types": _words(extractor.filters),
        "feature classes": _words(extractor.families),
        "resampling": _words(extractor.resampling),
        "discretisation": _words(extractor.discretization),
        "normalisation": _words(extractor.normalization),
        "resegmentation": _words(extractor.resegmentation),
    }


def _words(value: Any) -> str:
    if value is None:
        return "none"
    if isinstance(value, Mapping):
        return ", ".join(f"{k}: {_words(v)}" for k, v in value.items())
    if isinstance(value, list | tuple):
        return ", ".join(map(_words, value))
    return " ".join(str(value).split())
