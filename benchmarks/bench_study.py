"""CPU seconds and cross-validated AUC of a whole study, default options, for each table of radMLBench.

    python benchmarks/bench_study.py FOLDER [--json FILE] [--pipeline NAME] [--only NAME ...] [--processes 2]

FOLDER holds ``<table>.csv.gz`` with the columns ``ID``, ``Target`` and features. Each table is a process of its own, so
that its CPU time is that of all its threads and nobody else's; loading radiokit is counted.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any


def run_one(path: Path, pipeline: str) -> dict[str, Any]:
    """Study one table in this process."""
    import pandas as pd

    from radiokit.study import Study

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
    """Study every table, or with the path of a file that one."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--pipeline", default="default")
    parser.add_argument("--only", nargs="*", default=[])
    parser.add_argument("--processes", type=int, default=2)
    args = parser.parse_args()
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


if __name__ == "__main__":
    main()
