"""Local intensity (IBSI 9ST6): mean intensity in a ball of 1 cm³ around a voxel."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from radiokit.features._region import Region
from radiokit.utils.jit import compiled

RADIUS = (3 / (4 * np.pi)) ** (1 / 3) * 10  # mm, of a ball of 1 cm³


class Peaks:
    """Means of the balls around the voxels of a region.

    Parameters
    ----------
    region : Region
        The region (intensity mask).
    image : ndarray of float, shape (z, y, x)
        Intensities, also outside the region: they count where the ball reaches them.
    """

    def __init__(self, region: Region, image: np.ndarray) -> None:
        reach = np.floor(RADIUS / region.spacing + 1e-9).astype(int)
        steps = np.stack(np.meshgrid(*(np.arange(-r, r + 1) for r in reach), indexing="ij"), axis=-1).reshape(-1, 3)
        near = np.sqrt(((steps * region.spacing) ** 2).sum(axis=1)) <= RADIUS
        places = region.coordinates + np.array([s.start for s in region.box])
        self.x = region.pick(image)
        self.means: np.ndarray = _ball_means(np.asarray(image, dtype=float), places, steps[near])


@compiled
def _ball_means(image, places, steps):  # type: ignore[no-untyped-def]
    means = np.empty(len(places))
    for n in range(len(places)):
        total = 0.0
        count = 0
        for k in range(len(steps)):
            z, y, x = places[n, 0] + steps[k, 0], places[n, 1] + steps[k, 1], places[n, 2] + steps[k, 2]
            if 0 <= z < image.shape[0] and 0 <= y < image.shape[1] and 0 <= x < image.shape[2]:
                value = image[z, y, x]
                if not np.isnan(value):
                    total += value
                    count += 1
        means[n] = total / count
    return means


FEATURES: dict[str, Callable[[Peaks], float]] = {
    # The ball around the brightest voxel; of several brightest ones, the brightest ball.
    "local_intensity_peak": lambda p: float(p.means[p.x == p.x.max()].max()),
    "global_intensity_peak": lambda p: float(p.means.max()),
}
