"""Cohort after cohort through one function, each kept as a line of a file: a killed run goes on where it was."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd

from radiokit.utils import parallel_map

AT_ONCE = 10


def run_cohorts(
    name: str, judge: Callable[[int], list[dict[str, Any]]], seeds: range, cache: Path | None, n_jobs: int | None
) -> pd.DataFrame:
    """Rows of all cohorts of a kind; `judge` makes the rows of a seed, those in the cache are read."""
    store = None if cache is None else cache / f"{re.sub('[^A-Za-z0-9._=-]+', '_', name.replace('%', ''))}.jsonl"
    rows = [] if store is None or not store.exists() else _stored(store)
    done = {row["seed"] for row in rows}
    wanted = [seed for seed in seeds if seed not in done]
    for start in range(0, len(wanted), AT_ONCE):
        part = parallel_map(judge, wanted[start : start + AT_ONCE], n_jobs=n_jobs)
        rows += [row for found in part for row in found]
        if store is not None:
            _append(store, part)
    return pd.DataFrame([row for row in rows if row["seed"] in seeds])


def _stored(store: Path) -> list[dict[str, Any]]:
    """Rows of whole lines; a line that was cut by a kill is left out and computed again."""
    rows: list[dict[str, Any]] = []
    for line in store.read_text(encoding="utf-8").splitlines():
        try:
            rows += json.loads(line)
        except ValueError:
            continue
    return rows


def _append(store: Path, part: list[list[dict[str, Any]]]) -> None:
    store.parent.mkdir(parents=True, exist_ok=True)
    cut = store.exists() and not store.read_bytes().endswith(b"\n")
    with store.open("a", encoding="utf-8") as file:
        file.writelines(["\n" * cut, *(json.dumps(found) + "\n" for found in part)])
