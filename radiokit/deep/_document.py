"""A fitted model as one file of numbers and text, with a checksum."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from dataclasses import asdict, replace
from typing import Any

import numpy as np
import pandas as pd

from radiokit import __version__
from radiokit.deep._crop import Crop
from radiokit.deep._fitted import FittedNetwork
from radiokit.deep._parameters import from_plain, plain
from radiokit.deep._weighing import Weights, clinical_from_dict, clinical_to_dict
from radiokit.deep.reader import Reader
from radiokit.deep.settings import Augmentation, Training
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


def record_to_dict(model: Any) -> dict[str, Any]:
    """Return how training went: of the model's own file, not of one for another centre."""
    history = [[None if np.isnan(v) else v for v in row] for row in model.history_.to_numpy(dtype=float).tolist()]
    scores = model.cross_fitted_
    return {"history": history, "cross_fitted": None if scores is None else scores.tolist()}


def record_from_dict(raw: Mapping[str, Any]) -> dict[str, Any]:
    """Return the attributes of `record_to_dict`."""
    history = [[np.nan if v is None else float(v) for v in row] for row in raw["history"]]
    scores = raw["cross_fitted"]
    return {"history_": history_of(history), "cross_fitted_": None if scores is None else np.array(scores, dtype=float)}


def history_of(rows: Any) -> pd.DataFrame:
    """Return the history of a training as a table."""
    return pd.DataFrame(rows, columns=list(HISTORY), dtype=float)


def model_to_dict(model: Any, learnt: Any) -> dict[str, Any]:
    """Return parameters and what was learnt in JSON's own types; folders (of crops, checkpoints) stay at home."""
    reader = learnt.reader
    training = asdict(replace(model.training, checkpoint=None))
    return {
        "parameters": {k: plain(getattr(model, k)) for k in PARAMETERS},
        "fusion": model.fusion,
        "clinical_columns": [str(c) for c in model.clinical],
        "training": training,
        "crop": asdict(replace(reader.crop, cache=None)),
        "dimension": reader.dimension,
        "sequences": list(reader.sequences),
        "shape": list(reader.shape),
        "network": learnt.network.to_dict(),
        "clinical": clinical_to_dict(learnt.clinical),
        "center": list(learnt.center),
        "scale": list(learnt.scale),
        "weights": None if learnt.weights is None else learnt.weights.to_dict(),
    }


def model_from_dict(raw: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the arguments of the estimator, and of what it has learnt."""
    network = FittedNetwork.from_dict(raw["network"])
    crop = Crop.from_mapping(raw["crop"])
    sequences, shape = tuple(map(str, raw["sequences"])), tuple(map(int, raw["shape"]))
    augmentation = raw["training"]["augmentation"]
    training = Training(
        **{**raw["training"], "augmentation": None if augmentation is None else Augmentation(**augmentation)}
    )
    parameters = {
        "backbone": network.plan.network,
        "crop": crop,
        "sequences": sequences or None,
        "clinical": tuple(raw["clinical_columns"]),
        "fusion": raw["fusion"],
        "training": training,
    }
    own = raw.get("parameters", {})  # older files lack them
    parameters |= {k: from_plain(k, own[k], 5 if k == "cv" else parameters.get(k)) for k in PARAMETERS if k in own}
    learnt = {
        "reader": Reader(crop, raw["dimension"], sequences, shape),
        "network": network,
        "clinical": clinical_from_dict(raw["clinical"]),
        "center": tuple(map(float, raw["center"])),
        "scale": tuple(map(float, raw["scale"])),
        "weights": None if raw["weights"] is None else Weights.from_dict(raw["weights"]),
    }
    return parameters, learnt
