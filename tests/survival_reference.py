"""Where the survival tests find their references: R's values beside the tests, and those of the shared folder."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from radiokit.utils import as_survival_target

GOLDEN = Path(__file__).parent / "golden"


@cache
def golden_cases() -> pd.DataFrame:
    return pd.read_csv(GOLDEN / "survival_cases.csv")


@cache
def golden() -> dict[str, np.ndarray]:
    """Values that survival.R wrote, by name."""
    table = pd.read_csv(GOLDEN / "survival_values.csv")
    return {name: part["value"].to_numpy() for name, part in table.groupby("name")}


def golden_target() -> np.ndarray:
    cases = golden_cases()
    return as_survival_target(cases["event"], cases["time"])


def oracle_values(shared: Path, group: str = "06_survival") -> dict[str, Any]:
    results = json.loads((shared / f"oracles/values/shared_{group}.json").read_text())["results"]
    return {name: result["value"] for name, result in results.items() if "value" in result}


def oracle_cases(shared: Path, name: str) -> tuple[pd.DataFrame, np.ndarray]:
    data = pd.read_csv(
        shared / f"oracles/data/shared_{name}.csv", float_precision="round_trip", keep_default_na=False, na_values=[""]
    )
    return data, as_survival_target(data["event"], data["time"])


def random_target(n: int, seed: int = 0, *, digits: int = 1) -> np.ndarray:
    """Times with ties, about a third censored."""
    rng = np.random.default_rng(seed)
    return as_survival_target(rng.random(n) < 0.67, np.round(rng.exponential(5, n) + 0.1, digits))
