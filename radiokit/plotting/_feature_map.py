"""A map over its image: voxel-wise features, attributions, or the region alone."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.image import AxesImage
from numpy.typing import NDArray

from radiokit.exceptions import InputError
from radiokit.plotting._display import Display
from radiokit.plotting._style import plain, style

if TYPE_CHECKING:  # drawing loads no image reader
    from radiokit.io import Mask, Volume

AXES = ("z", "y", "x")


class FeatureMapDisplay(Display):
    """One slice of an image in grey, a map over it in colour, the outline of the region in white.

    Parameters
    ----------
    image, values : ndarray of shape (z, y, x)
        The image, and the map on the same grid; NaN where the map has no value.
    mask : ndarray of bool, shape (z, y, x), optional
        The region.
    spacing : tuple of 3 float
        In mm, (z, y, x): slices keep their proportions.
    label : str
        What the map shows.

    Examples
    --------
    >>> import numpy as np
    >>> from radiokit.io import Volume
    >>> image = Volume(np.arange(27.0).reshape(3, 3, 3))
    >>> FeatureMapDisplay.from_volumes(image, image.with_array(image.array**2), label="squared").plot().close()
    """

    def __init__(
        self,
        image: NDArray[Any],
        values: NDArray[Any],
        mask: NDArray[np.bool_] | None = None,
        *,
        spacing: tuple[float, float, float] = (1.0, 1.0, 1.0),
        label: str = "",
    ) -> None:
        for name, array in (("map", values), ("mask", mask)):
            if array is not None and np.shape(array) != np.shape(image):
                raise InputError(
                    f"The {name} has shape {np.shape(array)} and the image {np.shape(image)}; required: one grid."
                )
        self.image, self.values, self.mask = np.asarray(image, dtype=float), np.asarray(values, dtype=float), mask
        self.spacing = spacing
        self.label = label

    @classmethod
    def from_volumes(cls, image: Volume, feature_map: Volume, mask: Mask | None = None, *, label: str = "") -> Self:
        """Take volumes as `radiokit.io` reads them and `radiokit.features.feature_maps` gives them.

        Parameters
        ----------
        image, feature_map : Volume
            On one grid.
        mask : Mask, optional
            The region; outside it the map is not shown.
        label : str
            What the map shows.

        {undrawn}

        Examples
        --------
        >>> import numpy as np
        >>> from radiokit.io import Volume
        >>> image = Volume(np.zeros((2, 3, 3)), spacing=(3.0, 1.0, 1.0))
        >>> FeatureMapDisplay.from_volumes(image, image).spacing
        (3.0, 1.0, 1.0)
        """
        values = np.asarray(feature_map.array, dtype=float)
        if mask is not None:
            values = np.where(mask.array, values, np.nan)
        region = None if mask is None else mask.array
        return cls(image.array, values, region, spacing=image.spacing, label=label)

    def plot(
        self,
        *,
        ax: Axes | None = None,
        axis: int = 0,
        index: int | None = None,
        window: tuple[float, float] | None = None,
    ) -> Self:
        """Draw one slice.

        Parameters
        ----------
        {ax}
        axis : {0, 1, 2}
            Across which axis to cut: z, y or x.
        index : int, optional
            Which slice; the one with most of the region (or of the map) if absent.
        window : tuple of 2 float, optional
            Grey range of the image; its 1st to 99th percentile if absent.

        {drawn}

        Examples
        --------
        >>> import numpy as np
        >>> image = np.arange(18.0).reshape(2, 3, 3)
        >>> FeatureMapDisplay(image, image).plot(index=1).ax_.get_xlabel()
        'z = 1'
        """
        shown = self._region_along(axis)
        if index is None:
            index = int(shown.argmax())
        if not 0 <= index < self.image.shape[axis]:
            raise InputError(f"index is {index}; required: 0 to {self.image.shape[axis] - 1} along {AXES[axis]}.")
        with style():
            ax = self._open(ax, 4.2, 3.6)
            image = self._draw_slice(ax, axis, index, window, None)
            self._bar(image, [ax])
        return self

    def plot_slices(
        self,
        *,
        axis: int = 0,
        count: int = 5,
        window: tuple[float, float] | None = None,
        limits: tuple[float, float] | None = None,
    ) -> Self:
        """Draw several slices through the region side by side, in one scale of colours.

        Parameters
        ----------
        axis : {0, 1, 2}
            Across which axis to cut: z, y or x.
        count : int
            How many slices, evenly through the region (or the map).
        window : tuple of 2 float, optional
            Grey range of the image; its 1st to 99th percentile if absent.
        limits : tuple of 2 float, optional
            Range of the colours; that of the map if absent. Give it, and maps of several cases compare.

        Returns
        -------
        FeatureMapDisplay
            Itself, with ``ax_`` (of the first slice) and ``figure_``.

        Examples
        --------
        >>> import numpy as np
        >>> image = np.arange(36.0).reshape(4, 3, 3)
        >>> len(FeatureMapDisplay(image, image).plot_slices(count=3).figure_.axes)
        4
        """
        if not isinstance(count, int) or count < 1:
            raise InputError(f"count is {count!r}; required: a whole number from 1 on.")
        places = np.flatnonzero(self._region_along(axis) > 0)
        if not places.size:
            raise InputError("The map holds no value and the mask no region; there is no slice to show.")
        chosen = places[np.unique(np.linspace(0, places.size - 1, min(count, places.size)).round().astype(int))]
        known = self.values[np.isfinite(self.values)]
        if limits is None:
            limits = (float(known.min()), float(known.max())) if known.size else (0.0, 1.0)
        with style():
            axes = plt.subplots(
                1, chosen.size, figsize=(1.9 * chosen.size + 0.6, 2.3), layout="constrained", squeeze=False
            )[1]
            for ax, index in zip(axes[0], chosen.tolist(), strict=True):
                image = self._draw_slice(ax, axis, index, window, limits)
            self._open(axes[0, 0], 0, 0)
            self._bar(image, list(axes[0]))
        return self

    def _region_along(self, axis: int) -> NDArray[Any]:
        """Voxels of the region (or the map) in each slice."""
        if axis not in (0, 1, 2):
            raise InputError(f"axis is {axis!r}; required: 0 (z), 1 (y) or 2 (x).")
        shown = np.isfinite(self.values) if self.mask is None else np.asarray(self.mask, dtype=bool)
        return shown.sum(axis=tuple(k for k in range(3) if k != axis))

    def _draw_slice(
        self, ax: Axes, axis: int, index: int, window: tuple[float, float] | None, limits: tuple[float, float] | None
    ) -> AxesImage:
        rows, columns = (s for k, s in enumerate(self.spacing) if k != axis)
        grey = np.take(self.image, index, axis)
        low, high = window or np.percentile(grey, [1, 99])
        look: dict[str, Any] = {"aspect": rows / columns, "interpolation": "nearest"}
        ax.imshow(grey, cmap="gray", vmin=low, vmax=high, **look)
        color = np.ma.masked_invalid(np.take(self.values, index, axis))
        least, most = limits or (None, None)
        image = ax.imshow(color, cmap="viridis", alpha=0.75, vmin=least, vmax=most, **look)
        if self.mask is not None and np.take(self.mask, index, axis).any():
            ax.contour(np.take(self.mask, index, axis), [0.5], colors="white", linewidths=0.8)
        ax.set(xticks=[], yticks=[])
        ax.spines[:].set_visible(False)
        ax.set_xlabel(f"{AXES[axis]} = {index}")
        return image

    def _bar(self, image: AxesImage, axes: list[Axes]) -> None:
        bar = self.figure_.colorbar(image, ax=axes, shrink=0.8, aspect=20)
        bar.outline.set_visible(False)
        bar.set_label(plain(self.label))
