"""Habitats: sub-regions of similar voxels, learnt on training cases and found again in others."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, Self

import numpy as np
import pandas as pd

from radiokit.exceptions import CaseTableError, InputError, ParameterError
from radiokit.features._extractor import RadiomicsExtractor
from radiokit.features._habitat_cases import Floats, Labeller, Measurement, Reader, prefixes, sample, z_scores
from radiokit.filters import Filter, as_filter
from radiokit.io import Mask, Volume, read_cases
from radiokit.io.case_extractor import CaseTable
from radiokit.io.case_rows import case_table
from radiokit.io.reading import ImageLike, MaskLike, Reading
from radiokit.utils import Extraction, one_thread, parallel_map, run_cases, spawn_seeds
from radiokit.utils.transformer import CaseTransformer

if TYPE_CHECKING:
    from sklearn.cluster import KMeans
    from sklearn.mixture import GaussianMixture
    from sklearn.utils import Tags

METHODS = ("kmeans", "gmm")
SCALES = ("cohort", "case")


class Habitats(CaseTransformer):
    """Sub-regions of similar voxels, by k-means or a Gaussian mixture, as a transformer of case tables.

    Parameters
    ----------
    n_habitats : int
        Number of habitats.
    method : {"kmeans", "gmm"}
        k-means, for groups of similar extent; or a mixture of Gaussians with full covariances, for groups that differ
        in spread. Start with k-means.
    channels : sequence of str or Filter
        What describes a voxel of each image: its intensity (``"original"``), a filtered image (a filter of
        `radiokit.filters` that gives one image), or a feature map of 3x3x3 voxels (``"original_firstorder_Entropy"``).
    images : sequence of str
        Columns of the case table with the images, one for each sequence, all on the grid of the mask: the column
        ``mask``, or that of the first image (``mask_T1`` of ``image_T1``). `radiokit.preprocessing.on_grid_of` and
        `align` put sequences onto one grid.
    extractor : RadiomicsExtractor, optional
        What to measure in each habitat of each image, and how to run: its `n_jobs`, `on_error` and `progress` count.
        None measures volume fractions only.
    scale : {"cohort", "case"}
        Whose mean and standard deviation make z-scores of the channels: those of the training voxels, for calibrated
        images (CT, SUV), or those of each region itself, for images of arbitrary unit.
    voxels_per_case : int
        Voxels drawn at random from each training case, so that large tumours do not dominate.
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

    def fit(self, X: Any = None, y: object = None) -> Self:
        """Learn the habitats from the voxels of training cases.

        Parameters
        ----------
        X : DataFrame or path
            Case table with the columns of `images` and ``mask``.
        {y_unused}

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
        task = partial(sample, reader=reader, per_case=self.voxels_per_case, scale=self.scale, seed=draw)
        run = self.extractor or RadiomicsExtractor()
        parts = parallel_map(
            task, list(table.iterrows()), n_jobs=run.n_jobs, progress=run.progress, description="Training voxels"
        )
        voxels = np.concatenate(parts)
        if len(voxels) < self.n_habitats:
            raise InputError(f"The training cases hold {len(voxels)} voxels; required: at least {self.n_habitats}.")
        self.mean_, self.sd_ = _moments(voxels, reader.names)
        with one_thread():
            self.model_ = _cluster(self.method, self.n_habitats, start).fit(z_scores(voxels, self.mean_, self.sd_))
        centers = self.model_.cluster_centers_ if self.method == "kmeans" else self.model_.means_
        # Dark to bright by the first channel; the next ones break ties.
        self._order = np.lexsort(centers.T[::-1])
        self.centers_ = pd.DataFrame(
            centers[self._order] * self.sd_ + self.mean_,
            index=pd.RangeIndex(1, self.n_habitats + 1, name="habitat"),
            columns=reader.names,
        )
        return self

    def label_map(
        self,
        images: ImageLike | Sequence[ImageLike],
        mask: MaskLike,
        *,
        label: int | None = None,
        spacing: Sequence[float] | None = None,
    ) -> Volume:
        """Return the number of the habitat of each voxel of a region.

        Parameters
        ----------
        images : path, Volume, SimpleITK.Image, ndarray, or a list of these
            One image for each name of `images`, in this order.
        {any_mask} {label} {array_spacing}

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
        listed: list[Any] = list(images) if isinstance(images, list | tuple) else [images]
        if len(listed) != len(self.images):
            raise ParameterError(f"{len(listed)} images are given; required: one for each of {tuple(self.images)!r}.")
        return self._labeller().label(*self._reader().read(listed, mask, Reading(label=label, spacing=spacing)))

    def masks(
        self,
        images: ImageLike | Sequence[ImageLike],
        mask: MaskLike,
        *,
        label: int | None = None,
        spacing: Sequence[float] | None = None,
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

    def transform(self, X: CaseTable) -> pd.DataFrame:
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

    def extract(self, cases: CaseTable) -> Extraction:
        """Find and measure the habitats of each case, and record the failures.

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
        task = None if self.extractor is None else run.case_task()
        return run_cases(
            self._table(cases),
            Measurement(self._labeller(), task),
            columns=self.get_feature_names_out(),
            n_jobs=run.n_jobs,
            on_error=run.on_error,
            progress=run.progress,
            description="Habitats",
        )

    def get_feature_names_out(self, input_features: object = None) -> np.ndarray:
        """Names of the columns.

        Parameters
        ----------
        {input_features}

        Returns
        -------
        ndarray of str
            One name for each column.

        Examples
        --------
        >>> Habitats(n_habitats=2).get_feature_names_out().tolist()
        ['habitat1_fraction', 'habitat2_fraction']
        """
        features = [] if self.extractor is None else list(self.extractor.get_feature_names_out())
        images = prefixes(self.images)
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

    def _table(self, cases: CaseTable) -> pd.DataFrame:
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

    def _reader(self) -> Reader:
        run = self.extractor or RadiomicsExtractor()
        channels = tuple(_channel(c) for c in self.channels)
        return Reader(run.case_task(), tuple(self.images), channels)

    def _labeller(self) -> Labeller:
        return Labeller(self._reader(), self.model_, np.argsort(self._order) + 1, self.mean_, self.sd_, self.scale)

    def _require_fitted(self) -> None:
        if not self.__sklearn_is_fitted__():
            raise ParameterError(
                "Habitats is not fitted (it has learnt nothing yet): call fit with training cases first."
            )

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self, "model_")

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.requires_fit = True
        return tags


def _moments(voxels: Floats, names: Sequence[str]) -> tuple[Floats, Floats]:
    mean, sd = np.nanmean(voxels, axis=0), np.nanstd(voxels, axis=0)
    flat = [name for name, s in zip(names, sd, strict=True) if not s > 0]
    if flat:
        raise InputError(f"The channels {', '.join(flat)} do not vary over the training voxels; leave them out.")
    return mean, sd


def _cluster(method: str, n: int, seed: int) -> KMeans | GaussianMixture:
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
