"""Feature maps by name; each becomes an image when it is asked for."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np
from numpy.typing import NDArray

from radiokit.io import Volume


class FeatureMaps(Mapping[str, Volume]):
    """Maps of features by name; it is read like a dict of volumes.

    The values of the region are held, and an image is made when it is asked for: ninety maps of a CT of 512 x 512 x 100
    voxels would take 19 GB, the values of 100,000 voxels take 75 MB.

    Parameters
    ----------
    image : Volume
        Whose grid the maps have.
    inside : ndarray of bool, shape of the image
        The region.
    values : mapping of str to ndarray of shape (n_voxels,)
        Of each feature the values in the region, z slowest.
    outside : float
        Value outside of the region.

    Examples
    --------
    >>> region = np.array([[[False, True, True]]])
    >>> maps = FeatureMaps(Volume(np.zeros((1, 1, 3))), region, {"mean": np.array([4.0, 5.0])}, -1.0)
    >>> maps["mean"].array.tolist()
    [[[-1.0, 4.0, 5.0]]]
    >>> list(maps)
    ['mean']
    """

    def __init__(
        self, image: Volume, inside: NDArray[np.bool_], values: Mapping[str, NDArray[np.float64]], outside: float
    ) -> None:
        self._image, self._inside, self._values, self._outside = image, inside, dict(values), outside

    def __getitem__(self, name: str) -> Volume:
        array = np.full(self._inside.shape, float(self._outside))
        array[self._inside] = self._values[name]
        volume: Volume = self._image.with_array(array)
        return volume

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)

    def __repr__(self) -> str:
        return f"FeatureMaps({len(self)} maps of {np.count_nonzero(self._inside)} voxels in {self._inside.shape})"
