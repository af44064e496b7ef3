"""A cohort on several machines: here the workers of a real dask cluster, one of which is killed midway."""

from __future__ import annotations

import logging
import subprocess
import time
import warnings
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from cohort_tasks import ends_its_worker_once, key_of, parent, third
from joblib import parallel_config

from radiokit.utils import Limits, run_cases

distributed = pytest.importorskip("distributed", reason="needs radiokit[cluster]")
pytestmark = pytest.mark.filterwarnings("ignore")  # what dask says when workers come and go is its own


@pytest.fixture(scope="module")
def cluster() -> Iterator[None]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with (
            distributed.LocalCluster(
                n_workers=3, threads_per_worker=1, dashboard_address=None, silence_logs=logging.CRITICAL
            ) as workers,
            distributed.Client(workers),
        ):
            yield


def table(n: int) -> pd.DataFrame:
    ids = pd.Index([f"{i:03d}" for i in range(n)], name="case_id")
    return pd.DataFrame({"value": np.linspace(0.1, 1.7, n), "fault": ""}, index=ids)


@pytest.mark.usefixtures("cluster")
def test_a_worker_that_is_killed_midway_costs_nothing(tmp_path: Path) -> None:
    cases = table(40)
    with parallel_config(backend="dask"):
        done = run_cases(cases, partial(ends_its_worker_once, folder=tmp_path), cache=tmp_path / "cache", key=key_of)
    assert (tmp_path / "ended").exists() and done.failures.empty
    assert done.features["worker"].nunique() > 1
    alone = run_cases(cases, third)
    pd.testing.assert_frame_equal(done.features[["third"]], alone.features, check_exact=True)


@pytest.mark.usefixtures("cluster")
def test_cases_that_crash_or_hang_cost_themselves_only() -> None:
    cases = table(12)
    cases.iloc[[3, 8], 1] = ["killed", "hang"]
    with parallel_config(backend="dask"):
        done = run_cases(cases, third, on_error="nan", limits=Limits(timeout=5))
    assert done.failures[["case_id", "error"]].to_numpy().tolist() == [
        ["003", "WorkerDiedError"],
        ["008", "CaseTimeoutError"],
    ]
    kept = cases.drop(["003", "008"])
    np.testing.assert_array_equal(done.features.loc[kept.index, "third"], kept["value"].to_numpy() / 3)


def children_of(pid: int) -> list[str]:
    listed = subprocess.run(["ps", "-o", "args=", "--ppid", str(pid)], capture_output=True, text=True).stdout
    return [line for line in listed.splitlines() if "_child import serve" in line]


@pytest.mark.usefixtures("cluster")
def test_workers_keep_no_idle_process() -> None:
    """A process of 240 MB for each worker, between one run and the next, was kept for ever."""
    with parallel_config(backend="dask"):
        done = run_cases(table(12), parent)
    workers = set(done.features["worker"].astype(int))
    assert any(children_of(pid) for pid in workers)
    ends = time.monotonic() + 20
    while any(children_of(pid) for pid in workers) and time.monotonic() < ends:
        time.sleep(0.2)
    assert not any(children_of(pid) for pid in workers)
