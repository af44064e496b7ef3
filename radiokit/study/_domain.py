"""What a frozen model was built on, as numbers: so that it can refuse or flag what is unlike it."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.linalg import eigh

from radiokit.exceptions import DataWarning, InputError
from radiokit.utils.id_names import PATIENT_NAMES, id_name

MOST_COMPONENTS = 10
RARE = 0.01  # with fewer than 99 training cases: farther out than any of them
FOLDS = 10
FAR = 8.0  # standard deviations beyond which a value counts as this far; a single wild value is flagged by its range
WIDER = 1.25  # factor by which a voxel may be finer or coarser than any in training
AXES = ("z", "y", "x")


def learn_distribution(table: pd.DataFrame) -> dict[str, Any]:
    r"""Describe where training cases lie, so that the distance of any case from them can be ranked.

    Principal components with normal noise (Tipping and Bishop 1999, doi 10.1111/1467-9868.00196) on standardised
    values: with k scores t of variances :math:`\lambda` and the remainder r,

    .. math:: d^2 = \sum_k t_k^2 / \lambda_k + \lVert r \rVert^2 / \sigma^2,

    which is Mahalanobis' distance for many features and few cases. `distances` are those of training cases from the
    others, each measured by a description fitted without it.
    """
    values = table.to_numpy(dtype=float)
    n, p = values.shape
    if n < 2 * FOLDS or p < 2:
        return {}
    fold = np.random.default_rng(0).permutation(np.arange(n) % FOLDS)
    distances = np.empty(n)
    for k in range(FOLDS):
        distances[fold == k] = _distance(_describe(values[fold != k]), values[fold == k])
    described = _describe(values)
    return {
        "names": list(map(str, table.columns)),
        **{k: np.asarray(v).tolist() for k, v in described.items()},
        "distances": np.sort(distances).tolist(),
    }


def _describe(values: NDArray[np.float64]) -> dict[str, Any]:
    known = np.where(np.isfinite(values), values, np.nan)
    empty = np.isnan(known).all(axis=0)
    known[:, empty] = 0.0
    center = np.nanmean(known, axis=0)
    scale = np.nanstd(known, axis=0)
    scale[scale == 0] = 1.0
    z = _standardised(values, center, scale)
    n, p = z.shape
    k = max(1, min(MOST_COMPONENTS, n // 5, p - 1))
    variances, loadings = _leading_components(z, k)
    total = float((z**2).sum()) / (n - 1)
    floor = 1e-6 * max(total / p, 1e-12)
    return {
        "center": center,
        "scale": scale,
        "loadings": loadings,
        "variances": np.maximum(variances, floor),
        "noise": max((total - float(variances.sum())) / (p - k), floor),
    }


def _leading_components(z: NDArray[np.float64], k: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the k largest variances of the principal components, and their directions (k, p).

    From the smaller of the two products of the table with itself: only a few of hundreds of components are asked for.
    """
    n, p = z.shape
    square = z @ z.T if n <= p else z.T @ z
    size = len(square)
    values, vectors = eigh(square, subset_by_index=(max(size - k, 0), size - 1))
    values, vectors = np.maximum(values[::-1], 0.0), vectors[:, ::-1].T
    if n <= p:
        length = np.sqrt(values)[:, None]
        vectors = np.divide(vectors @ z, length, out=np.zeros((len(values), p)), where=length > 0)
    return values / (n - 1), vectors


def _standardised(
    values: NDArray[np.float64], center: NDArray[np.float64], scale: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return standard deviations from the mean; a missing value lies at it, which is where imputation puts it."""
    return np.clip(np.nan_to_num((values - center) / scale, nan=0.0, posinf=FAR, neginf=-FAR), -FAR, FAR)


def _distance(described: Mapping[str, Any], values: NDArray[np.float64]) -> NDArray[np.float64]:
    z = _standardised(values, np.asarray(described["center"]), np.asarray(described["scale"]))
    loadings = np.asarray(described["loadings"])
    scores = z @ loadings.T
    rest = z - scores @ loadings
    return np.sqrt(
        (scores**2 / np.asarray(described["variances"])).sum(axis=1) + (rest**2).sum(axis=1) / described["noise"]
    )


def typicality(distribution: Mapping[str, Any], table: pd.DataFrame) -> NDArray[np.float64]:
    """Share of training cases (and the case itself) that lie as far out: a conformal p-value; NaN if unknown."""
    if not distribution:
        return np.full(len(table), np.nan)
    values = table[list(distribution["names"])].to_numpy(dtype=float)
    known = np.asarray(distribution["distances"])
    farther = known.size - np.searchsorted(known, _distance(distribution, values), side="left")
    return (1 + farther) / (known.size + 1)


def flag_unlike(
    predicted: pd.DataFrame, domain: Mapping[str, Any], table: pd.DataFrame, unlike: pd.Series
) -> pd.DataFrame:
    """Return the predictions with `typicality`, and in words what is unlike training."""
    distribution = domain.get("distribution", {})
    rank = typicality(distribution, _numeric(table, distribution.get("names", [])))
    rarest = 1 / (len(distribution.get("distances", [])) + 1)
    far = pd.Series(
        np.where(
            rank <= max(RARE, rarest), "as a whole farther from the training cases than these from each other", ""
        ),
        index=table.index,
    )
    return predicted.assign(typicality=rank, unlike_training=join_texts(unlike, far))


def _numeric(table: pd.DataFrame, names: Sequence[str]) -> pd.DataFrame:
    return table[list(names)].astype(float)


def warn_of_several_rows(table: pd.DataFrame, card: Mapping[str, Any]) -> None:
    """Warn where patients have several rows: the study counted each once, by a rule that is not applied here."""
    settings = card.get("provenance", {}).get("settings", {}) if isinstance(card.get("provenance"), dict) else {}
    named = settings.get("groups") if isinstance(settings, dict) else None
    for column in [named] if named in table.columns else [c for c in table.columns if id_name(c) in PATIENT_NAMES]:
        patients = table[column].nunique()
        if patients < table[column].notna().sum():
            rule = settings.get("options", {}).get("aggregate", "largest")
            warnings.warn(
                f"column {column!r} names {patients} patients in {len(table)} rows: each row is predicted as if it "
                f"were a patient. The model was built on one row for each patient (rule for several lesions: {rule}); "
                "keep that row.",
                DataWarning,
                stacklevel=4,
            )


def join_texts(one: pd.Series, other: pd.Series) -> pd.Series:
    """Join the texts of each case that are not empty."""
    pairs = zip(one, other.reindex(one.index, fill_value=""), strict=True)
    return pd.Series(["; ".join(filter(None, pair)) for pair in pairs], index=one.index, dtype=object)


def resampled_axes(extractor: Any) -> list[bool]:
    """Return, for z, y and x, whether the settings bring the voxels to one size."""
    resampling = getattr(extractor, "resampling", None)
    spacing = getattr(resampling, "spacing", None)
    return [False] * 3 if spacing is None else [value is not None for value in spacing]


def learn_imaging(provenance: pd.DataFrame) -> dict[str, Any]:
    """Modalities, units and voxel sizes of the training images, from the provenance of their extraction."""
    images: dict[str, Any] = {}
    for what in ("modality", "unit"):
        found = sorted(set(_stated(provenance, what)))
        images |= {what: found} if found else {}
    sizes = [f"image_spacing_{axis}" for axis in AXES]
    if set(sizes) <= set(provenance.columns) and provenance[sizes].notna().all(axis=1).any():
        spacing = provenance[sizes].astype(float)
        images |= {"spacing_low": spacing.min().tolist(), "spacing_high": spacing.max().tolist()}
    return images


def _stated(provenance: pd.DataFrame, what: str) -> pd.Series:
    """Return the modality or unit of each case whose file names it."""
    if what not in provenance:
        return pd.Series(dtype=object)
    text = provenance[what].dropna().astype(str)
    return text[text != ""]


def refuse_mixed_units(name: str, provenance: pd.DataFrame) -> None:
    """Refuse a signature whose images are measured in several units: one feature would be several quantities."""
    units = _stated(provenance, "unit")
    if units.nunique() > 1:
        found = "; ".join(
            f"{unit} ({len(ids)}: {', '.join(map(str, ids[:3]))}{', ...' if len(ids) > 3 else ''})"
            for unit, ids in units.groupby(units).groups.items()
        )
        raise InputError(
            f"the images of signature {name!r} are in several units: {found}. Bring them to one: for PET a column "
            "`suv` with bw, lbm or bsa for every case."
        )


def check_imaging(images: Mapping[str, Any], provenance: pd.DataFrame, *, resampled: Sequence[bool]) -> pd.Series:
    """Refuse images of another modality or unit, or of other voxels where nothing brings them to one size.

    What can be brought to one size, and files that do not name their unit, are flagged.

    Returns
    -------
    Series
        Text for each case, empty where its image is like those of training.
    """
    _refuse_others(images, provenance, "modality", "are", "")
    _refuse_others(images, provenance, "unit", "are in", _way_to(images.get("unit", [])))
    unlike = pd.Series("", index=provenance.index)
    if images.get("unit"):
        unknown = ~unlike.index.isin(_stated(provenance, "unit").index)
        unlike[unknown] = f"the file does not name its unit, in training {', '.join(images['unit'])}"
    sizes = [f"image_spacing_{axis}" for axis in AXES]
    if "spacing_low" not in images or not set(sizes) <= set(provenance.columns):
        return unlike
    spacing = provenance[sizes].to_numpy(dtype=float)
    low, high = np.asarray(images["spacing_low"]) / WIDER, np.asarray(images["spacing_high"]) * WIDER
    outside = (spacing < low) | (spacing > high)
    for row in np.flatnonzero(outside.any(axis=1)):
        named = "×".join(f"{value:.3g}" for value in spacing[row])
        seen_range = "×".join(
            f"{a:.3g}" if np.isclose(a, b) else f"{a:.3g}-{b:.3g}"
            for a, b in zip(images["spacing_low"], images["spacing_high"], strict=True)
        )
        if (outside[row] & ~np.asarray(resampled)).any():
            raise InputError(
                f"case {provenance.index[row]!r} has voxels of {named} mm; the model was built on {seen_range} mm "
                "(z×y×x) and its settings do not resample them, so that its features would mean something else. Use "
                "images of that resolution."
            )
        voxels = f"voxels of {named} mm, in training {seen_range} mm"
        unlike.iloc[row] = "; ".join(filter(None, (unlike.iloc[row], voxels)))
    return unlike


def _refuse_others(images: Mapping[str, Any], provenance: pd.DataFrame, what: str, are: str, way: str) -> None:
    """Refuse images whose files state a modality, or a unit, that was not in training."""
    stated = _stated(provenance, what)
    wrong = stated[~stated.isin(images.get(what, stated))]
    if len(wrong):
        raise InputError(
            f"{len(wrong)} images {are} {', '.join(sorted(set(wrong)))} ({', '.join(map(str, wrong.index[:5]))}); "
            f"the model was built on {', '.join(images[what])} and cannot predict from others.{way}"
        )


def _way_to(units: Sequence[str]) -> str:
    """Return how PET is read in the standardised uptake values of training, as the end of a message."""
    kinds = [unit.removeprefix("SUV ") for unit in units if unit.startswith("SUV ")]
    return f" Read them so: a column `suv` with {kinds[0]}, or --suv {kinds[0]}." if kinds else ""
