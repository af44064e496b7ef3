"""What a network sees of a case: the settings of its crop, for several sequences."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from radiokit.deep._checks import built
from radiokit.deep._frames import CropShape
from radiokit.deep._patches import Window, check_intensities
from radiokit.exceptions import ParameterError
from radiokit.preprocessing.choices import check_setting


@dataclass(frozen=True)
class Crop:
    """The box around the region that a network sees, and how sequences become channels.

    Parameters
    ----------
    size : tuple of 3 int
        Voxels, (z, y, x).
    spacing : tuple of 3 float
        mm between them, (z, y, x). All sequences are sampled at the same points of the patient, so they have to be
        registered to each other; their own grids may differ.
    window : (float, float), "zscore", None, or a mapping of sequence to one of these
        As `patch`. None leaves intensities as they are; channels are standardised by the training cases in any case.
    mask_channel : bool
        Whether the region is one more channel, so that the network sees its outline.
    missing : {"raise", "zero"}
        A sequence that a case lacks (an empty cell) is an error, or a channel of its training mean with a flag that
        tells the network so.
    too_large : {"crop", "zoom", "error"}
        As `patch`.
    cache : path, optional
        Folder of crops that were read before, by settings and the content of the files. Without it they are kept in
        memory, as far as they fit in a gigabyte, so that the folds of a cross-validation read a case once.

    Raises
    ------
    ParameterError
        If a setting is unknown or out of range.

    Examples
    --------
    >>> Crop(size=(16, 32, 32), spacing=(3, 1, 1), window={"ct": (-150, 250), "mr": "zscore"}).window_of("mr")
    'zscore'
    """

    size: tuple[int, int, int] = (32, 32, 32)
    spacing: tuple[float, float, float] = (2.0, 2.0, 2.0)
    window: Window | Mapping[str, Window] = None
    mask_channel: bool = False
    missing: str = "raise"
    too_large: str = "crop"
    cache: str | os.PathLike[str] | None = None

    def __post_init__(self) -> None:
        shape = shape_of(self, "3D")
        for window in self.window.values() if isinstance(self.window, Mapping) else [self.window]:
            check_intensities(window)
        check_setting("Crop", "missing", self.missing, ("raise", "zero"))
        object.__setattr__(self, "size", shape.size)
        object.__setattr__(self, "spacing", shape.spacing)

    def window_of(self, sequence: str) -> Window:
        """Return the window of a sequence.

        Parameters
        ----------
        sequence : str
            Its name.

        Returns
        -------
        (float, float), "zscore" or None
            As given.

        Raises
        ------
        ParameterError
            If `window` is a mapping without it.

        Examples
        --------
        >>> Crop(window="zscore").window_of("ct")
        'zscore'
        """
        if not isinstance(self.window, Mapping):
            return self.window
        if sequence not in self.window:
            raise ParameterError(f"window names {', '.join(self.window)}; required: a window of {sequence!r} too.")
        return self.window[sequence]

    @classmethod
    def from_mapping(cls, values: Mapping[str, Any] | None) -> Crop:
        """Build from a mapping, as a file holds it, and refuse keys that are not known.

        Parameters
        ----------
        values : mapping or None
            Names of the parameters with their values.

        Returns
        -------
        Crop
            The checked settings.

        Raises
        ------
        ParameterError
            If a key is unknown.

        Examples
        --------
        >>> Crop.from_mapping({"size": [8, 16, 16]}).size
        (8, 16, 16)
        """
        values = dict(values or {})
        if isinstance(values.get("window"), Mapping):
            values["window"] = {k: tuple(v) if isinstance(v, list) else v for k, v in values["window"].items()}
        return built(cls, "crop", values)


def shape_of(crop: Crop, dimension: str) -> CropShape:
    """Return size and kind of a crop for networks of a dimension."""
    return CropShape(crop.size, crop.spacing, dimension, too_large=crop.too_large)
