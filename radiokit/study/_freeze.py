"""Frozen models with their papers: units, extraction settings, a card."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pandas as pd

from radiokit import features as imaging
from radiokit.features.params_file import params_to_text
from radiokit.study._endpoint import Data, Endpoint, Modelled
from radiokit.study._frozen import Feature, Frozen
from radiokit.study._repeatability import repeatability_card
from radiokit.study._signature_file import FrozenSignature
from radiokit.study._sources import Source

USE = "Research only; not a medical device. For patients, images and settings like those described here."


def freeze_all(
    endpoints: list[Endpoint],
    data: Data,
    sources: dict[str, Source],
    tables: dict[str, Any],
    said: list[str],
    about: dict[str, Any],
) -> dict[str, FrozenSignature]:
    """Every model of the study as something another centre can load."""
    units = _catalogue()
    extraction = {name: _extraction(name, source, len(sources)) for name, source in sources.items()}
    frozen = {}
    for endpoint in endpoints:
        for model in endpoint.models:
            frozen[model.name] = FrozenSignature(
                model=_with_units(model.frozen, extraction, units),
                extraction={
                    k: v
                    for k, v in extraction.items()
                    if k in {s.name for s in model.frozen.scores} or model.kind == "volume"
                },
                card=_card(model, endpoint, data, tables, said, about) | _repeatable(model, endpoint, sources),
                nomogram=_nomogram(model, tables),
            )
    return frozen


def _extraction(name: str, source: Source, count: int) -> dict[str, Any]:
    prefix = f"{name}_" if count > 1 else ""
    if source.deep is not None:
        return {}
    if not source.from_images:
        return {"prefix": prefix}
    if hasattr(source.extractor, "backbone"):
        from radiokit.deep.spec import extractor_to_dict

        return {"prefix": prefix, "sequence": source.sequence, "deep": extractor_to_dict(source.extractor)}
    return {"prefix": prefix, "sequence": source.sequence, "params": params_to_text(source.extractor)}


def _catalogue() -> dict[str, tuple[str, str]]:
    """Return unit and IBSI id by pyradiomics' class and name, where the catalogue is there."""
    if not hasattr(imaging, "catalogue"):
        return {}
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
    plain = feature.name.removeprefix(prefix)
    for key in (plain, "_".join(plain.split("_")[-2:]), plain.split("_")[-1]):
        if key in units:
            unit, ibsi_id = units[key]
            return replace(feature, unit=unit, ibsi_id=ibsi_id)
    return feature


def _card(
    model: Modelled, endpoint: Endpoint, data: Data, tables: dict[str, Any], said: list[str], about: dict[str, Any]
) -> dict[str, Any]:
    table: pd.DataFrame = tables["performance"]
    own = table[(table["model"] == model.name) & (table["source"] != "train")]
    train = model.predictions["training", "train"]
    return {
        "model": model.name,
        "use": USE,
        "outcome": "time to event" if endpoint.survival else "binary",
        "trained_on": {"patients": train.n, "events": train.n_events, "centers": _centers(data)},
        "performance": own.astype(object).where(own.notna(), None).to_dict("records"),
        "warnings": said,
        "provenance": about,
    }


def _repeatable(model: Modelled, endpoint: Endpoint, sources: dict[str, Source]) -> dict[str, Any]:
    card = repeatability_card(endpoint, model.name, sources)
    return {"repeatability": card} if card else {}


def _centers(data: Data) -> list[str]:
    return [] if data.center is None else sorted(data.center[data.training].unique().tolist())


def _nomogram(model: Modelled, tables: dict[str, Any]) -> list[dict[str, Any]]:
    table = tables.get("nomogram")
    if table is None:
        return []
    own = table[table["model"] == model.name].drop(columns="model")
    return own.astype(object).where(own.notna(), None).to_dict("records")
