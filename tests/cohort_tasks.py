"""Computations for the tests of the cohort runner, in a module that worker processes can import."""

from __future__ import annotations

import os
import signal
import time
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
from threadpoolctl import threadpool_info

from radiokit.exceptions import DataWarning, GeometryError
from radiokit.utils import CaseResult, content_hash


def features(case_id: str, row: pd.Series) -> CaseResult:
    value = float(row["value"])
    if value < 0:
        raise GeometryError(f"The mask is off by {value} mm.")
    if value == 0:
        warnings.warn("flat region", DataWarning, stacklevel=2)
    return CaseResult({"third": value / 3, "log": np.log(value) if value else np.nan}, {"n_voxels": np.int64(5)})


def key_of(row: pd.Series, settings: str = "") -> str:
    return content_hash(f"{settings}|{row['value']!r}")


def counted(case_id: str, row: pd.Series, *, folder: Path) -> dict[str, float]:
    (folder / f"{case_id}-{time.monotonic_ns()}").touch()
    return {"third": float(row["value"]) / 3}


def blas_threads(case_id: str, row: pd.Series) -> dict[str, float]:
    return {
        "threads": max([info["num_threads"] for info in threadpool_info() if info["user_api"] == "blas"], default=1)
    }


def deadly(case_id: str, row: pd.Series) -> dict[str, float]:
    if row["value"] < 0:
        os.kill(os.getpid(), signal.SIGKILL)
    return {"third": float(row["value"]) / 3}
