"""Frozen models with their papers: units, extraction settings, a card."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from radiokit import features as imaging
from radiokit.study._assessment import Assessment
from radiokit.study._cohort import Patients
from radiokit.study._domain import learn_distribution, learn_imaging
from radiokit.study._endpoint import Modelled
from radiokit.study._frozen import Feature, Frozen
from radiokit.study._frozen_file import FrozenSignature
from radiokit.study._performance import PERFORMANCE
from radiokit.study._repeatability import repeatability_card
from radiokit.study._sources import Measured, Source
from radiokit.validation.evidence import select

USE = "Research only; not a medical device. For patients, images and settings like those described here."


def freeze_all(
    found: Sequence[Assessment], sources: Mapping[str, Source], warned: list[str], provenance: dict[str, Any]
) -> dict[str, FrozenSignature]:
    """Return every model of the study as something another centre can load."""
    units = _catalogue()
    extraction = {name: _extraction(name, source, len(sources)) for name, source in sources.items()}
    frozen = {}
    for own in found:
        for model in own.endpoint.models:
            names = extraction if model.kind == "volume" else {s.name for s in model.frozen.scores}
            card = _card(model, own) | {"warnings": warned, "provenance": provenance}
            repeatable = repeatability_card(model, sources)
            frozen[model.name] = FrozenSignature(
                model=_with_units(model.frozen, extraction, units),
                extraction={k: v for k, v in extraction.items() if k in names},
                card=card | ({"repeatability": repeatable} if repeatable else {}),
                nomogram=_nomogram(model, own),
            )
    return frozen


def _extraction(name: str, source: Source, count: int) -> dict[str, Any]:
    """Return the prefix of a signature's columns, and what its features are computed with; empty for a network."""
    prefix = {"prefix": f"{name}_" if count > 1 else ""}
    return {} if source.origin == "network" else prefix | (source.settings() or {})


def _catalogue() -> dict[str, tuple[str, str]]:
    """Return unit and IBSI id by pyradiomics' class and name."""
    table = imaging.catalogue().fillna("")
    return {
        str(r["pyradiomics_name"]): (str(r["unit"]), str(r["ibsi_id"]))
        for _, r in table.iterrows()
        if r["pyradiomics_name"]
    }


def _with_units(frozen: Frozen, extraction: dict[str, Any], units: dict[str, tuple[str, str]]) -> Frozen:
    scores: list[Any] = []
    score: Any
    for score in frozen.scores:
        prefix = extraction.get(score.name, {}).get("prefix", "")
        named = tuple(_with_unit(f, prefix, units) for f in score.features)
        scores.append(replace(score, features=named) if named else score)
    return replace(frozen, scores=tuple(scores))


def _with_unit(feature: Feature, prefix: str, units: dict[str, tuple[str, str]]) -> Feature:
    # Names of pyradiomics are <image>_<class>_<feature>, and neither of the last two has an underscore.
    key = "_".join(feature.name.removeprefix(prefix).split("_")[-2:])
    unit, ibsi_id = units.get(key, (feature.unit, feature.ibsi_id))
    return replace(feature, unit=unit, ibsi_id=ibsi_id)


def _card(model: Modelled, found: Assessment) -> dict[str, Any]:
    train = model.predictions["training", "train"]
    own = [e for e in select(found.evidence, model=model.name) if e.source != "train"]
    return {
        "model": model.name,
        "use": USE,
        "outcome": "time to event" if found.endpoint.survival else "binary",
        "trained_on": {"patients": train.n, "events": train.n_events, "centers": _centers(found.data)},
        "performance": [{name: _known(getattr(e, name)) for name in PERFORMANCE} for e in own],
    }


def _known(value: Any) -> Any:
    """Return a value, None for NaN."""
    return None if isinstance(value, float) and np.isnan(value) else value


def _centers(data: Patients) -> list[str]:
    return [] if data.center is None else sorted(data.center[data.training].unique().tolist())


def _nomogram(model: Modelled, found: Assessment) -> list[dict[str, Any]]:
    if model is not found.main or "nomogram" not in found.tables:
        return []
    rows = found.tables["nomogram"].drop(columns="model").to_dict("records")
    return [{str(k): _known(v) for k, v in row.items()} for row in rows]


def with_domains(
    models: Mapping[str, FrozenSignature], data: Patients, measured: Mapping[str, Measured]
) -> dict[str, FrozenSignature]:
    """Return the frozen models with what each was built on; training cases only."""
    training = data.X[data.training]
    imaging = {
        name: learn_imaging(found.provenance.reindex(training.index))
        for name, found in measured.items()
        if found.provenance is not None
    }
    kept: dict[str, FrozenSignature] = {}
    learnt: dict[tuple[str, ...], dict[str, Any]] = {}
    for key, frozen in models.items():
        model = frozen.model
        names = (*model.feature_names, *(c.name for c in model.clinical if not c.levels))
        if names not in learnt:  # models of several outcomes read the same columns
            learnt[names] = learn_distribution(training[list(names)].astype(float)) if names else {}
        own = {name: images for name, images in imaging.items() if name in frozen.extraction and images}
        kept[key] = replace(frozen, domain={"distribution": learnt[names], "imaging": own})
    return kept
