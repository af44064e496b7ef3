"""What every filter is: a frozen description that turns a volume into one or several volumes on the same grid."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator

from radiokit.exceptions import ParameterError
from radiokit.io import Volume

BOUNDARIES = ("zero", "nearest", "periodic", "mirror")
DIMENSIONS = ("2D", "3D")
POOLINGS = ("max", "mean", "min")


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

    @abstractmethod
    def images(self, volume: Volume) -> Iterator[tuple[str, Volume]]:
        """Yield each filtered image with its name, one at a time, in the order of `names`.

        Parameters
        ----------
        volume : Volume
            The image; it is not changed.

        Yields
        ------
        name : str
            One of `names`.
        image : Volume
            The response, float64, on the grid of `volume`.
        """

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


def check_choice(owner: str, name: str, value: object, known: tuple[object, ...]) -> None:
    """Raise ParameterError unless `value` is one of `known`."""
    if value not in known:
        raise ParameterError(f"{owner}({name}={value!r}); required: one of {', '.join(map(repr, known))}.")


def check_positive(owner: str, name: str, value: float) -> None:
    """Raise ParameterError unless `value` is a finite number above 0."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value < float("inf"):
        raise ParameterError(f"{owner}({name}={value!r}); required: a number above 0.")


def tag(value: float) -> str:
    """Spell a number for a column name: 1.5 is ``1-5``."""
    return str(float(value)).replace(".", "-")
