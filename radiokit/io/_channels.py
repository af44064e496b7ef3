"""The content of a file of voxels: one number for each voxel, or several."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from radiokit.exceptions import FileError
from radiokit.io._volume import Volume

Geometry = tuple[tuple[float, float, float], tuple[float, float, float], tuple[float, ...]]
# Cosines that are rounded to two digits are off by this much; what is further off is a sheared grid.
RIGHT_ANGLE = 0.01
# Distance between voxels, mm: from a nanometre to a kilometre; what is outside is in another unit.
SMALLEST, LARGEST = 1e-6, 1e6


@dataclass(frozen=True)
class Channels:
    """Arrays (channel, z, y, x) on one grid, and the further fields of the header."""

    array: np.ndarray
    geometry: Geometry
    metadata: dict[str, Any]
    fields: Mapping[str, str] = field(default_factory=dict)

    def volume(self, channel: int) -> Volume:
        """Return one channel."""
        return Volume(self.array[channel], *self.geometry, metadata=self.metadata)

    def only(self) -> Volume:
        """Return the only channel; several are an error."""
        if len(self.array) > 1:
            raise FileError(
                f"{self.metadata['path']} has {len(self.array)} components for each voxel; required: one. Split colour "
                "or vector images into one file for each channel."
            )
        return self.volume(0)


def checked_geometry(spacing: ArrayLike, origin: ArrayLike, cosines: ArrayLike, path: Path) -> Geometry:
    """Turn (x, y, z) spacing, origin and cosines (one column for each axis) into (z, y, x) geometry."""
    steps, start, turn = (np.asarray(v, dtype=float) for v in (spacing, origin, cosines))
    for name, values in (("spacing", steps), ("origin", start), ("direction", turn)):
        if not np.isfinite(values).all():
            raise FileError(f"{path}: its {name} is {values.tolist()}; required: finite numbers.")
    if steps.min() < SMALLEST or steps.max() > LARGEST:
        raise FileError(
            f"{path}: its spacing is {steps.tolist()} mm; required: {SMALLEST:g} to {LARGEST:g} mm. Is the unit right?"
        )
    if np.abs(turn.T @ turn - np.eye(3)).max() > RIGHT_ANGLE:
        raise FileError(
            f"{path} has a geometry that cannot be used: its axes {turn.T.tolist()} are not at right angles. "
            "Resample it with the software it came from."
        )
    z, y, x = steps[::-1].tolist()
    return (z, y, x), (float(start[2]), float(start[1]), float(start[0])), tuple(turn.ravel()[::-1].tolist())
