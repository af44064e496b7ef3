"""The crops of a table as a network takes them: batch by batch, checked once, and never all of them in one array."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from radiokit.exceptions import InputError

Array = NDArray[np.float32]
Selection = slice | NDArray[np.intp]


class CropStore:
    """Crops of cases, in memory or mapped from files.

    `crops` are arrays (channels, z, y, x), one for each case; a channel that is NaN throughout is absent. `ids` name
    the cases in messages. InputError where there is no case, or some voxels of a crop are NaN or infinite.
    """

    def __init__(self, crops: Iterable[Array], ids: Sequence[str]) -> None:
        self.crops = list(crops)
        self.ids = list(map(str, ids))
        if not self.crops:
            raise InputError("X has no cases; required: one at least.")
        self.present = np.array([[self._holds(c) for c in crop] for crop in self.crops], dtype=np.float32)
        wrong = [i for i, row in enumerate(self.present) if np.isnan(row).any()]
        if wrong:
            raise InputError(
                f"case {self.ids[wrong[0]]}: the patch holds NaN or infinite voxels ({len(wrong)} of {len(self)} cases "
                "do); required: numbers. A channel that is NaN throughout counts as absent."
            )

    @staticmethod
    def _holds(channel: Array) -> float:
        """Whether a channel is there: 1, 0, or NaN where only a part of it holds numbers."""
        if np.isfinite(channel).all():
            return 1.0
        return 0.0 if np.isnan(channel).all() else np.nan

    def __len__(self) -> int:
        return len(self.crops)

    @property
    def shape(self) -> tuple[int, ...]:
        """Channels and voxels of a crop, (channels, z, y, x)."""
        return self.crops[0].shape

    def require(self, *, complete: bool, names: Sequence[str], are_images: Sequence[bool]) -> None:
        """Raise InputError for cases that lack a sequence where none may be lacking, or all of them."""
        lacking = np.flatnonzero((self.present == 0).any(axis=1))
        if lacking.size and complete:
            i = lacking[0]
            absent = ", ".join(names[int(c)] for c in np.flatnonzero(self.present[i] == 0))
            raise InputError(
                f"case {self.ids[i]} lacks {absent} ({lacking.size} of {len(self)} cases lack a sequence). Leave "
                "them out, or set missing='zero' in Crop: which are absent is then an input of the network."
            )
        blind = np.flatnonzero((self.present[:, np.array(are_images)] == 0).all(axis=1))
        if blind.size:
            raise InputError(f"case {self.ids[blind[0]]} has no image at all.")

    def take(self, rows: Selection) -> CropStore:
        """Return some cases; no voxel is copied."""
        part = CropStore.__new__(CropStore)
        chosen = np.arange(len(self))[rows]
        part.crops, part.ids = [self.crops[i] for i in chosen], [self.ids[i] for i in chosen]
        part.present = self.present[chosen]
        return part

    def batch(self, rows: Selection = slice(None)) -> Array:
        """Return crops in one array (n, channels, z, y, x); absent channels are 0."""
        chosen = np.arange(len(self))[rows]
        found = np.stack([self.crops[i] for i in chosen])
        found[self.present[chosen] == 0] = 0.0
        return found

    def scale(self, rows: NDArray[np.intp]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Mean and standard deviation of each channel over the cases that have it; 0 and 1 where there is nothing."""
        channels = self.shape[0]
        mean, sd = np.zeros(channels), np.ones(channels)
        for c in range(channels):
            own = [self.crops[i][c] for i in rows if self.present[i, c] > 0]
            if own:
                mean[c] = np.mean([channel.mean(dtype=np.float64) for channel in own])
                sd[c] = np.sqrt(np.mean([((channel - mean[c]) ** 2).mean() for channel in own])) or 1.0
        return mean, sd

    def digest(self) -> bytes:
        """Return a number of all voxels."""
        found = hashlib.sha256(repr((len(self), self.shape)).encode())
        for crop in self.crops:
            found.update(np.ascontiguousarray(crop).data)
        return found.digest()
