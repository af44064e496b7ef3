"""Deep models and extractors from and to plain mappings, as study files and frozen models hold them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, fields
from typing import Any

from radiokit.deep._checks import built, require_known
from radiokit.deep._crop import Crop
from radiokit.deep._crops import DeepOptions
from radiokit.deep._extractor import CELLS, DeepFeatureExtractor
from radiokit.deep._state import load_state, state_to_bytes, weights_from_dict, weights_to_dict
from radiokit.deep._torch import require_torch
from radiokit.deep.settings import Network, training_of
from radiokit.exceptions import FileError

NETWORK = tuple(f.name for f in fields(Network))
MODEL_KEYS = (*NETWORK, "sequences", "crop", "training", "random_state")
EXTRACTOR_KEYS = (
    "backbone", "weights", "dimension", "patch_size", "spacing", "window", "layer", "pooling", "device", "batch_size",
    "precision", "options", "random_state",
)  # fmt: skip


def model_arguments(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return the arguments of `DeepClassifier` or `DeepSurvival` from a mapping; keys that are not known are refused.

    Parameters
    ----------
    values : mapping
        ``backbone, dimension, stride, norm``; ``sequences``; ``crop`` and ``training``, mappings of the parameters of
        `Crop` and `Training` (with ``augmentation``, a mapping or null); ``random_state``.
    """
    require_known("a deep model", values, MODEL_KEYS)
    arguments: dict[str, Any] = {k: values[k] for k in ("sequences", "random_state") if k in values}
    arguments["backbone"] = Network(**{k: values[k] for k in NETWORK if k in values})
    arguments["crop"] = Crop.from_mapping(values.get("crop"))
    arguments["training"] = training_of(values.get("training") or {})
    return arguments


def extractor_of(values: Mapping[str, Any]) -> DeepFeatureExtractor:
    """Return the extractor of a mapping of its parameters; lists become tuples."""
    if isinstance(values.get("options"), Mapping):
        values = {**values, "options": built(DeepOptions, "options", values["options"])}
    return built(DeepFeatureExtractor, "a deep feature extractor", values, EXTRACTOR_KEYS)


def extractor_to_dict(extractor: DeepFeatureExtractor) -> dict[str, Any]:
    """Return settings and weights in JSON's own types, so that another centre computes the same features."""
    require_torch("freezing a deep feature extractor")
    settings = {k: getattr(extractor, k) for k in EXTRACTOR_KEYS if k not in ("weights", "device", "batch_size")}
    if settings["options"] is not None:
        settings["options"] = asdict(settings["options"])
    content = state_to_bytes(extractor._step().backbone.build().net.state_dict())
    # One crop at a time on the CPU, so that neither the other cases of a batch nor the device change a bit.
    return {
        "settings": {**settings, "device": "cpu", "batch_size": 1},
        "cells": CELLS,
        **weights_to_dict(content),
    }


def extractor_from_dict(raw: Mapping[str, Any]) -> DeepFeatureExtractor:
    """Return the extractor of `extractor_to_dict`; the checksum is compared, nothing is executed."""
    require_torch("a model of deep features")
    content = weights_from_dict(raw)
    extractor = extractor_of(raw["settings"])
    if extractor.pooling == "masked" and raw.get("cells") != CELLS:
        raise FileError(
            "the model pools features within the region as an earlier radiokit did, half a cell beside the region; this"
            " version would give other numbers. Fit and freeze it anew."
        )
    net = extractor._step().backbone.build().net
    load_state(net, content)
    return extractor.set_params(weights=net)
