"""Speed and memory of extraction beside pyradiomics, with the largest difference of any value printed.

    [RADIOKIT_DATA=/path/to/data] python benchmarks/bench_extract.py [--json FILE] [--configurations original paper]
                                                                     [--voxels 5000 60000 250000]

Cases are balls of correlated noise of about the numbers of voxels asked for and, where `RADIOKIT_DATA` holds `sts/`,
the smallest, the middle and the largest CT region of that collection. Each program measures each case in a process of
its own, one thread, in turns. `warm` is the shortest CPU time of a few calls, reading included; `first` is from the
start of the process to the first result, with compiled kernels in the cache; `peak` is the memory of the process.
pyradiomics 3.0.1 has to be installed: it builds on no current Python without `--no-build-isolation`.
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

PROGRAMS = ("pyradiomics", "radiokit")
CONFIGURATIONS: dict[str, dict[str, Any]] = {
    "original": {"setting": {"binWidth": 25}, "imageType": {"Original": {}}},
    "paper": {
        "setting": {"binWidth": 25, "resampledPixelSpacing": [1, 1, 1], "interpolator": "sitkBSpline"},
        "imageType": {"Original": {}, "Wavelet": {"wavelet": "coif1"}, "LoG": {"sigma": [1.0, 2.0, 3.0, 4.0, 5.0]}},
    },
}


def make_ball(folder: Path, n_voxels: int) -> tuple[str, str]:
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


def work(job: dict[str, Any]) -> dict[str, Any]:
    """Measure one program on one case, in this process."""
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
        raise SystemExit(f"{job['program']} failed on {job['image']}:\n{done.stderr[-1000:]}")
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


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", type=Path, help="write the rows to this file")
    parser.add_argument("--configurations", nargs="+", choices=CONFIGURATIONS, default=["original"])
    parser.add_argument("--voxels", nargs="+", type=int, default=[5_000, 60_000, 250_000])
    parser.add_argument("--worker", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.worker:
        print(json.dumps(work(json.loads(options.worker))))
        return
    rows = []
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        cases = {f"ball {n}": make_ball(folder, n) for n in options.voxels} | tumours()
        for configuration in options.configurations:
            params = folder / f"{configuration}.yaml"
            params.write_text(json.dumps(CONFIGURATIONS[configuration]))
            mine = [compare(configuration, name, files, params) for name, files in cases.items()]
            mean = float(np.exp(np.mean([np.log(row["ratio"]) for row in mine])))
            print(f"{configuration}: geometric mean of the ratios {mean:.1f} over {len(mine)} cases")
            rows += mine
    if options.json:
        options.json.write_text(json.dumps(rows, indent=1))


if __name__ == "__main__":
    main()
