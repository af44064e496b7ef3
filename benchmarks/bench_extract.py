"""Speed and memory of extraction beside pyradiomics, with the largest difference of any value printed.

    python benchmarks/bench_extract.py [--quick] [--records FILE]
    [RADIOKIT_DATA=/path/to/data] python benchmarks/bench_extract.py --parts cases ... [--json FILE]
                                        [--configurations original paper] [--voxels 5000 60000 250000]

The first form runs both programs in turns in this process on balls of correlated noise, and beside a textbook in numpy
(extraction_peer.py), which is there where pyradiomics is not. The second looks closer. Cases are balls of about the
numbers of voxels asked for and, where `RADIOKIT_DATA` holds `sts/`, the smallest, the middle and the largest CT region
of that collection. Each program measures each case in a process of
its own, one thread, in turns. `warm` is the shortest CPU time of a few calls, reading included; `first` is from the
start of the process to the first result, with compiled kernels in the cache; `peak` is the memory of the process.
Other parts, of radiokit alone: `start` (what a process loads before its first voxel), `cohort` (cases with one worker
and with two), `maps` (every feature of the neighbourhood of each of 100,000 voxels). The part
`cases` needs pyradiomics 3.0.1, which builds on no current Python without `--no-build-isolation`.
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
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import extraction_peer
import numpy as np
from records import Accuracy, Record, installed, parser, report, side_by_side

PROGRAMS = ("pyradiomics", "radiokit")
CONFIGURATIONS: dict[str, dict[str, Any]] = {
    "original": {"setting": {"binWidth": 25}, "imageType": {"Original": {}}},
    "paper": {
        "setting": {"binWidth": 25, "resampledPixelSpacing": [1, 1, 1], "interpolator": "sitkBSpline"},
        "imageType": {"Original": {}, "Wavelet": {"wavelet": "coif1"}, "LoG": {"sigma": [1.0, 2.0, 3.0, 4.0, 5.0]}},
    },
}


def make_ball(folder: Path, n_voxels: int, shape: tuple[int, int, int] | None = None) -> tuple[str, str]:
    """Write an image of correlated noise and a bumpy ball of about n voxels; the spacing is that of a CT."""
    import SimpleITK as sitk
    from scipy import ndimage

    spacing = np.array([3.0, 1.0, 1.0])
    radius = (3 * n_voxels * spacing.prod() / (4 * np.pi)) ** (1 / 3)
    reach = np.ceil((radius + 16) / spacing).astype(int)
    rng = np.random.default_rng(n_voxels)
    noise = [ndimage.gaussian_filter(rng.normal(size=2 * reach + 1), s / spacing) for s in (1.5, 6)]
    fine, coarse = (n / n.std() for n in noise)
    axes = np.ogrid[tuple(slice(-r, r + 1) for r in reach)]
    distance = np.sqrt(sum((a * s) ** 2 for a, s in zip(axes, spacing, strict=True)))
    arrays = {
        "image": np.rint(40 + 60 * fine + 40 * coarse).astype(np.int16),
        "mask": (distance < radius * (1 + 0.1 * coarse)).astype(np.uint8),
    }
    if shape is not None:
        margin = [((n - s) // 2, n - s - (n - s) // 2) for n, s in zip(shape, arrays["mask"].shape, strict=True)]
        arrays = {name: np.pad(array, margin) for name, array in arrays.items()}
    for name, array in arrays.items():
        image = sitk.GetImageFromArray(array)
        image.SetSpacing([float(s) for s in spacing[::-1]])
        sitk.WriteImage(image, str(folder / f"{n_voxels}_{name}.nii.gz"), True)
    return str(folder / f"{n_voxels}_image.nii.gz"), str(folder / f"{n_voxels}_mask.nii.gz")


def tumours() -> dict[str, tuple[str, str]]:
    """Smallest, middle and largest CT region of the sarcoma collection, if it is there."""
    folder = Path(os.environ.get("RADIOKIT_DATA", "")) / "sts"
    if not os.environ.get("RADIOKIT_DATA") or not (folder / "geometry.csv").exists():
        return {}
    import pandas as pd

    table = pd.read_csv(folder / "geometry.csv").query("modality == 'CT'").sort_values("mask_voxels")
    chosen = table.iloc[[0, len(table) // 2, len(table) - 1]]["patient_id"]
    files = ("CT_image.nii.gz", "CT_mask.nii.gz")
    return {p: tuple(str(folder / "cropped" / p / f) for f in files) for p in chosen}  # type: ignore[misc]


def load(job: dict[str, Any]) -> dict[str, Any]:
    """Import packages one after the other; what this process holds after each."""
    import importlib

    rows = []
    for name in job["imports"]:
        start = time.process_time()
        if name == "first kernel":
            from radiokit.features import FixedBinWidth
            from radiokit.features._binning import bin_values

            bin_values(np.zeros(2), FixedBinWidth(1.0))
        else:
            importlib.import_module(name)
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        rows.append({"loaded": name, "cpu_s": time.process_time() - start, "peak_mb": peak})
    return {"rows": rows}


def measure_cohort(job: dict[str, Any]) -> dict[str, Any]:
    """Wall-clock seconds of a case table with one worker and with two, kernels linked before."""
    import pandas as pd

    from radiokit.features import RadiomicsExtractor

    cases = pd.DataFrame(job["cases"], columns=["case_id", "image", "mask"]).set_index("case_id")
    extractor = RadiomicsExtractor.from_params(job["params"])
    extractor.extract(cases.iloc[:1])
    found = {}
    for n_jobs in (1, 2, 1, 2):
        extractor.n_jobs = n_jobs
        start = time.perf_counter()
        extractor.extract(cases)
        found[n_jobs] = min(found.get(n_jobs, np.inf), time.perf_counter() - start)
    return {"cases": len(cases), "one_s": found[1], "two_s": found[2], "speedup": found[1] / found[2]}


def measure_maps(job: dict[str, Any]) -> dict[str, Any]:
    """CPU and wall-clock seconds of the maps of every feature that can be mapped, two workers."""
    from radiokit.features import RadiomicsExtractor, feature_maps

    names = [n for n in RadiomicsExtractor().get_feature_names_out() if "_shape_" not in n]
    start = time.perf_counter()
    feature_maps(job["image"], job["mask"], names, radius=job["radius"], n_jobs=2)
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return {
        "radius": job["radius"],
        "maps": len(names),
        "wall_s": time.perf_counter() - start,
        "cpu_s": sum(u.ru_utime + u.ru_stime for u in used),
        "peak_mb": sum(u.ru_maxrss for u in used) / 1024,
    }


def work(job: dict[str, Any]) -> dict[str, Any]:
    """Do what a job asks for, in this process."""
    kinds = {"imports": load, "cases": measure_cohort, "radius": measure_maps, "program": measure_case}
    return next(measure(job) for kind, measure in kinds.items() if kind in job)


def measure_case(job: dict[str, Any]) -> dict[str, Any]:
    """Measure one program on one case."""
    if job["program"] == "radiokit":
        from radiokit.features import RadiomicsExtractor

        extract = RadiomicsExtractor.from_params(job["params"]).extract_case
    else:
        import logging

        from radiomics import featureextractor

        logging.getLogger("radiomics").setLevel(logging.CRITICAL)
        extract = featureextractor.RadiomicsFeatureExtractor(job["params"]).execute
    found = extract(job["image"], job["mask"])
    first = time.time() - job["begun"]
    warm: list[float] = []
    while len(warm) < 3 and sum(warm) < 60:
        start = time.process_time()
        extract(job["image"], job["mask"])
        warm.append(time.process_time() - start)
    values = {k: float(v) for k, v in dict(found).items() if not k.startswith("diagnostics_")}
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return {"first_s": first, "warm_s": min(warm), "peak_mb": peak, "values": values}


def run(job: dict[str, Any]) -> dict[str, Any]:
    """Measure in a new process."""
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "ITK_GLOBAL_DEFAULT_NUMBER_OF_THREADS": "1"}
    command = [sys.executable, __file__, "--worker", json.dumps({**job, "begun": time.time()})]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"{job} failed:\n{done.stderr[-1000:]}")
    return json.loads(done.stdout.splitlines()[-1])


def largest_difference(ours: dict[str, float], theirs: dict[str, float]) -> tuple[str, float]:
    """Name of the worst feature and its relative difference; features of one program alone are infinite."""
    worst = ("", 0.0)
    for name in ours.keys() | theirs.keys():
        a, b = ours.get(name, np.inf), theirs.get(name, np.inf)
        if a == b or (np.isnan(a) and np.isnan(b)):
            continue
        gap = abs(a - b) / abs(b) if abs(b) > 1e-9 else abs(a - b)
        worst = max(worst, (name, gap), key=lambda w: w[1])
    return worst


def compare(configuration: str, name: str, files: tuple[str, str], params: Path) -> dict[str, Any]:
    """One row: both programs on one case."""
    job = {"params": str(params), "image": files[0], "mask": files[1]}
    run({**job, "program": "radiokit"})  # compiles, if this machine never did
    theirs, ours = (run({**job, "program": program}) for program in PROGRAMS)
    feature, gap = largest_difference(ours.pop("values"), theirs.pop("values"))
    row = {
        "configuration": configuration,
        "case": name,
        "ratio": theirs["warm_s"] / ours["warm_s"],
        "radiokit": ours,
        "pyradiomics": theirs,
        "worst_feature": feature,
        "largest_difference": gap,
    }
    print(
        f"{configuration:8s} {name:12s} pyradiomics {theirs['warm_s']:7.2f} s {theirs['peak_mb']:5.0f} MB | ours "
        f"{ours['warm_s']:7.3f} s {ours['peak_mb']:5.0f} MB, first {ours['first_s']:4.1f} s | ratio {row['ratio']:4.1f}"
        f" | {feature or 'all equal'} {gap:.0e}",
        flush=True,
    )
    return row


def case_rows(folder: Path, configurations: list[str], voxels: list[int]) -> list[dict[str, Any]]:
    """Both programs on balls and tumours, and the geometric mean of the ratios."""
    cases = {f"ball {n}": make_ball(folder, n) for n in voxels} | tumours()
    rows = []
    for configuration in configurations:
        params = folder / f"{configuration}.yaml"
        params.write_text(json.dumps(CONFIGURATIONS[configuration]))
        mine = [compare(configuration, name, files, params) for name, files in cases.items()]
        mean = float(np.exp(np.mean([np.log(row["ratio"]) for row in mine])))
        print(f"{configuration}: geometric mean of the ratios {mean:.1f} over {len(mine)} cases")
        rows += mine
    return rows


def records(folder: Path, quick: bool) -> Iterator[Record]:
    """Both programs, and the textbook, in turns in this process."""
    from radiokit.features import RadiomicsExtractor

    for n in (5_000, 60_000) if quick else (5_000, 60_000, 250_000):
        files = make_ball(folder, n)
        for name, configuration in CONFIGURATIONS.items():
            if quick and name == "paper" and n > 5_000:
                continue
            params = folder / f"{name}.yaml"
            params.write_text(json.dumps(configuration))
            yield side_by_side(
                f"{name} configuration, {n:,} voxels",
                lambda params=params, files=files: RadiomicsExtractor.from_params(params).extract_case(*files),
                (lambda params=params, files=files: pyradiomics(params, files)) if installed("pyradiomics") else None,
                peer_name="pyradiomics",
                package="pyradiomics",
                accuracy=relative_difference,
            )
        params = folder / "textbook.yaml"
        params.write_text(json.dumps(extraction_peer.PARAMS))
        yield side_by_side(
            f"first order and GLCM, 13 features, {n:,} voxels",
            lambda files=files, params=params: RadiomicsExtractor.from_params(params).extract_case(*files),
            lambda files=files: extraction_peer.extract(*files),
            peer_name="numpy, a textbook",
            accuracy=relative_difference,
        )


def pyradiomics(params: Path, files: tuple[str, str]) -> dict[str, float]:
    import logging

    from radiomics import featureextractor

    logging.getLogger("radiomics").setLevel(logging.CRITICAL)
    found = featureextractor.RadiomicsFeatureExtractor(str(params)).execute(*files)
    return {k: float(v) for k, v in found.items() if not k.startswith("diagnostics_")}


def relative_difference(ours: Any, theirs: dict[str, float] | None) -> Accuracy | None:
    if theirs is None:
        return None
    gap = largest_difference({k: float(v) for k, v in dict(ours).items()}, theirs)[1]
    return Accuracy.difference("largest relative difference", gap, 1e-6)


def start_rows() -> list[dict[str, Any]]:
    """What is loaded before the first voxel; pandas brings pyarrow where that is installed."""
    packages = ["numpy", "pandas", "numba", "radiokit.features", "first kernel", "SimpleITK"]
    rows = run({"imports": packages})["rows"]
    for row in rows:
        print(f"start    {row['loaded']:18s} {row['cpu_s']:5.2f} s, {row['peak_mb']:4.0f} MB in all", flush=True)
    return rows


def cohort_rows(folder: Path) -> list[dict[str, Any]]:
    """Cohorts of small regions (PET) and larger ones (CT); 34 patients each, or balls where the data is not there."""
    params = folder / "cohort.yaml"
    params.write_text(json.dumps(CONFIGURATIONS["original"]))
    sts = Path(os.environ.get("RADIOKIT_DATA", "")) / "sts" / "cropped"
    if os.environ.get("RADIOKIT_DATA") and sts.exists():
        cohorts = {
            m: [(p.name, *(str(p / f"{m}_{part}.nii.gz") for part in ("image", "mask"))) for p in sorted(sts.iterdir())]
            for m in ("PET", "CT")
        }
    else:
        ball = make_ball(folder, 60_000)
        cohorts = {"balls": [(str(k), *ball) for k in range(34)]}
    rows = []
    for name, cases in cohorts.items():
        row = {"cohort": name, **run({"cases": cases, "params": str(params)})}
        print(f"cohort   {row['cases']} {name}: one worker {row['one_s']:.2f} s, two {row['two_s']:.2f} s, ", end="")
        print(f"ratio {row['speedup']:.2f}", flush=True)
        rows.append(row)
    return rows


def map_rows(folder: Path) -> list[dict[str, Any]]:
    """Maps of 93 features around 100,000 voxels of an image of 100 x 512 x 512."""
    image, mask = make_ball(folder, 100_000, shape=(100, 512, 512))
    rows = []
    for radius in (1, 2, 3):
        row = run({"radius": radius, "image": image, "mask": mask})
        print(f"maps     radius {radius}: {row['maps']} maps in {row['wall_s']:.0f} s of two workers, ", end="")
        print(f"{row['cpu_s']:.0f} s CPU, {row['peak_mb']:.0f} MB", flush=True)
        rows.append(row)
    return rows


def main() -> None:
    made = parser(__doc__)
    made.add_argument("--json", type=Path, help="write the rows of the other parts to this file")
    made.add_argument("--configurations", nargs="+", choices=CONFIGURATIONS, default=["original"])
    made.add_argument("--voxels", nargs="+", type=int, default=[5_000, 60_000, 250_000])
    made.add_argument(
        "--parts", nargs="+", choices=("records", "cases", "start", "cohort", "maps"), default=["records"]
    )
    made.add_argument("--worker", help=argparse.SUPPRESS)
    options = made.parse_args()
    if options.worker:
        print(json.dumps(work(json.loads(options.worker))))
        return
    rows: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        if "cases" in options.parts:
            rows += case_rows(folder, options.configurations, options.voxels)
        if "start" in options.parts:
            rows += start_rows()
        if "cohort" in options.parts:
            rows += cohort_rows(folder)
        if "maps" in options.parts:
            rows += map_rows(folder)
        if "records" in options.parts:
            report(records(folder, options.quick), options.records)
    if options.json:
        options.json.write_text(json.dumps(rows, indent=1))


if __name__ == "__main__":
    main()
