"""Cohorts of 10 to 10,000 cases: seconds a case, memory, and bytes on disk, as the number of cases grows.

    python benchmarks/bench_scale.py [--quick] [--cases 10 100 1000 10000] [--jobs 1] [--limits] [--records FILE]

Cases are small synthetic lesions (24 x 48 x 48 voxels, about 3,000 of them in the region), written once and named by
as many rows as asked for: each row is read and measured anew. Each cohort runs in a process of its own. `cpu` is the
CPU time of the run a case, its workers included; `peak` is the memory of that process, and `workers` that of the
largest of its workers. `parquet` is what a row of as many numbers, none like another, takes in the file of features;
`provenance` and `cache` what a case takes there.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
from records import Accuracy, Record, Timing, parser, report

N_FILES = 20
SHAPE = (24, 48, 48)


def make_files(folder: Path) -> None:
    """Write the images and masks that the cohorts are made of."""
    from radiokit.io import Mask, Volume, write_volume

    random = np.random.default_rng(0)
    axes = np.ogrid[tuple(slice(-n // 2, n // 2) for n in SHAPE)]
    distance = np.sqrt((3 * axes[0]) ** 2 + axes[1] ** 2 + axes[2] ** 2)
    for i in range(N_FILES):
        image = np.rint(random.normal(40, 60, SHAPE)).astype(np.int16)
        write_volume(Volume(image, (3.0, 1.0, 1.0)), folder / f"{i:02d}_image.nii.gz")
        write_volume(Mask(distance < 12 + i / 5, (3.0, 1.0, 1.0)), folder / f"{i:02d}_mask.nii.gz")


def work(job: dict[str, Any]) -> dict[str, Any]:
    """Run one cohort in this process."""
    import pandas as pd

    from radiokit.features import Limits, RadiomicsExtractor

    folder, n = Path(job["folder"]), job["cases"]
    ids = pd.Index([f"P{i:07d}" for i in range(n)], name="case_id")
    files = {kind: [str(folder / f"{i % N_FILES:02d}_{kind}.nii.gz") for i in range(n)] for kind in ("image", "mask")}
    cases = pd.DataFrame(files, index=ids)
    extractor = RadiomicsExtractor(n_jobs=job["jobs"], limits=Limits() if job["limits"] else None, cache=job["cache"])
    RadiomicsExtractor().extract(cases.iloc[:1])  # what is loaded once is not the cost of a case
    start, used = time.perf_counter(), cpu_seconds()
    done = extractor.extract_to(cases, folder / "features.parquet")
    wall, cpu = time.perf_counter() - start, cpu_seconds() - used
    assert len(done.failures) == 0 and done.n_cases == n
    values = pd.read_parquet(folder / "features.parquet").select_dtypes("number").to_numpy()
    return {
        "cases": n,
        "unequal_rows": int((values != values[np.arange(n) % N_FILES]).any(axis=1).sum()),
        "wall_s": wall,
        "cpu_ms_a_case": 1e3 * cpu / n,
        "cases_a_second": n / wall,
        "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
        "workers_mb": resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024,
        "provenance_bytes_a_case": done.provenance.stat().st_size / n,
    }


def parquet_bytes(folder: Path, n: int = 1000) -> float:
    """Bytes of a row of features, all of which differ."""
    import pandas as pd

    from radiokit.features import RadiomicsExtractor
    from radiokit.io import write_table

    names = RadiomicsExtractor().get_feature_names_out()
    values = np.random.default_rng(0).lognormal(size=(n, len(names)))
    ids = pd.Index([f"P{i:07d}" for i in range(n)], name="case_id")
    write_table(pd.DataFrame(values, ids, names), folder / "random.parquet")
    return (folder / "random.parquet").stat().st_size / n


def cpu_seconds() -> float:
    """CPU time of this process and of those children that have ended."""
    return sum(
        used.ru_utime + used.ru_stime
        for used in (resource.getrusage(resource.RUSAGE_SELF), resource.getrusage(resource.RUSAGE_CHILDREN))
    )


def run(job: dict[str, Any]) -> dict[str, Any]:
    """Run one cohort in a new process."""
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    command = [sys.executable, __file__, "--worker", json.dumps(job)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"{job['cases']} cases failed:\n{done.stderr[-2000:]}")
    return json.loads(done.stdout.splitlines()[-1])


def as_record(row: dict[str, Any]) -> Record:
    """A cohort as one task; rows of the same file must be equal to the last bit."""
    timing = Timing(row["cpu_ms_a_case"] * row["cases"] / 1e3, row["wall_s"], 0.0, 1, row["peak_mb"])
    unequal = Accuracy("rows unlike those of the same file", float(row["unequal_rows"]), 0.0, 0.0)
    return Record(f"cohort of {row['cases']:,} small lesions, from file to table", timing, unequal)


def main() -> None:
    made = parser(__doc__)
    made.add_argument("--cases", nargs="+", type=int, help="default: 10 100 1000 10000; 20 200 with --quick")
    made.add_argument("--jobs", type=int, default=1)
    made.add_argument("--limits", action="store_true", help="each case in a process that may die")
    made.add_argument("--json", type=Path, help="write the rows to this file")
    made.add_argument("--worker", help=argparse.SUPPRESS)
    options = made.parse_args()
    if options.worker:
        print(json.dumps(work(json.loads(options.worker))))
        return
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        make_files(folder)
        job = {"folder": name, "jobs": options.jobs, "limits": options.limits, "cache": None}
        rows = []
        for n in options.cases or ([20, 200] if options.quick else [10, 100, 1000, 10_000]):
            rows.append(run({**job, "cases": n}))
            row = rows[-1]
            print(
                f"{n:6d} cases: {row['cases_a_second']:6.1f} a second, cpu {row['cpu_ms_a_case']:6.1f} ms a case, peak "
                f"{row['peak_mb']:5.0f} MB (workers {row['workers_mb']:.0f} MB)",
                flush=True,
            )
        run({**job, "cases": N_FILES, "cache": str(folder / "cache")})
        entries = [path.stat().st_size for path in (folder / "cache").iterdir()]
        storage = {
            "parquet": parquet_bytes(folder),
            "provenance": rows[-1].pop("provenance_bytes_a_case"),
            "cache": float(np.mean(entries)),
        }
    print("bytes a case: " + ", ".join(f"{name} {size:.0f}" for name, size in storage.items()))
    report((as_record(row) for row in rows), options.records)
    if options.json:
        summary = {"rows": rows, "bytes_a_case": storage, "jobs": options.jobs, "limits": options.limits}
        options.json.write_text(json.dumps(summary, indent=1))


if __name__ == "__main__":
    main()
