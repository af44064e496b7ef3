"""From a finished run to what its report reads: outcomes, models, and the facts of the run as objects."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Literal

import numpy as np

from radiokit.models.describe import PipelineFacts
from radiokit.study._assessment import Assessment
from radiokit.study._cohort import COHORTS, Flow, Patients
from radiokit.study._endpoint import Endpoint
from radiokit.study._missing import Gaps
from radiokit.study._options import Options
from radiokit.study._over_repeats import RULE
from radiokit.study._pipelines import describe
from radiokit.study._repeatability import filters_of
from radiokit.study._sources import Source
from radiokit.study._split import Split
from radiokit.validation.evidence import StudyEndpoint, StudyModel
from radiokit.validation.facts import CohortFacts, SignatureFacts, StudyFacts


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
    flow: Flow,
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
        flow=tuple(flow.steps),
        formulas=tuple(f for own in found for f in own.formulas),
        confounders=tuple(_confounders(found)),
        repeatable=_repeatable(found),
    )


def _confounders(found: Sequence[Assessment]) -> Iterator[Literal["volume", "centre"]]:
    known = [c for own in found for c in own.confounding]
    if np.isfinite([c.volume_correlation for c in known]).any():
        yield "volume"
    if np.isfinite([c.center_p_value for c in known]).any():
        yield "centre"


def _repeatable(found: Sequence[Assessment]) -> tuple[int, int] | None:
    filters = [step for own in found for m in own.endpoint.models if m.kind == "signature" for _, step in filters_of(m)]
    return (sum(int(f.support_.sum()) for f in filters), sum(len(f.support_) for f in filters)) if filters else None


def _cohorts(data: Patients) -> tuple[CohortFacts, ...]:
    found = []
    for name in COHORTS:
        rows = data.cohort == name
        if rows.any():
            centers = () if data.center is None else tuple(sorted(map(str, data.center[rows].unique())))
            found.append(CohortFacts(name, int(data.group[rows].nunique()), centers))
    return tuple(found)


def _signatures(endpoint: Endpoint, data: Patients, sources: Mapping[str, Source]) -> Iterator[SignatureFacts]:
    known: dict[str, PipelineFacts] = {}
    for model in endpoint.models:
        for name, (estimator, _) in model.signatures.items():
            known.setdefault(name, describe(estimator))
    for name, pipeline in known.items():
        source = sources[name]
        again = "" if source.repeat is None else source.repeat.measured
        size = len(data.features[name])
        yield SignatureFacts(
            name, endpoint.name, source.origin, size, pipeline, source.steps(), again, source.network()
        )
