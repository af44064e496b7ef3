"""Where a result comes from: versions, settings, hashes, seeds, date."""

from __future__ import annotations

import datetime
import hashlib
import importlib.metadata
import platform
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

import pandas as pd

from radiokit import __version__
from radiokit.study._cohort import Patients
from radiokit.study._sources import Source
from radiokit.validation.facts import StudySpec

BOOSTED = ("xgboost", "xgboost_aft")
ALWAYS = ("numpy", "scipy", "pandas", "scikit-learn", "numba")


def provenance(
    spec: StudySpec,
    data: Patients,
    sources: Mapping[str, Source],
) -> dict[str, Any]:
    """Return all that is needed to tell how a number came about."""
    outcomes = {"outcome": data.outcome, "event": data.event, "time": data.time}
    return {
        "radiokit": __version__,
        "python": platform.python_version(),
        "platform": platform.platform(),
        "packages": {name: _version(name) for name in packages_used(spec.options["pipeline"], sources)},
        "date": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "random_state": spec.random_state,
        "settings": asdict(spec),
        "hashes": {
            "predictors": table_hash(data.X),
            "cohort": table_hash(data.cohort.to_frame()),
            "outcomes": table_hash(pd.DataFrame({k: v for k, v in outcomes.items() if v is not None})),
        },
    }


def packages_used(pipeline: str, sources: Mapping[str, Source]) -> list[str]:
    """Return the packages that took part in this run: those that are only installed had no part in its numbers."""
    boosted = ("xgboost",) if pipeline in BOOSTED else ()
    return list(dict.fromkeys([*ALWAYS, *boosted, *(name for s in sources.values() for name in s.packages)]))


def _version(name: str) -> str:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return "absent"


def table_hash(table: pd.DataFrame) -> str:
    """SHA-256 of the values, the names and the index of a table."""
    digest = hashlib.sha256("\t".join(map(str, table.columns)).encode())
    digest.update(pd.util.hash_pandas_object(table.astype(object).map(repr), index=True).to_numpy().tobytes())
    return digest.hexdigest()
