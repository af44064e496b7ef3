"""Computations for the tests of the cohort runner, in a module that worker processes can import."""

from __future__ import annotations

import ctypes
import os
import re
import signal
import sys
import time
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
from threadpoolctl import threadpool_info

from radiokit.exceptions import DataWarning, GeometryError
from radiokit.utils import CaseResult, content_hash
from radiokit.utils.one_case import Prepared


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


def third(case_id: str, row: pd.Series) -> dict[str, float]:
    """A third of `value`, unless the column `fault` says how to go wrong."""
    fault = row.get("fault", "")
    if fault == "killed":
        os.kill(os.getpid(), signal.SIGKILL)
    elif fault == "crash":
        ctypes.string_at(0)
    elif fault == "exit":
        os._exit(3)
    elif fault == "hang":
        # The regular expression holds the interpreter's lock for ages: no signal handler, no thread gets its turn.
        re.match(r"(a+)+$", "a" * 60 + "b")
    elif fault == "memory":
        np.ones(2**33)
    elif fault == "prints":
        sys.stdout.write("a library that prints")
        sys.stdout.flush()
        os.write(1, b"below Python")
    return {"third": float(row["value"]) / 3}


def ends_its_worker_once(case_id: str, row: pd.Series, *, folder: Path) -> dict[str, float]:
    """The first to come to case 007 ends the worker of the cluster it works for, as if it were switched off."""
    if case_id == "007" and not (folder / "ended").exists():
        (folder / "ended").touch()
        os.kill(os.getppid(), signal.SIGKILL)
        time.sleep(10)
    return {"third": float(row["value"]) / 3, "worker": float(os.getppid())}


def parent(case_id: str, row: pd.Series) -> dict[str, float]:
    """The process that started the one that works on a case."""
    return {"worker": float(os.getppid())}


def number_in(case_id: str, row: pd.Series, *, log: Path) -> dict[str, float]:
    """The number in the file of a case; notes who came to ask."""
    (log / f"{case_id}-{time.monotonic_ns()}").touch()
    time.sleep(float(row.get("seconds", 0.0)))
    return {"number": float(Path(row["file"]).read_text()) / 3}


def prepared(case_id: str, row: pd.Series, *, folder: Path | None = None) -> Prepared:
    """The first of two steps."""
    if folder is not None:
        (folder / case_id).touch()
    value = float(row["value"])
    if value < 0:
        raise GeometryError("It lies outside.")
    if value >= 100:
        warnings.warn("large", DataWarning, stacklevel=2)
    return Prepared(value, {"half": value / 2})


KEPT: list[np.ndarray] = []  # by a worker, as long as it lives


def grow(megabytes: int) -> int:
    """Hold memory, for longer than the second between two looks that joblib takes at it; return the process."""
    KEPT.append(np.ones(megabytes * 125_000))
    time.sleep(1.1)
    return os.getpid()


def sum_of_products(seed: int) -> float:
    a = np.random.default_rng(seed).normal(size=(200, 200))
    return float((a @ a).sum())
