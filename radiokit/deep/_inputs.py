"""What goes into a network: crops and clinical numbers, one row for each case. No torch until a batch is made."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from radiokit.deep._store import CropStore, Selection
from radiokit.deep._torch import require_torch
from radiokit.engine.inputs import FloatArray

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True)
class Patches:
    """What augmentation has to know of the patches: mm of a voxel, which channels are images, and whether slices turn.

    Masks among the channels move with the images; their values stay.
    """

    spacing: tuple[float, float, float]
    images: tuple[bool, ...]
    in_plane: bool = False


@dataclass(frozen=True)
class Scaling:
    """Mean and standard deviation of the clinical numbers that a network sees, in training."""

    center: tuple[float, ...] = ()
    scale: tuple[float, ...] = ()

    @classmethod
    def learn(cls, values: FloatArray) -> Scaling:
        """Learn from training cases (n, k); a column without spread is only centred."""
        sd = values.std(axis=0)
        return cls(tuple(values.mean(axis=0).tolist()), tuple(np.where(sd > 0, sd, 1.0).tolist()))

    def __call__(self, values: FloatArray) -> NDArray[np.float32]:
        """Return standardised numbers."""
        return ((values - np.array(self.center)) / np.array(self.scale)).astype(np.float32)


@dataclass(frozen=True, eq=False)
class Inputs:
    """The crops of some cases, and their standardised clinical numbers (n, k)."""

    crops: CropStore
    clinical: NDArray[np.float32]

    def __len__(self) -> int:
        return len(self.crops)

    @property
    def present(self) -> NDArray[np.float32]:
        """Which channels are there, (n, channels)."""
        return self.crops.present

    def take(self, rows: Selection) -> Inputs:
        """Return some rows."""
        return Inputs(self.crops.take(rows), self.clinical[rows])

    def tensors(self, rows: Selection, device: torch.device) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Return images, present channels and clinical numbers of some rows on a device."""
        from_numpy = require_torch().from_numpy
        parts = (self.crops.batch(rows), self.present[rows], self.clinical[rows])
        images, present, clinical = (from_numpy(np.ascontiguousarray(part)).to(device) for part in parts)
        return images, present, clinical
