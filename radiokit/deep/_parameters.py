"""Parameters of an estimator in JSON's own types and back; loading builds nothing but known value objects."""

from __future__ import annotations

import inspect
import warnings
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

import numpy as np
from sklearn import model_selection

from radiokit.deep.settings import Network
from radiokit.exceptions import DataWarning

SPLITTERS = (
    "KFold", "StratifiedKFold", "GroupKFold", "StratifiedGroupKFold", "LeaveOneOut", "LeaveOneGroupOut",
    "PredefinedSplit",
)  # fmt: skip


def plain(value: Any) -> Any:
    """Return a parameter as JSON holds it; what it cannot hold becomes its text."""
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, np.integer | np.floating | np.bool_):
        return value.item()
    if isinstance(value, Network):
        return {"network": asdict(value)}
    if isinstance(value, tuple):
        return {"tuple": [plain(v) for v in value]}
    if isinstance(value, list | np.ndarray):
        return [plain(v) for v in value]
    name = type(value).__name__
    if name in SPLITTERS and type(value) is getattr(model_selection, name):
        return {"splitter": name, "settings": {k: plain(getattr(value, k)) for k in _arguments(name)}}
    return {"text": repr(value)}


def from_plain(name: str, raw: Any, default: Any) -> Any:
    """Return the parameter; for one that the file could not hold the default, with a warning."""
    if isinstance(raw, list):
        return [from_plain(name, v, None) for v in raw]
    if not isinstance(raw, Mapping):
        return raw
    if "network" in raw:
        return Network(**raw["network"])
    if "tuple" in raw:
        return tuple(from_plain(name, v, None) for v in raw["tuple"])
    if raw.get("splitter") in SPLITTERS:
        settings = {k: from_plain(k, raw["settings"][k], None) for k in _arguments(raw["splitter"])}
        return getattr(model_selection, raw["splitter"])(**settings)
    warnings.warn(
        f"{name} was {raw['text']}, which a file cannot hold; the model has {default!r} in its place. Predictions do "
        "not need it.",
        DataWarning,
        stacklevel=2,
    )
    return default


def _arguments(name: str) -> list[str]:
    return [k for k in inspect.signature(getattr(model_selection, name).__init__).parameters if k != "self"]
