"""Do radiokit and pyradiomics agree on images, masks and parameter files that nobody chose?

    python benchmarks/agree_pyradiomics.py [--cases 200] [--seed 0]

Each case draws an image of noise (integer, single or double precision; any spacing, axes turned or tilted), a mask
(a blob, one that touches the border, scattered voxels, one slice, a few voxels, two parts; any label, on a grid of its
own) and a parameter file with settings, image types and classes at random. Every feature that both give is compared;
differences over 1e-6 (relative, or 1e-9 absolute) are listed with the case's seed and settings. pyradiomics 3.0.1 has
to be installed, with scikit-image for LBP2D.
"""

from __future__ import annotations

import argparse
import json
import logging
import tempfile
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import SimpleITK as sitk
from radiomics import featureextractor
from scipy import ndimage
from scipy.spatial.transform import Rotation

from radiokit.features import RadiomicsExtractor

RELATIVE, ABSOLUTE = 1e-6, 1e-9
CLASSES = ("shape", "firstorder", "glcm", "glrlm", "glszm", "gldm", "ngtdm")
# What pyradiomics itself cannot do or does wrong: a mask that fills the image, values that are not finite.
ITS_OWN = ("No labels found", "not finite", "arange: cannot compute length", "MemoryError", "angle count")
# In a direction where levels are independent, or one level is alone, pyradiomics takes a rounding error for the value.
ROUNDING = ("glcm_Correlation", "glcm_Imc2", "glcm_MCC")
Case = tuple[sitk.Image, sitk.Image, dict[str, Any]]


def main() -> None:
    """Compare case after case."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--cases", type=int, default=200)
    options.add_argument("--seed", type=int, default=0)
    chosen = options.parse_args()
    logging.getLogger("radiomics").setLevel(logging.CRITICAL)  # after its import, which sets another
    warnings.simplefilter("ignore")
    values = agree = rounding = 0
    for seed in range(chosen.seed, chosen.seed + chosen.cases):
        case = draw(np.random.default_rng(seed))
        compared, complaints = compare(*case)
        values += compared
        serious = [complaint for complaint in complaints if not complaint.partition(":")[0].endswith(ROUNDING)]
        rounding += len(complaints) - len(serious)
        agree += not serious
        for complaint in complaints:
            print(f"{seed}: {complaint}   {json.dumps(case[2])}", flush=True)
    print(f"{agree} of {chosen.cases} cases agree; {values} values compared, {rounding} differ by its rounding")


def compare(image: sitk.Image, mask: sitk.Image, params: dict[str, Any]) -> tuple[int, list[str]]:
    """Return how many values both programs gave, and what they disagree about."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "params.yaml"
        path.write_text(json.dumps(params))  # JSON is YAML
        theirs = attempt(lambda: featureextractor.RadiomicsFeatureExtractor(str(path)).execute(image, mask))
        ours = attempt(lambda: RadiomicsExtractor.from_params(path).extract_case(image, mask))
    if isinstance(theirs, str) or isinstance(ours, str):
        excused = isinstance(theirs, str) and (isinstance(ours, str) or any(reason in theirs for reason in ITS_OWN))
        return 0, [] if excused else [
            f"pyradiomics: {theirs if isinstance(theirs, str) else 'values'}; radiokit: {ours}"
        ]
    expected = {name: float(value) for name, value in theirs.items() if not name.startswith("diagnostics_")}
    missing = sorted(expected.keys() - ours.keys())
    complaints = [f"{len(missing)} features missing, {missing[0]}"] if missing else []
    common = sorted(expected.keys() & ours.keys())
    a, b = (np.array([row[name] for name in common], float) for row in (expected, ours))
    equal = (a == b) | (np.isnan(a) & np.isnan(b)) | (np.abs(a - b) <= RELATIVE * np.abs(a) + ABSOLUTE)
    different = [f"{common[k]}: {a[k]:.12g}, not {b[k]:.12g}" for k in np.flatnonzero(~equal)]
    return len(common), [*complaints, *different]


def attempt(work: Callable[[], Any]) -> Any:
    """Return the row of features, or the error as text."""
    try:
        return dict(work())
    except Exception as error:  # noqa: BLE001 - whatever it is, it is compared
        return f"{type(error).__name__}: {error}"


def draw(rng: np.random.Generator) -> Case:
    """Draw an image, a mask and a parameter file."""
    shape = tuple(int(n) for n in rng.integers(8, 26, 3))
    params = {"setting": draw_settings(rng), "imageType": draw_image_types(rng), "featureClass": dict.fromkeys(CLASSES)}
    if "LBP2D" in params["imageType"]:
        params["setting"] |= {"force2D": True}
    image = sitk.GetImageFromArray(draw_values(rng, shape))
    image.SetSpacing(rng.uniform(0.5, 4, 3).tolist())
    image.SetOrigin(rng.uniform(-100, 100, 3).tolist())
    image.SetDirection(draw_axes(rng).ravel().tolist())
    inside = draw_region(rng, shape)
    if not inside.any() or inside.all():
        inside[...] = False
        inside[2:5, 2:5, 2:6] = True
    label = params["setting"]["label"] = int(rng.choice([1, 2, 255]))
    labels = np.where(inside, label, np.where(rng.random(shape) < 0.1, 3, 0)).astype(np.uint8)
    mask = sitk.GetImageFromArray(labels)
    mask.CopyInformation(image)
    if rng.random() < 0.3:
        params["setting"]["correctMask"] = True
        margin = rng.integers(0, 3, 3).tolist()
        mask = sitk.ConstantPad(mask, margin, margin, 0)
    return image, mask, params


def draw_values(rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    """Draw noise, smooth or not, of any level."""
    values = ndimage.gaussian_filter(rng.normal(size=shape), rng.uniform(0.3, 2)) * rng.choice([5, 50, 500])
    return (values + rng.choice([0, 100, -1000])).astype(rng.choice([np.int16, np.float32, np.float64]))


def draw_axes(rng: np.random.Generator) -> np.ndarray:
    """Draw the directions of the image's axes: the patient's, those in another order and sense, or tilted."""
    kind = rng.integers(3)
    if kind == 0:
        return np.eye(3)
    if kind == 1:
        return np.eye(3)[rng.permutation(3)] * rng.choice([-1, 1], 3)
    return Rotation.from_euler("xyz", rng.uniform(-0.5, 0.5, 3)).as_matrix()


def draw_region(rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    """Draw a mask of one of six kinds."""
    smooth = ndimage.gaussian_filter(rng.normal(size=shape), 2)
    kind = rng.choice(["blob", "border", "scattered", "slice", "few", "two parts"])
    if kind == "blob":
        return np.pad((smooth > np.quantile(smooth, rng.uniform(0.5, 0.95)))[1:-1, 1:-1, 1:-1], 1)
    if kind == "border":
        return smooth > np.quantile(smooth, rng.uniform(0.3, 0.9))
    if kind == "scattered":
        return rng.random(shape) < rng.uniform(0.02, 0.3)
    if kind == "two parts":
        return (smooth > np.quantile(smooth, 0.95)) | (smooth < np.quantile(smooth, 0.05))
    inside = np.zeros(shape, dtype=bool)
    if kind == "slice":
        z = rng.integers(shape[0])
        inside[z] = smooth[z] > np.quantile(smooth[z], 0.6)
    else:
        corner = [rng.integers(0, n - 2) for n in shape]
        inside[tuple(slice(c, c + rng.integers(1, 4)) for c in corner)] = True
    return inside


def draw_settings(rng: np.random.Generator) -> dict[str, Any]:
    """Draw the settings of a parameter file."""
    settings: dict[str, Any] = {"minimumROIDimensions": int(rng.choice([1, 1, 2, 3]))}
    if rng.random() < 0.5:
        settings["binCount"] = int(rng.choice([4, 8, 16, 32, 64, 128]))
    else:
        settings["binWidth"] = float(rng.choice([25, 10, 5, 50, 0.5, 3.7]))
    interpolators = ("BSpline", "Linear", "NearestNeighbor", "Gaussian", "CosineWindowedSinc", "HammingWindowedSinc")
    spacing = rng.choice([1.0, 2.0, 3.0], 3).tolist() if rng.random() < 0.7 else [0, 0, 2.0]
    mode, limits = [("absolute", [-50, 400]), ("relative", [0.1, 0.9]), ("sigma", [-2, 2])][rng.integers(3)]
    optional: list[tuple[float, dict[str, Any]]] = [
        (0.2, {"normalize": True, "normalizeScale": float(rng.choice([1, 100])), "binCount": 16, "removeOutliers": 3}),
        (0.3, {"resampledPixelSpacing": spacing, "interpolator": f"sitk{rng.choice(interpolators)}"}),
        (0.3, {"padDistance": int(rng.choice([0, 3, 8]))}),
        (0.25, {"force2D": True, "force2Ddimension": int(rng.integers(3))}),
        (0.25, {"weightingNorm": str(rng.choice(["manhattan", "euclidean", "infinity", "no_weighting"]))}),
        (0.25, {"distances": rng.choice([[1, 2], [1, 3], [3, 1]]).tolist()}),
        (0.2, {"symmetricalGLCM": False}),
        (0.2, {"gldm_a": int(rng.choice([1, 2, 3]))}),
        (0.2, {"voxelArrayShift": int(rng.choice([1000, 300]))}),
        (0.2, {"preCrop": True}),
        (0.2, {"resegmentMode": mode, "resegmentRange": limits}),
        (0.1, {"resegmentShape": True}),
        (0.15, {"minimumROISize": int(rng.choice([1, 10, 50]))}),
    ]
    for chance, setting in optional:
        if rng.random() < chance:
            settings |= setting
    return settings


def draw_image_types(rng: np.random.Generator) -> dict[str, dict[str, Any]]:
    """Draw image types; LBP3D is left out: its import in pyradiomics fails with current scipy."""
    wavelets = ("coif1", "haar", "db2", "sym4", "bior1.3", "rbio2.2", "dmey")
    level, start = int(rng.choice([1, 1, 2])), int(rng.choice([0, 0, 1]))
    optional: list[tuple[float, str, dict[str, Any]]] = [
        (0.3, "Wavelet", {"wavelet": str(rng.choice(wavelets)), "level": level, "start_level": start}),
        (0.3, "LoG", {"sigma": rng.choice([0.5, 1.0, 2.0, 3.0, 5.0], 2, replace=False).tolist()}),
        (0.15, "Gradient", {"gradientUseSpacing": bool(rng.random() < 0.5)}),
        (0.1, "LBP2D", {"lbp2DRadius": float(rng.choice([1, 2])), "lbp2DSamples": int(rng.choice([8, 9]))}),
        *((0.12, name, {}) for name in ("Square", "SquareRoot", "Logarithm", "Exponential")),
    ]
    return {"Original": {}} | {name: params for chance, name, params in optional if rng.random() < chance}


if __name__ == "__main__":
    main()
