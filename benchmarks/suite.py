"""All benchmarks one after the other, each in a process of its own, into one JSON: see schema.json.

    python -m benchmarks [--only stats extract ...] [--full] [--json FILE] [--against EARLIER] [--history FILE]

Without arguments: small sizes on data made here, under 15 minutes on two cores. `--against` prints a Markdown table and
exits 1 where accuracy is lost or a ratio to a peer falls by more than 15 %; what falls is measured again, twice, and
the best counts, so that a busy minute of the machine is no alarm. A peer that is not installed is named and left out.
"""

from __future__ import annotations

import argparse
import datetime
import json
import os
import platform
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from history import bigger_is_better
from records import installed
from verdict import compare, fallen, markdown

HERE = Path(__file__).parent
BENCHES = ("stats", "selection", "extract", "scale", "study", "deep", "honesty")
PEERS = {
    "pyradiomics": "extract", "pingouin": "stats", "neuroCombat": "stats", "lifelines": "stats",
    "statsmodels": "selection", "scikit-learn": "selection, study", "monai": "deep", "torch": "deep",
}  # fmt: skip
PACKAGES = ("numpy", "scipy", "pandas", "numba", "SimpleITK", "radiokit", *PEERS)
TRIES = 3


def run(names: list[str], full: bool) -> dict[str, Any]:
    """Run the benchmarks; the report of schema.json."""
    report = {
        "schema": 1,
        "made": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "commit": commit(),
        "size": "full" if full else "quick",
        "machine": machine(),
        "versions": {p: v for p in PACKAGES if (v := installed(p)) is not None} | {"python": platform.python_version()},
        "absent": [{"package": p, "used_by": b} for p, b in PEERS.items() if installed(p) is None],
        "failed": [],
        "results": [],
    }
    for missing in report["absent"]:
        print(f"{missing['package']} is not installed: left out of {missing['used_by']}")
    for name in names:
        print(f"\n== {name}", flush=True)
        code, records = run_one(name, full)
        if code:
            report["failed"].append({"bench": name, "exit_status": code})
        report["results"] += [{"bench": name, **record} for record in records]
    return report


def run_one(name: str, full: bool) -> tuple[int, list[dict[str, Any]]]:
    """One script in its own process, one thread, quiet; its exit status and records."""
    with tempfile.TemporaryDirectory() as folder:
        kept = Path(folder) / "records.json"
        one_thread = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
        paths = [str(HERE.parent), *filter(None, [os.environ.get("PYTHONPATH")])]
        environment = {**os.environ, **one_thread, "PYTHONWARNINGS": "ignore", "PYTHONPATH": os.pathsep.join(paths)}
        command = [sys.executable, str(HERE / f"bench_{name}.py"), "--records", str(kept), *(["--quick"] * (not full))]
        code = subprocess.run(command, env=environment, check=False).returncode
        return code, json.loads(kept.read_text(encoding="utf-8")) if kept.exists() else []


def measure_again(report: dict[str, Any], earlier: dict[str, Any], full: bool) -> None:
    """Run the benchmarks whose ratio fell anew, and keep the best ratio of each task."""
    for _ in range(TRIES - 1):
        slower = fallen(report, earlier)
        if not slower:
            return
        print(f"\nMeasured again: {', '.join(sorted(slower))}", flush=True)
        for bench in sorted({row["bench"] for row in report["results"] if row["name"] in slower}):
            again = {record["name"]: record for record in run_one(bench, full)[1]}
            report["results"] = [
                {"bench": bench, **again[row["name"]]} if _better(again.get(row["name"]), row) else row
                for row in report["results"]
            ]


def _better(again: dict[str, Any] | None, row: dict[str, Any]) -> bool:
    return again is not None and (again["ratio"] or 0) > (row["ratio"] or 0)


def machine() -> dict[str, Any]:
    """Processor, cores, memory and how busy it is."""
    known = Path("/proc/cpuinfo")
    models = (
        [line.split(":")[1].strip() for line in known.read_text().splitlines() if line.startswith("model name")]
        if known.exists()
        else []
    )
    pages = ("SC_PHYS_PAGES", "SC_PAGE_SIZE")
    memory = os.sysconf(pages[0]) * os.sysconf(pages[1]) / 2**30 if hasattr(os, "sysconf") else None
    return {
        "processor": models[0] if models else platform.processor() or platform.machine(),
        "cores": os.cpu_count(),
        "memory_gb": None if memory is None else round(memory, 1),
        "system": f"{platform.system()} {platform.machine()}",
        "load": round(os.getloadavg()[0], 2) if hasattr(os, "getloadavg") else None,
    }


def commit() -> str | None:
    """The commit that is measured, if this is a repository."""
    try:
        found = subprocess.run(
            ["git", "rev-parse", "HEAD"], cwd=HERE, capture_output=True, text=True, check=False
        )  # fmt: skip
    except OSError:
        return None
    return found.stdout.strip() or None


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", nargs="+", choices=BENCHES, default=list(BENCHES))
    parser.add_argument("--full", action="store_true", help="the sizes of the documentation: hours")
    parser.add_argument("--json", type=Path, help="write the report to this file")
    parser.add_argument("--against", type=Path, help="report of an earlier run")
    parser.add_argument("--markdown", type=Path, help="write the table of the comparison to this file too")
    parser.add_argument("--history", type=Path, help="write the ratios as github-action-benchmark reads them")
    options = parser.parse_args()
    earlier = None
    if options.against is not None:
        try:
            earlier = json.loads(options.against.read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            parser.error(f"--against {options.against} is no report of an earlier run: {error}")
    report = run(options.only, options.full)
    if earlier is not None:
        earlier["results"] = [row for row in earlier["results"] if row["bench"] in options.only]
        measure_again(report, earlier, options.full)
    for path, content in ((options.json, report), (options.history, bigger_is_better(report))):
        if path is not None:
            path.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
    wrong = [f"{found['bench']} failed (exit status {found['exit_status']})" for found in report["failed"]]
    if earlier is not None:
        rows = compare(report, earlier)
        table = markdown(rows, report, earlier)
        print(f"\n{table}")
        if options.markdown is not None:
            options.markdown.write_text(table + "\n", encoding="utf-8")
        wrong += [f"{row['name']}: {row['verdict']}" for row in rows if row["worse"]]
    if wrong:
        print("\n" + "\n".join(wrong))
        raise SystemExit(1)
