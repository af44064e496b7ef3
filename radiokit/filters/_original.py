"""No filter: the image as it is."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from radiokit.filters._base import Filter
from radiokit.io import Volume


@dataclass(frozen=True)
class Original(Filter):
    """The image itself.

    Examples
    --------
    >>> Original().names
    ('original',)
    """

    @property
    def names(self) -> tuple[str, ...]:
        """Name of the image."""
        return ("original",)

    def images(self, volume: Volume) -> Iterator[tuple[str, Volume]]:
        """Yield the volume itself.

        Parameters
        ----------
        volume : Volume
            The image.

        Yields
        ------
        name : str
            ``"original"``.
        image : Volume
            The same object.
        """
        yield "original", volume
