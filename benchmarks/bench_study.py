"""CPU seconds and cross-validated AUC of a whole study: of a table made here, or of each table of radMLBench.

    python benchmarks/bench_study.py [--quick] [--records FILE]
    python benchmarks/bench_study.py FOLDER [--json FILE] [--pipeline NAME] [--only NAME ...] [--processes 2]

The first form runs a default study (with `--quick` of fewer resamples) beside the bare fits that it needs, made by
scikit-learn: above 1 the whole study, tables and all, is faster than those fits. FOLDER holds ``<table>.csv.gz`` with
the columns ``ID``, ``Target`` and features. Each table is a process of its own, so that its CPU time is that of all its
threads and nobody else's; loading radiokit is counted.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pandas as pd
from records import Accuracy, Record, alone, once, parser, report, side_by_side
from sklearn.linear_model import LogisticRegressionCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils import resample

from radiokit.datasets import FeatureTable, make_feature_table
from radiokit.study import Options, Study


def run_one(path: Path, pipeline: str) -> dict[str, Any]:
    """Study one table in this process."""
    table = pd.read_csv(path)
    table = table.set_axis([f"case {i}" for i in range(len(table))], axis="index")
    features = table.drop(columns=["ID", "Target"])
    start = time.perf_counter()
    study = Study(
        table[["Target"]], outcome="Target", signatures={"radiomics": features}, options={"pipeline": pipeline}
    )
    result = study.run(n_jobs=1)
    performance = result.tables["performance"].query("model == 'radiomics' and source == 'out-of-fold'")
    auc = performance.set_index("metric").loc["auc", ["estimate", "ci_low", "ci_high"]]
    return {
        "table": path.name.removesuffix(".csv.gz"),
        "cases": len(table),
        "events": int(table["Target"].sum()),
        "features": features.shape[1],
        "auc": [round(float(v), 4) for v in auc],
        "cpu_seconds": round(time.process_time(), 1),
        "wall_seconds": round(time.perf_counter() - start, 1),
    }


def in_own_process(path: Path, pipeline: str) -> dict[str, Any]:
    """Start a process for one table, read what it found."""
    command = [sys.executable, __file__, str(path), "--pipeline", pipeline]
    done = subprocess.run(command, capture_output=True, text=True, env={**os.environ, "OMP_NUM_THREADS": "1"})
    if done.returncode:
        return {"table": path.name, "error": done.stderr.strip().splitlines()[-1:]}
    return {**json.loads(done.stdout), "warnings": done.stderr.count("Warning:")}


def main() -> None:
    """Study the embedded table, or every table of a folder, or with the path of a file that one."""
    made = parser(__doc__)
    made.add_argument("folder", type=Path, nargs="?")
    made.add_argument("--json", type=Path)
    made.add_argument("--pipeline", default="default")
    made.add_argument("--only", nargs="*", default=[])
    made.add_argument("--processes", type=int, default=2)
    args = made.parse_args()
    if args.folder is None:
        report(records(args.quick), args.records)
        return
    if args.folder.is_file():
        print(json.dumps(run_one(args.folder, args.pipeline)))
        return
    paths = [p for p in sorted(args.folder.glob("*.csv.gz")) if not args.only or p.name.split(".csv")[0] in args.only]
    rows = []
    with ThreadPoolExecutor(args.processes) as pool:
        for row in pool.map(lambda path: in_own_process(path, args.pipeline), paths):
            print(json.dumps(row), flush=True)
            rows.append(row)
    total = sum(row.get("cpu_seconds", 0) for row in rows)
    print(f"{len(rows)} tables, {total:.0f} CPU seconds")
    if args.json:
        args.json.write_text(json.dumps(rows, indent=1) + "\n", encoding="utf-8")


def records(quick: bool) -> Iterator[Record]:
    """A binary and a survival study of a table with two true features; unless quick, one of more features too."""
    n, n_features = (80, 40) if quick else (100, 100)
    options = {"repeats": 1, "bootstraps": 10, "subsamples": 5} if quick else {}
    table = make_feature_table(n, n_features=n_features, n_informative=2, effect=1.2, random_state=3)
    settings = Options(**options)
    n_fits = settings.folds * settings.repeats + settings.bootstraps + settings.subsamples + 1
    name = f"study, {n} cases, {n_features} features, {n_fits} fits"
    yield side_by_side(
        f"binary {name}",
        lambda: study_of(table, options, outcome="outcome"),
        lambda: plain_fits(table.X, table.y, n_fits),
        peer_name="scikit-learn, ridge by LogisticRegressionCV, fits alone",
        package="scikit-learn",
        accuracy=lambda found, _: Accuracy("out-of-fold AUC", found["auc"], 0.65, 0.01, better="higher"),
    )
    yield alone(
        f"survival {name}",
        lambda: study_of(table, options, outcome=None, survival={"event": "event", "time": "time"}),
        lambda found: Accuracy("out-of-fold C-index", found["c_index"], 0.6, 0.01, better="higher"),
    )
    if not quick:
        wide = make_feature_table(200, n_features=1000, n_informative=10, effect=1.2, random_state=3)
        timing, found = once(lambda: study_of(wide, options, outcome="outcome"))
        auc = Accuracy("out-of-fold AUC", found["auc"], 0.6, 0.01, better="higher")
        yield Record(f"binary study, 200 cases, 1,000 features, {n_fits} fits", timing, auc)


def study_of(table: FeatureTable, options: dict[str, int], **endpoint: Any) -> dict[str, float]:
    """Run a study; return the out-of-fold metrics of its signature."""
    survival = {"event": table.survival["event"].astype(int), "time": table.survival["time"]}
    cases = pd.DataFrame({"outcome": table.y, **survival}, index=table.X.index)
    run = Study(cases, signatures={"radiomics": table.X}, options=options, **endpoint).run(n_jobs=1)
    rows = run.tables["performance"].query("model == 'radiomics' and source == 'out-of-fold'")
    return dict(zip(rows["metric"], rows["estimate"], strict=True))


def plain_fits(X: pd.DataFrame, y: pd.Series, n_fits: int) -> float:
    """As many fits of a ridge model on resamples, its penalty by cross-validation, as the study makes."""
    model = make_pipeline(
        StandardScaler(),
        LogisticRegressionCV(Cs=10, cv=5, l1_ratios=(0.0,), scoring="neg_log_loss", use_legacy_attributes=False),
    )
    for seed in range(n_fits):
        A, b = resample(X, y, random_state=seed, stratify=y)
        model.fit(A, b)
    return float(model.predict_proba(X)[:, 1].mean())


if __name__ == "__main__":
    main()
