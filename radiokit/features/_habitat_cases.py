"""Habitats of one case: channels of its voxels, their labels, and the features of each habitat."""

from __future__ import annotations

import warnings
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from radiokit.exceptions import DataWarning, InputError, MaskError
from radiokit.features._cases import CaseTask
from radiokit.features._maps import feature_maps
from radiokit.filters import Filter
from radiokit.io import Mask, Volume
from radiokit.io.reading import ImageLike, MaskLike, Reading
from radiokit.preprocessing import bounding_box, crop
from radiokit.preprocessing.boxes import widen
from radiokit.utils import CaseResult, one_thread

Floats = NDArray[np.float64]
REACH_MM = 50.0  # around the region, for filters


@dataclass(frozen=True)
class Reader:
    """From a row of the case table to the channels of every voxel."""

    task: CaseTask
    images: tuple[str, ...]
    channels: tuple[str | Filter, ...]

    @property
    def names(self) -> list[str]:
        labels = [c if isinstance(c, str) else "+".join(c.names) for c in self.channels]
        return [f"{image}{label}" for image in prefixes(self.images) for label in labels]

    def of_row(self, case_id: str, row: pd.Series) -> tuple[list[Volume], Mask]:
        images = [row[name] for name in self.images]
        return self.read(images, row["mask"], Reading.of_row(row), case_id)

    def read(
        self, images: Sequence[ImageLike], mask: MaskLike, how: Reading, case_id: str | None = None
    ) -> tuple[list[Volume], Mask]:
        """Return the images and the region, all on one grid."""
        pairs = [self.task.read(image, mask, how, case_id) for image in images]
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


class Clusters(Protocol):
    """Clusters that scikit-learn has found."""

    def predict(self, X: Floats) -> NDArray[np.intp]:
        """Return the cluster of each row."""


@dataclass(frozen=True)
class Labeller:
    """Habitats as they were learnt, found in a case."""

    reader: Reader
    model: Clusters
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
            labels[mask.array] = self.ranks[self.model.predict(z_scores(values, self.mean, self.sd))]
        return Volume(labels, mask.spacing, mask.origin, mask.direction)


@dataclass(frozen=True)
class Measurement:
    """The work on one case; what goes to a worker."""

    labeller: Labeller
    task: CaseTask | None

    def __call__(self, case_id: str, row: pd.Series) -> CaseResult:
        reader = self.labeller.reader
        volumes, mask = reader.of_row(case_id, row)
        labels = self.labeller.label(volumes, mask).array
        found: dict[str, float] = {}
        for k in range(1, len(self.labeller.ranks) + 1):
            habitat = mask.with_array(labels == k)
            found[f"habitat{k}_fraction"] = habitat.array.sum() / mask.array.sum()
            for prefix, volume in zip(prefixes(reader.images), volumes, strict=True):
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
            return [(name, np.nan) for name in self.task.names]


def sample(item: tuple[Any, pd.Series], *, reader: Reader, per_case: int, scale: str, seed: int) -> Floats:
    """Draw training voxels of one case; errors name it."""
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


def z_scores(values: Floats, mean: Floats, sd: Floats) -> Floats:
    """Z-scores of the training voxels; an undefined channel counts as average."""
    return np.nan_to_num((values - mean) / sd, nan=0.0)


def prefixes(images: Sequence[str]) -> list[str]:
    """Return the prefix of the columns of each image: none for a single image, else its name without ``image_``."""
    return [""] if len(images) == 1 else [f"{str(name).removeprefix('image_')}_" for name in images]
