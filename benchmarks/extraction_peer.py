"""First-order and GLCM features as a textbook computes them, in numpy: a peer that is there on every machine."""

from __future__ import annotations

import itertools

import numpy as np
import SimpleITK as sitk

FIRST_ORDER = ("Energy", "Mean", "Variance", "Skewness", "Kurtosis", "Entropy", "10Percentile", "Range")
GLCM = ("Contrast", "JointEnergy", "JointEntropy", "JointAverage", "Idm")
PARAMS = {
    "setting": {"binWidth": 25},
    "imageType": {"Original": {}},
    "featureClass": {"firstorder": list(FIRST_ORDER), "glcm": list(GLCM)},
}
# One of each pair of opposite directions: 13 neighbours at distance 1.
DIRECTIONS = [d for d in itertools.product((-1, 0, 1), repeat=3) if d > (0, 0, 0)]


def extract(image_path: str, mask_path: str, width: float = 25.0) -> dict[str, float]:
    """Features by their names in radiokit and pyradiomics."""
    image = sitk.GetArrayFromImage(sitk.ReadImage(image_path)).astype(float)
    inside = sitk.GetArrayFromImage(sitk.ReadImage(mask_path)) == 1
    values = image[inside]
    lowest = np.floor(values.min() / width) * width
    levels = np.where(inside, np.floor((image - lowest) / width).astype(int) + 1, 0)
    return {f"original_firstorder_{k}": v for k, v in first_order(values, levels[inside]).items()} | {
        f"original_glcm_{k}": v for k, v in glcm(levels).items()
    }


def first_order(values: np.ndarray, levels: np.ndarray) -> dict[str, float]:
    far = values - values.mean()
    share = np.bincount(levels)[1:] / len(levels)
    share = share[share > 0]
    found = (
        (values**2).sum(),
        values.mean(),
        (far**2).mean(),
        (far**3).mean() / (far**2).mean() ** 1.5,
        (far**4).mean() / (far**2).mean() ** 2,
        -(share * np.log2(share)).sum(),
        np.percentile(values, 10),
        np.ptp(values),
    )
    return dict(zip(FIRST_ORDER, map(float, found), strict=True))


def glcm(levels: np.ndarray) -> dict[str, float]:
    """Mean over the directions of the features of the symmetric matrix."""
    top = levels.max()
    i, j = np.mgrid[1 : top + 1, 1 : top + 1]
    rows = []
    for direction in DIRECTIONS:
        here = tuple(slice(max(0, -s), levels.shape[k] - max(0, s)) for k, s in enumerate(direction))
        there = tuple(slice(max(0, s), levels.shape[k] + min(0, s)) for k, s in enumerate(direction))
        a, b = levels[here].ravel(), levels[there].ravel()
        both = (a > 0) & (b > 0)
        counts = np.zeros((top, top))
        np.add.at(counts, (a[both] - 1, b[both] - 1), 1)
        p = (counts + counts.T) / (2 * counts.sum())
        some = p[p > 0]
        rows.append(
            (
                (p * (i - j) ** 2).sum(),
                (p**2).sum(),
                -(some * np.log2(some)).sum(),
                (p * i).sum(),
                (p / (1 + (i - j) ** 2)).sum(),
            )
        )
    return dict(zip(GLCM, map(float, np.mean(rows, axis=0)), strict=True))
