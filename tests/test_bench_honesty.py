"""The benchmark of the intervals in short: it runs, goes on where it was killed, and noise is found to be noise."""

from __future__ import annotations

import importlib.util
import sys
from dataclasses import replace
from pathlib import Path
from types import ModuleType

import numpy as np
import pandas as pd
import pytest

from radiokit.validation import nested_cv

SCRIPT = Path(__file__).parents[1] / "benchmarks" / "bench_honesty.py"


@pytest.fixture(scope="module")
def bench() -> ModuleType:
    spec = importlib.util.spec_from_file_location("bench_honesty", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    sys.modules["bench_honesty"] = module  # dataclasses look their module up
    spec.loader.exec_module(module)
    return module


def test_on_noise_nested_cross_validation_finds_nothing_and_the_naive_pipeline_a_lot(bench: ModuleType) -> None:
    """40 of the null cohorts of the benchmark: 60 cases, 1,000 correlated features."""
    honest, naive, covered = [], [], 0
    for seed in range(40):
        cohort = bench.draw(bench.NULL[0], 60, 1, np.random.default_rng([seed, 77]))
        row = nested_cv(bench.TenBest(), cohort.X, cohort.y, random_state=seed).summary.iloc[0]
        honest.append(row["estimate"])
        covered += row["ci_low"] <= 0.5 <= row["ci_high"]
        naive.append(bench._naive(cohort, seed)["estimate"])
    assert abs(np.mean(honest) - 0.5) < 3 * np.std(honest) / np.sqrt(40)
    assert covered >= 35  # of 40; by chance once in 100 at 95 %
    assert np.mean(naive) > 0.8


@pytest.mark.parametrize("kind", ["null", "planted", "centres"])
def test_the_benchmark_runs(bench: ModuleType, kind: str, tmp_path: Path, monkeypatch, capsys) -> None:
    small = {"n": 40, "n_features": 60, "bootstraps": 2, "name": f"{kind} small"}
    scenarios = {
        "null": replace(bench.NULL[0], **small),
        "planted": replace(bench.PLANTED[0], **small),
        "centres": replace(bench.SCENARIOS[-1], **{**small, "n": 60, "bootstraps": 0, "name": "planted centres"}),
    }
    monkeypatch.setattr(bench, "SCENARIOS", [scenarios[kind]])
    monkeypatch.setattr(bench, "POOL", 400)
    bench.pool.cache_clear()
    table = tmp_path / "table.json"
    call = ["bench_honesty.py", "--part", "intervals", "--cohorts", "3", "--cache", str(tmp_path), "--json", str(table)]
    monkeypatch.setattr(sys, "argv", call)
    bench.main()
    bench.pool.cache_clear()
    found = pd.read_json(table).set_index("method")
    assert (found["cohorts"] == 3).all()
    claimed = found.loc[["nested CV", "repeated CV (5)"]]
    assert claimed[["covers_model", "covers_se", "width"]].notna().all(axis=None)
    assert ("leave one centre out" in found.index) == (kind == "centres")
    assert ("new cases, DeLong" in found.index) == (kind != "centres")
    assert "nested CV" in capsys.readouterr().out


def test_a_line_cut_by_a_kill_is_computed_again(bench: ModuleType, tmp_path: Path) -> None:
    brief = replace(bench.NULL[0], n=40, n_features=20, name="null brief", brief=True)
    whole = bench.simulate(brief, range(5, 8), tmp_path, 1)
    (store,) = tmp_path.glob("*.jsonl")
    lines = store.read_text().splitlines()
    store.write_text(f"{lines[0]}\n{lines[1][:-40]}")
    again = bench.simulate(brief, range(5, 8), tmp_path, 1)
    order = ["seed", "method"]
    pd.testing.assert_frame_equal(
        again.sort_values(order, ignore_index=True), whole.sort_values(order, ignore_index=True)
    )
    assert [line.startswith("[{") for line in store.read_text().splitlines()] == [True, True, True, True]
    assert set(whole["method"]) == {
        f"{cv}{kind}" for cv in ("nested CV", "repeated CV (5)") for kind in ("", ", fold mean", ", pooled")
    }
