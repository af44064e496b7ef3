"""The base class of filters: a frozen description that turns a volume into one or several on the same grid."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from radiokit.exceptions import ParameterError
from radiokit.io import Volume
from radiokit.preprocessing.boxes import Box, grown, inside
from radiokit.preprocessing.budget import by, require
from radiokit.preprocessing.choices import check_setting

CHOICES = {  # of settings that several filters have
    "pooling": ("max", "mean", "min"),
    "dimension": ("2D", "3D"),
    "boundary": ("zero", "nearest", "periodic", "mirror"),
}


class Filter(ABC):
    """An image filter; subclasses are frozen dataclasses.

    Examples
    --------
    >>> issubclass(Filter, ABC)
    True
    """

    @property
    @abstractmethod
    def names(self) -> tuple[str, ...]:
        """Name of each image the filter makes, as the columns of a feature table carry it."""

    def images(self, volume: Volume) -> Iterator[tuple[str, Volume]]:
        """Yield each filtered image with its name, one at a time, in the order of `names`.

        Parameters
        ----------
        {image}

        Yields
        ------
        name : str
            One of `names`.
        image : Volume
            The response on the grid of `volume`.
        """
        for name, response in zip(self.names, self._responses(volume), strict=True):
            yield name, volume.with_array(response)

    def _responses(self, volume: Volume) -> Iterator[NDArray[Any]]:
        """Yield the response of each image; a filter of your own defines this method, or `images`."""
        raise NotImplementedError(f"{type(self).__name__} defines neither images nor _responses.")

    def apply(self, volume: Volume) -> Volume:
        """Filter an image.

        Parameters
        ----------
        volume : Volume
            The image; it is not changed.

        Returns
        -------
        Volume
            The response on the same grid.

        Raises
        ------
        ParameterError
            If the filter makes several images: then loop over `images`.
        """
        if len(self.names) != 1:
            raise ParameterError(
                f"{self!r} makes {len(self.names)} images ({', '.join(self.names[:3])}, ...); "
                "loop over .images(volume), or choose one."
            )
        return next(image for _, image in self.images(volume))

    def reach(self, spacing: tuple[float, float, float]) -> tuple[int, int, int] | None:
        """Return how far voxels influence the response along z, y, x; None where there is no limit.

        Parameters
        ----------
        spacing : tuple of 3 float
            Of the image, (z, y, x) in mm.

        Returns
        -------
        tuple of 3 int, or None
            Voxels on each side.
        """
        return self._reach(spacing)

    def _check_choices(self) -> None:
        """Refuse values of shared settings that are not among the choices."""
        for name, known in CHOICES.items():
            if name in vars(self):
                check_setting(type(self).__name__, name, vars(self)[name], known)

    def _reach(self, spacing: tuple[float, float, float]) -> tuple[int, int, int] | None:
        return None

    def images_in(self, volume: Volume, box: Box) -> Iterator[tuple[str, Volume]]:
        """Yield each filtered image where only a box of it is needed: the same values there, in less time.

        Parameters
        ----------
        volume : Volume
            The image; it is not changed.
        box : tuple of 3 slice
            The part that is needed, (z, y, x).

        Yields
        ------
        name : str
            One of `names`.
        image : Volume
            The response on the grid of `volume`; outside of the box it need not be computed, and is 0 then.
        """
        reach = self.reach(volume.spacing)
        if reach is None:
            yield from self.images(volume)
            return
        limits = zip(box, reach, volume.shape, strict=True)
        fits = all(s.start >= r and s.stop + r <= n for s, r, n in limits)
        if getattr(self, "boundary", None) == "periodic" and not fits:
            yield from self.images(volume)  # which needs the opposite side
            return
        wide = grown(box, reach, volume.shape)
        for name, response in self.images(Volume(volume.array[wide], volume.spacing)):
            out = np.zeros(volume.shape)
            out[box] = response.array[inside(box, wide)]
            yield name, volume.with_array(out)


def require_taps(kind: Filter, shape: Sequence[int], taps: Sequence[float], *, passes: int = 1) -> None:
    """Refuse a separable kernel, of so many taps along each axis, that is too large for the machine.

    `passes`: how often the kernel, or another of its size, goes over the image.
    """
    voxels = float(np.prod(shape, dtype=float))
    require(
        f"{kind!r}, a kernel of {by(taps)} voxels on an image of {by(shape)},",
        memory=8 * (3 * voxels + 4 * sum(taps)),
        seconds=1e-9 * voxels * sum(taps) * passes,
        instead="Use a smaller kernel, or a coarser grid.",
    )


def tag(value: float) -> str:
    """Return a number as a column name has it: 1.5 is ``1-5``."""
    return str(float(value)).replace(".", "-")
