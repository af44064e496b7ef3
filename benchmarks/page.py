"""docs/benchmarks.md from a report: `python benchmarks/page.py [REPORT] [PAGE]`. `make docs` does it too."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

REPORT = Path(__file__).parent / "results" / "report.json"
PAGE = Path(__file__).parents[1] / "docs" / "benchmarks.md"
BENCHES = {
    "stats": "Statistics",
    "selection": "Selection",
    "extract": "Extraction",
    "scale": "Cohorts",
    "study": "Studies",
    "deep": "Deep models",
    "honesty": "Honesty on noise",
}
HEAD = """# Benchmarks

<!-- Made by benchmarks/page.py from benchmarks/results/report.json: change those, not this page. -->

`make bench` measures radiokit beside the usual way in Python, on data made on the spot, and exits 1 where a result is
wrong. Both sides run in turns in one process on one thread; the times are the shortest CPU times of at least three
runs (fewer where a run takes seconds), because other programs of a machine only ever add time. *Ratio* is the peer's
time divided by radiokit's: above 1, radiokit is faster. Where the peer did a part of the work its time is scaled up,
and the part is named. *Spread* is how far the middle run lies above the shortest, the larger of both sides. Accuracy
stands beside it with the limit beyond which it counts as wrong. Peak memory is that of the whole process, libraries
included.

To compare two versions on one machine:

```bash
python -m benchmarks --json before.json
python -m benchmarks --against before.json --json after.json   # a table; exit 1 if worse
```

Worse is: an accuracy beyond its limit, or worse than before by more than its slack; a ratio more than 15 % lower (what
falls is measured twice more, and the best counts); a task that is gone. `--history` writes the ratios as
github-action-benchmark reads them (`customBiggerIsBetter`). The report has a JSON schema, `benchmarks/schema.json`.
"""


def page(report: dict[str, Any]) -> str:
    """The page as Markdown."""
    machine, versions = report["machine"], report["versions"]
    parts = [HEAD, "## This run\n"]
    parts.append(
        f"{report['made'][:10]}, commit {(report['commit'] or 'unknown')[:9]}, {report['size']} sizes; "
        f"{machine['processor']}, {machine['cores']} cores, {machine['memory_gb']} GB, {machine['system']}, load "
        f"{machine['load']} at the start. " + ", ".join(f"{k} {v}" for k, v in sorted(versions.items())) + ".\n"
    )
    if report["absent"]:
        parts.append("Not installed in this run: " + ", ".join(a["package"] for a in report["absent"]) + ".\n")
    for bench, title in BENCHES.items():
        rows = [row for row in report["results"] if row["bench"] == bench]
        if rows:
            parts += [f"## {title}\n", *table(rows), ""]
    return "\n".join(parts).rstrip() + "\n"


def table(rows: list[dict[str, Any]]) -> list[str]:
    lines = [
        "| task | radiokit, s | peer | peer, s | ratio | spread | peak MB | accuracy (limit) |",
        "|---|---:|---|---:|---:|---:|---:|---|",
    ]
    for row in rows:
        ours, peer, right = row["ours"], row["peer_time"], row["accuracy"]
        name = " ".join(filter(None, [row["peer"], row["peer_version"]]))
        cells = [
            row["name"],
            f"{ours['cpu_s']:.3g}",
            name + ("" if row["peer_part"] == "all" else f" (from {row['peer_part']})") if peer else "",
            f"{peer['cpu_s']:.3g}" if peer else "",
            f"{row['ratio']:.3g}" if peer else "",
            f"{max(ours['spread'], peer['spread'] if peer else 0):.0%}",
            f"{ours['peak_mb']:.0f}" if ours["peak_mb"] is not None else "",
            f"{right['what']} {right['value']:.2g} ({right['limit']:.2g})" if right else "",
        ]
        lines.append("| " + " | ".join(cells) + " |")
    return lines


def write(source: Path = REPORT, target: Path = PAGE) -> None:
    """Make the page anew."""
    target.write_text(page(json.loads(source.read_text(encoding="utf-8"))), encoding="utf-8")


if __name__ == "__main__":
    write(*map(Path, sys.argv[1:3]))
