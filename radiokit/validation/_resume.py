"""A parallel loop over replicates; finished ones are kept when the run is stopped."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.base import BaseEstimator

from radiokit.utils import collect_warnings, content_hash, parallel_map
from radiokit.utils.cache import CaseCache, Entry
from radiokit.utils.warned import each_once


@dataclass(frozen=True)
class Running:
    """How replicates are computed: where finished ones are kept, how many workers, and the progress bar."""

    cache: str | os.PathLike[str] | None
    n_jobs: int | None
    progress: bool
    description: str


@dataclass(frozen=True)
class Replicate:
    """The values of one replicate, and the warnings of its fits."""

    values: NDArray[np.float64]
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True)
class _Task:
    """Compute one item, or read it where it is stored."""

    compute: Callable[[Any], NDArray[np.float64]]
    key: str
    store: CaseCache | None

    def __call__(self, numbered: tuple[int, Any]) -> Replicate:
        number, item = numbered
        name = f"{self.key}-{number}"
        entry = self.store.read(name) if self.store else None
        if entry is not None:
            return Replicate(entry.values, tuple(text for _, text in entry.warnings))
        with collect_warnings() as collected:
            values = np.asarray(self.compute(item), dtype=float)
        warned = [(kind.__name__, f"{kind.__name__}: {text}") for kind, text in each_once(collected)]
        if self.store:
            names = tuple(map(str, range(values.size)))
            self.store.write(name, Entry(names, values, {}, warned, 0.0))
        return Replicate(values, tuple(text for _, text in warned))


def replicate_map(
    compute: Callable[[Any], NDArray[np.float64]], items: Sequence[Any], key: str, running: Running
) -> list[Replicate]:
    """Apply `compute` to each item in parallel; with a cache, each result is stored as soon as it is there."""
    store = CaseCache(running.cache) if running.cache is not None else None
    if store is not None:
        store.prepare()
    task = _Task(compute, key, store)
    return parallel_map(
        task, list(enumerate(items)),
        n_jobs=running.n_jobs, progress=running.progress, description=running.description,
    )  # fmt: skip


DECIDE = ("numpy", "scipy", "scikit-learn", "xgboost", "torch")  # another version of these may fit otherwise


@cache
def code_hash(folder: Path = Path(__file__).parents[1]) -> str:
    """Hash of radiokit's sources and of the versions of what it fits with: results of other code are not reused."""
    return content_hash("|".join(map(_version, DECIDE)), sorted(folder.rglob("*.py")))


def _version(package: str) -> str:
    try:
        return f"{package} {version(package)}"
    except PackageNotFoundError:
        return f"no {package}"


def data_key(what: str, estimator: BaseEstimator, X: pd.DataFrame, y: NDArray[Any], *more: Any) -> str:
    """Hash of everything that decides the replicates: data, estimator, splits, seeds, code."""
    try:
        rows = pd.util.hash_pandas_object(X, index=True).to_numpy().tobytes().hex()
    except TypeError:  # cells that hold images
        rows = joblib.hash(X)
    text = "|".join(
        [code_hash(), what, joblib.hash(estimator), "\t".join(map(str, X.columns)), rows, y.tobytes().hex()]
    )
    return content_hash(text + "|" + "|".join(joblib.hash(item) for item in more))


def summarise_warnings(replicates: Sequence[Replicate]) -> tuple[str, ...]:
    """Each kind of warning once, with the number of replicates that gave it and one of its texts."""
    seen: dict[str, list[str]] = {}
    for replicate in replicates:
        for kind, text in {w.split(":", 1)[0]: w for w in replicate.warnings}.items():
            seen.setdefault(kind, []).append(text)
    return tuple(f"In {len(texts)} of {len(replicates)} fits: {texts[0]}" for texts in seen.values())
