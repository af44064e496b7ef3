"""Habitats: sub-regions of a tumour whose voxels look alike, learnt on training cases and found again in others."""

from __future__ import annotations

import warnings
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from radiokit.exceptions import CaseTableError, DataWarning, InputError, MaskError, ParameterError
from radiokit.features._cases import CaseTask
from radiokit.features._extractor import RadiomicsExtractor
from radiokit.features._maps import feature_maps
from radiokit.filters import Filter, as_filter
from radiokit.io import Mask, Volume, read_cases
from radiokit.io._case_rows import case_table, reading_of
from radiokit.preprocessing import bounding_box, crop
from radiokit.preprocessing._crop import widen
from radiokit.utils import CaseResult, Extraction, one_thread, parallel_map, run_cases, spawn_seeds
from radiokit.utils._transformer import CaseTransformer

Floats = NDArray[np.float64]
METHODS = ("kmeans", "gmm")
SCALES = ("cohort", "case")
REACH_MM = 50.0  # around the region, for filters


class Habitats(CaseTransformer):
    """Sub-regions of alike voxels, by k-means or a Gaussian mixture, as a transformer of case tables.

    Parameters
    ----------
    n_habitats : int
        How many.
    method : {"kmeans", "gmm"}
        k-means, or a mixture of Gaussians with full covariances.
    channels : sequence of str or Filter
        What is known of a voxel of each image: its intensity (``"original"``), a filtered image (a filter of
        `radiokit.filters` that gives one image), or a feature map of 3x3x3 voxels (``"original_firstorder_Entropy"``).
    images : sequence of str
        Columns of the case table with the images, one a sequence, all on the grid of the mask: the column ``mask``, or
        that of the first image (``mask_T1`` of ``image_T1``). `radiokit.preprocessing.on_grid_of` and `align` put
        sequences onto one grid.
    extractor : RadiomicsExtractor, optional
        What to measure in each habitat of each image, and how to run: its `n_jobs`, `on_error` and `progress` count.
        None measures volume fractions only.
    scale : {"cohort", "case"}
        Whose mean and standard deviation make z-scores of the channels: those of the training voxels, for calibrated
        images (CT, SUV), or those of each region itself, for images of arbitrary unit.
    voxels_per_case : int
        Voxels that each training case gives, drawn at random; so large tumours do not decide alone.
    random_state : int, RandomState, Generator or None
        Seed of the draw and of the clustering.

    Attributes
    ----------
    centers_ : DataFrame of shape (n_habitats, n_channels)
        Mean of each habitat, in the unit of the channels (``scale="cohort"``) or in z-scores; index 1 to n_habitats.
        Habitats are numbered by the first channel, dark to bright.
    model_ : KMeans or GaussianMixture
        scikit-learn's fitted object, on z-scores and in its own order.
    mean_, sd_ : ndarray of shape (n_channels,)
        Of the training voxels.

    Notes
    -----
    `fit` sees the training cases only, and `transform` finds the same habitats in later ones: inside of a scikit-learn
    pipeline nothing of a test case enters. A channel that is not defined at a voxel counts as average there.

    *How to read it.* ``habitat1_fraction`` is the part of the region in habitat 1, so fractions of a case sum to 1. The
    number of habitats is a choice: the data rarely prove one. Check with `remeasure` or a second reader whether the
    features are repeatable, which sub-regions often are not.

    Examples
    --------
    >>> region = Mask(np.pad(np.ones((6, 6, 6), bool), 2))
    >>> rng = np.random.default_rng(0)
    >>> images = [Volume(np.where(np.arange(10) < 5, 0.0, 90) + rng.normal(size=(10, 10, 10))) for _ in range(3)]
    >>> cases = pd.DataFrame({"image": images, "mask": [region] * 3}, index=["P1", "P2", "P3"])
    >>> habitats = Habitats(n_habitats=2, random_state=0).fit(cases.iloc[:2])
    >>> habitats.transform(cases.iloc[2:])
             habitat1_fraction  habitat2_fraction
    case_id
    P3                     0.5                0.5
    """

    def __init__(
        self,
        n_habitats: int = 3,
        *,
        method: str = "kmeans",
        channels: Sequence[str | Filter] = ("original",),
        images: Sequence[str] = ("image",),
        extractor: RadiomicsExtractor | None = None,
        scale: str = "cohort",
        voxels_per_case: int = 2000,
        random_state: int | np.random.RandomState | np.random.Generator | None = None,
    ) -> None:
        self.n_habitats = n_habitats
        self.method = method
        self.channels = channels
        self.images = images
        self.extractor = extractor
        self.scale = scale
        self.voxels_per_case = voxels_per_case
        self.random_state = random_state

    def fit(self, X: Any = None, y: Any = None) -> Self:
        """Learn the habitats from the voxels of training cases.

        Parameters
        ----------
        X : DataFrame or path
            Case table with the columns of `images` and ``mask``.
        y : object, optional
            Not looked at.

        Returns
        -------
        Habitats
            This object.

        Raises
        ------
        ParameterError
            If a setting is out of range.
        CaseTableError
            If the table lacks columns.
        InputError
            If there are fewer voxels than habitats, or a channel is constant; or as `RadiomicsExtractor.extract_case`.
        """
        self._check()
        table = self._table(X)
        draw, start = spawn_seeds(self.random_state, 2)
        reader = self._reader()
        task = partial(_sample, reader=reader, per_case=self.voxels_per_case, scale=self.scale, seed=draw)
        run = self.extractor or RadiomicsExtractor()
        parts = parallel_map(
            task, list(table.iterrows()), n_jobs=run.n_jobs, progress=run.progress, description="Training voxels"
        )
        voxels = np.concatenate(parts)
        if len(voxels) < self.n_habitats:
            raise InputError(f"The training cases hold {len(voxels)} voxels; required: at least {self.n_habitats}.")
        self.mean_, self.sd_ = _moments(voxels, reader.names)
        with one_thread():
            self.model_ = _cluster(self.method, self.n_habitats, start).fit(_scores(voxels, self.mean_, self.sd_))
        centers = self.model_.cluster_centers_ if self.method == "kmeans" else self.model_.means_
        # Dark to bright by the first channel; the next ones break ties.
        self._order = np.lexsort(centers.T[::-1])
        self.centers_ = pd.DataFrame(
            centers[self._order] * self.sd_ + self.mean_,
            index=pd.RangeIndex(1, self.n_habitats + 1, name="habitat"),
            columns=reader.names,
        )
        return self

    def label_map(self, images: Any, mask: Any, *, label: Any = None, spacing: Sequence[float] | None = None) -> Volume:
        """Return the number of the habitat of each voxel of a region.

        Parameters
        ----------
        images : path, Volume, SimpleITK.Image, ndarray, or a list of these
            One image for each name of `images`, in this order.
        mask : path, Mask, SimpleITK.Image or ndarray
            The region.
        label : int, optional
            Label of the region in a label map.
        spacing : sequence of float, optional
            For arrays: mm between voxel centres in the order of the axes.

        Returns
        -------
        Volume
            uint8 on the grid of the image: 1 to n_habitats, 0 outside of the region.

        Raises
        ------
        ParameterError
            If this object is not fitted, or the number of images differs.
        """
        self._require_fitted()
        listed = list(images) if isinstance(images, list | tuple) else [images]
        if len(listed) != len(self.images):
            raise ParameterError(f"{len(listed)} images are given; required: one for each of {tuple(self.images)!r}.")
        return self._labeller().label(*self._reader().read(listed, mask, label=label, spacing=spacing))

    def masks(
        self, images: Any, mask: Any, *, label: Any = None, spacing: Sequence[float] | None = None
    ) -> dict[int, Mask]:
        """Return the sub-regions of one case, ready to be measured or written.

        Parameters
        ----------
        images, mask, label, spacing
            As in `label_map`.

        Returns
        -------
        dict of int to Mask
            Number of the habitat to its voxels; a habitat that the case lacks is not there.
        """
        labels = self.label_map(images, mask, label=label, spacing=spacing)
        return {
            int(k): Mask(labels.array == k, labels.spacing, labels.origin, labels.direction)
            for k in np.unique(labels.array[labels.array > 0])
        }

    def transform(self, X: Any) -> pd.DataFrame:
        """Find the habitats of each case and measure them.

        Parameters
        ----------
        X : DataFrame or path
            As for `fit`.

        Returns
        -------
        DataFrame of shape (n_cases, n_features)
            Columns ``habitat1_fraction`` and, with an extractor, ``habitat1_<feature>`` (with several images
            ``habitat1_<image>_<feature>``). A habitat that a case lacks has fraction 0 and features NaN.
        """
        return self.extract(X).features

    def extract(self, cases: Any) -> Extraction:
        """Do what `transform` does, and tell what failed.

        Parameters
        ----------
        cases : DataFrame or path
            As for `fit`.

        Returns
        -------
        Extraction
            Features, failures and provenance.

        Raises
        ------
        ParameterError
            If this object is not fitted.
        """
        self._require_fitted()
        run = self.extractor or RadiomicsExtractor()
        task = None if self.extractor is None else run._task(run._pipeline())
        return run_cases(
            self._table(cases),
            _Measurement(self._labeller(), task),
            columns=self.get_feature_names_out(),
            n_jobs=run.n_jobs,
            on_error=run.on_error,
            progress=run.progress,
            description="Habitats",
        )

    def get_feature_names_out(self, input_features: Any = None) -> np.ndarray:
        """Names of the columns.

        Parameters
        ----------
        input_features : object, optional
            Not looked at; scikit-learn passes it.

        Returns
        -------
        ndarray of str
            One name a column.

        Examples
        --------
        >>> Habitats(n_habitats=2).get_feature_names_out().tolist()
        ['habitat1_fraction', 'habitat2_fraction']
        """
        features = [] if self.extractor is None else list(self.extractor.get_feature_names_out())
        images = _prefixes(self.images)
        return np.array(
            [
                name
                for k in range(1, self.n_habitats + 1)
                for name in (f"habitat{k}_fraction", *(f"habitat{k}_{i}{f}" for i in images for f in features))
            ],
            dtype=object,
        )

    def _check(self) -> None:
        if self.method not in METHODS or self.scale not in SCALES:
            raise ParameterError(
                f"method={self.method!r}, scale={self.scale!r}; required: one of {METHODS}, and one of {SCALES}."
            )
        if self.n_habitats != int(self.n_habitats) or not 2 <= self.n_habitats <= 255:
            raise ParameterError(f"n_habitats={self.n_habitats!r}; required: a whole number from 2 to 255.")
        if isinstance(self.channels, str | Filter) or not self.channels or isinstance(self.images, str):
            raise ParameterError("channels and images are lists; required: at least one of each.")
        if self.voxels_per_case < 1:
            raise ParameterError(f"voxels_per_case={self.voxels_per_case!r}; required: at least 1.")

    def _table(self, cases: Any) -> pd.DataFrame:
        if tuple(self.images) == ("image",):
            return case_table(cases)
        table = cases if isinstance(cases, pd.DataFrame) else read_cases(cases)
        if "mask" not in table.columns:
            table = table.rename(columns={str(self.images[0]).replace("image", "mask", 1): "mask"})
        lost = [name for name in (*self.images, "mask") if name not in table.columns]
        if lost:
            raise CaseTableError(
                f"The case table lacks the columns {', '.join(lost)}; it has {', '.join(map(str, table.columns))}."
            )
        return table

    def _reader(self) -> _Reader:
        run = self.extractor or RadiomicsExtractor()
        channels = tuple(_channel(c) for c in self.channels)
        return _Reader(run._task(run._pipeline()), tuple(self.images), channels)

    def _labeller(self) -> _Labeller:
        return _Labeller(self._reader(), self.model_, np.argsort(self._order) + 1, self.mean_, self.sd_, self.scale)

    def _require_fitted(self) -> None:
        if not self.__sklearn_is_fitted__():
            raise ParameterError("Habitats has learnt nothing yet: call fit with training cases first.")

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self, "model_")

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.requires_fit = True
        return tags


@dataclass(frozen=True)
class _Reader:
    """From a row of the case table to the channels of every voxel."""

    task: CaseTask
    images: tuple[str, ...]
    channels: tuple[str | Filter, ...]

    @property
    def names(self) -> list[str]:
        labels = [c if isinstance(c, str) else "+".join(c.names) for c in self.channels]
        return [f"{image}{label}" for image in _prefixes(self.images) for label in labels]

    def of_row(self, case_id: str, row: pd.Series) -> tuple[list[Volume], Mask]:
        how = reading_of(row)
        return self.read([row[name] for name in self.images], row["mask"], case_id=case_id, **how)

    def read(self, images: Sequence[Any], mask: Any, **how: Any) -> tuple[list[Volume], Mask]:
        """Return the images and the region, all on one grid."""
        pairs = [self.task.read(image, mask, **how) for image in images]
        return [volume for volume, _ in pairs], pairs[0][1]

    def values(self, volumes: Sequence[Volume], mask: Mask) -> Floats:
        """Channels of the voxels of the region, shape (n_voxels, n_channels)."""
        box = widen(bounding_box(mask), REACH_MM, mask)
        region = crop(mask, box)
        return np.column_stack([column for volume in volumes for column in self._columns(crop(volume, box), region)])

    def _columns(self, volume: Volume, region: Mask) -> Iterator[Floats]:
        for channel in self.channels:
            if isinstance(channel, str):
                yield feature_maps(volume, region, [channel])[channel].array[region.array]
                continue
            found = channel.apply(volume).array[region.array].astype(float)
            if not np.isfinite(found).all():
                raise InputError(f"The channel {channel!r} holds NaN or infinite values inside the region.")
            yield found


@dataclass(frozen=True)
class _Labeller:
    """Habitats as they were learnt, found in a case."""

    reader: _Reader
    model: Any
    ranks: NDArray[np.int64]
    mean: Floats
    sd: Floats
    scale: str

    def label(self, volumes: Sequence[Volume], mask: Mask) -> Volume:
        values = self.reader.values(volumes, mask)
        if self.scale == "case":
            values = _within(values)
        labels = np.zeros(mask.shape, dtype=np.uint8)
        with one_thread():
            labels[mask.array] = self.ranks[self.model.predict(_scores(values, self.mean, self.sd))]
        return Volume(labels, mask.spacing, mask.origin, mask.direction)


@dataclass(frozen=True)
class _Measurement:
    """The work on one case; what goes to a worker."""

    labeller: _Labeller
    task: CaseTask | None

    def __call__(self, case_id: str, row: pd.Series) -> CaseResult:
        reader = self.labeller.reader
        volumes, mask = reader.of_row(case_id, row)
        labels = self.labeller.label(volumes, mask).array
        found: dict[str, float] = {}
        for k in range(1, len(self.labeller.ranks) + 1):
            habitat = mask.with_array(labels == k)
            found[f"habitat{k}_fraction"] = habitat.array.sum() / mask.array.sum()
            for prefix, volume in zip(_prefixes(reader.images), volumes, strict=True):
                found |= {f"habitat{k}_{prefix}{name}": value for name, value in self._features(volume, habitat, k)}
        return CaseResult(found, {"voxels": int(mask.array.sum())})

    def _features(self, volume: Volume, habitat: Mask, k: int) -> list[tuple[str, float]]:
        if self.task is None:
            return []
        try:
            if not habitat.array.any():
                raise MaskError("it has no voxel")
            with one_thread():
                return list(self.task.pipeline.measure(volume, habitat).features.items())
        except MaskError as error:
            warnings.warn(f"Habitat {k} cannot be measured, its features are NaN: {error}", DataWarning, stacklevel=2)
            return [(name, np.nan) for name in self.task.pipeline.names]


def _sample(item: tuple[Any, pd.Series], *, reader: _Reader, per_case: int, scale: str, seed: int) -> Floats:
    """Draw training voxels of one case; a message names it."""
    case_id, row = item
    try:
        values = reader.values(*reader.of_row(str(case_id), row))
    except InputError as error:
        text = str(error)
        raise type(error)(text if str(case_id) in text else f"Case {case_id}: {text}") from error
    if scale == "case":
        values = _within(values)
    rng = np.random.default_rng((seed, zlib.crc32(str(case_id).encode())))
    return values[rng.permutation(len(values))[:per_case]]


def _within(values: Floats) -> Floats:
    """Z-scores within the region; a constant channel is 0."""
    sd = np.nanstd(values, axis=0)
    return (values - np.nanmean(values, axis=0)) / np.where(sd > 0, sd, 1.0)


def _moments(voxels: Floats, names: Sequence[str]) -> tuple[Floats, Floats]:
    mean, sd = np.nanmean(voxels, axis=0), np.nanstd(voxels, axis=0)
    flat = [name for name, s in zip(names, sd, strict=True) if not s > 0]
    if flat:
        raise InputError(f"The channels {', '.join(flat)} do not vary over the training voxels; leave them out.")
    return mean, sd


def _scores(values: Floats, mean: Floats, sd: Floats) -> Floats:
    """Z-scores of the training voxels; what is not defined is average."""
    return np.nan_to_num((values - mean) / sd, nan=0.0)


def _cluster(method: str, n: int, seed: int) -> Any:
    if method == "kmeans":
        from sklearn.cluster import KMeans

        return KMeans(n, n_init=10, random_state=seed)
    from sklearn.mixture import GaussianMixture

    return GaussianMixture(n, n_init=3, random_state=seed)


def _channel(channel: str | Filter) -> str | Filter:
    """Return a filter, or the name of a feature map, which holds two underscores."""
    if isinstance(channel, str) and channel.count("_") >= 2:
        return channel
    found = as_filter(channel)
    if len(found.names) != 1:
        raise ParameterError(f"The channel {channel!r} gives {len(found.names)} images; required: a filter with one.")
    return found


def _prefixes(images: Sequence[str]) -> list[str]:
    """Name an image in a column: not at all if it is the only one, else without ``image_``."""
    return [""] if len(images) == 1 else [f"{str(name).removeprefix('image_')}_" for name in images]
