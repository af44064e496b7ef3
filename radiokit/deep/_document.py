"""A fitted model as one file of numbers and text, with a checksum."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from typing import Any

import numpy as np
import pandas as pd

from radiokit import __version__
from radiokit.deep._crop import Crop
from radiokit.deep._fitted import FittedNetwork
from radiokit.deep._inputs import Scaling
from radiokit.deep._learnt import Learnt, LinearScore
from radiokit.deep._parameters import from_plain, plain
from radiokit.deep.reader import Reader
from radiokit.deep.settings import training_of
from radiokit.engine.baseline import Baseline
from radiokit.engine.clinical import ClinicalColumns
from radiokit.engine.design import Design, Factor, Linear
from radiokit.engine.inputs import FloatArray
from radiokit.exceptions import FileError
from radiokit.utils import regular_file, write_text

FORMAT = "radiokit deep model"
PARAMETERS = ("backbone", "sequences", "clinical", "cv", "random_state")  # as the user wrote them
VERSION = 1
HISTORY = ("epoch", "learning_rate", "loss", "stopping_loss")


def write(path: str | os.PathLike[str], content: Mapping[str, Any]) -> None:
    """Write a document, whole or not at all."""
    document = {"format": FORMAT, "version": VERSION, "radiokit": __version__, "sha256": _digest(content)}
    write_text(path, json.dumps({**document, "content": content}, indent=1))


def read(path: str | os.PathLike[str]) -> dict[str, Any]:
    """Read a document, and see that it is whole."""
    try:
        document = json.loads(regular_file(path).read_text(encoding="utf-8"))
    except OSError as error:
        raise FileError(f"cannot read {path}: {error.strerror}.") from error
    except (ValueError, RecursionError):
        document = None
    if not isinstance(document, dict) or document.get("format") != FORMAT:
        raise FileError(f"{path} is no deep model of radiokit; `save` of a fitted model writes one.")
    if document.get("version") != VERSION:
        raise FileError(f"{path} is of version {document.get('version')!r}; radiokit {__version__} reads {VERSION}.")
    content = document.get("content")
    if not isinstance(content, dict) or document.get("sha256") != _digest(content):
        raise FileError(f"{path} was changed after it was written (its checksum differs); get the file anew.")
    return content


def _digest(content: Any) -> str:
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def record_to_dict(history: pd.DataFrame, cross_fitted: FloatArray | None) -> dict[str, Any]:
    """Return how training went; the model's own file holds it, that for another centre does not."""
    rows = [[None if np.isnan(v) else v for v in row] for row in history.to_numpy(dtype=float).tolist()]
    return {"history": rows, "cross_fitted": None if cross_fitted is None else cross_fitted.tolist()}


def record_from_dict(raw: Mapping[str, Any]) -> tuple[pd.DataFrame, FloatArray | None]:
    """Return history and cross-fitted scores of `record_to_dict`."""
    rows = [[np.nan if v is None else float(v) for v in row] for row in raw["history"]]
    scores = raw["cross_fitted"]
    return history_of(rows), None if scores is None else np.array(scores, dtype=float)


def history_of(rows: Sequence[Sequence[float]]) -> pd.DataFrame:
    """Return the history of a training as a table."""
    return pd.DataFrame(rows, columns=list(HISTORY), dtype=float)


def model_to_dict(parameters: Mapping[str, Any], learnt: Learnt) -> dict[str, Any]:
    """Return parameters and what was learnt in JSON's own types; folders (of crops, of checkpoints) are left out."""
    reader, final = learnt.reader, learnt.final
    return {
        "parameters": {k: plain(parameters[k]) for k in PARAMETERS},
        "fusion": parameters["fusion"],
        "clinical_columns": [str(c) for c in parameters["clinical"]],
        "training": asdict(replace(parameters["training"], checkpoint=None)),
        "crop": asdict(replace(reader.crop, cache=None)),
        "dimension": reader.dimension,
        "sequences": list(reader.sequences),
        "shape": list(reader.shape),
        "network": learnt.network.to_dict(),
        "clinical": [] if learnt.clinical is None else _clinical_to_list(learnt.clinical),
        "center": list(learnt.scaling.center),
        "scale": list(learnt.scaling.scale),
        "weights": None if final is None else asdict(final),
    }


def model_from_dict(raw: Mapping[str, Any]) -> tuple[dict[str, Any], Learnt]:
    """Return the arguments of the estimator, and what it has learnt; each field is converted to its type."""
    network = FittedNetwork.from_dict(raw["network"])
    crop = Crop.from_mapping(raw["crop"])
    sequences, shape = tuple(map(str, raw["sequences"])), tuple(map(int, raw["shape"]))
    final = raw["weights"]
    parameters = {
        "backbone": network.plan.network,
        "crop": crop,
        "sequences": sequences or None,
        "clinical": tuple(raw["clinical_columns"]),
        "fusion": raw["fusion"],
        "training": training_of(raw["training"]),
    }
    own = raw.get("parameters", {})  # older files lack them
    parameters |= {k: from_plain(k, own[k], 5 if k == "cv" else parameters.get(k)) for k in PARAMETERS if k in own}
    learnt = Learnt(
        reader=Reader(crop, raw["dimension"], sequences, shape),
        network=network,
        clinical=_clinical_from_list(raw["clinical"]) if raw["clinical"] else None,
        scaling=Scaling(tuple(map(float, raw["center"])), tuple(map(float, raw["scale"]))),
        final=None
        if final is None
        else LinearScore(tuple(final["names"]), tuple(map(float, final["coef"])), float(final["intercept"])),
    )
    return parameters, learnt


def _clinical_to_list(columns: ClinicalColumns) -> list[dict[str, Any]]:
    return [
        {"fill": columns.fill[term.variable], "kind": type(term).__name__, **asdict(term)}
        for term in columns.design.terms
    ]


def _clinical_from_list(raw: Sequence[Mapping[str, Any]]) -> ClinicalColumns:
    terms = [
        Factor(t["variable"], tuple(t["levels"]))
        if t["kind"] == "Factor"
        else Linear(t["variable"], float(t["low"]), float(t["high"]), tuple(t["values"]))
        for t in raw
    ]
    return ClinicalColumns({t["variable"]: t["fill"] for t in raw}, Design(tuple(terms)))


def baseline_to_dict(baseline: Baseline) -> dict[str, Any]:
    """Return a baseline hazard without strata as JSON's own types."""
    (step,), (last,) = baseline.hazards, baseline.last_time
    return {"time": step.times.tolist(), "hazard": step.values.tolist(), "last": float(last)}


def baseline_from_dict(raw: Mapping[str, Any]) -> Baseline:
    """Return the baseline hazard that `baseline_to_dict` wrote."""
    table = pd.DataFrame({"time": raw["time"], "cumulative_hazard": raw["hazard"]}, dtype=float)
    return Baseline.from_table(table, np.array([raw["last"]], dtype=float))
