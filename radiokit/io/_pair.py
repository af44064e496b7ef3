"""An image and its region, read together and checked against each other."""

from __future__ import annotations

import os

from radiokit.io._geometry import check_geometry
from radiokit.io._mask import read_mask
from radiokit.io._read import read_volume
from radiokit.io._volume import Mask, Volume


def read_pair(
    image: str | os.PathLike[str],
    mask: str | os.PathLike[str],
    *,
    label: int | str | float | None = None,
    roi: int | str | None = None,
    suv: str | None = None,
    case_id: str | None = None,
) -> tuple[Volume, Mask]:
    """Read an image and its mask, and see that they share one grid.

    Parameters
    ----------
    image : path
        As `read_volume`.
    mask : path
        As `read_mask`.
    label : int, optional
        The label in a label map.
    roi : str or int, optional
        The region in a structure set or segmentation.
    suv : str, optional
        As `read_volume`.
    case_id : str, optional
        For the message.

    Returns
    -------
    image : Volume
        The image.
    mask : Mask
        The region, on exactly the image's grid.

    Raises
    ------
    FileError, MaskError, GeometryError, ParameterError
        As the functions that do the work.

    Examples
    --------
    >>> import tempfile, numpy as np
    >>> from radiokit.io import Mask, Volume, write_volume
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     write_volume(Volume(np.ones((2, 2, 2))), f"{folder}/image.nii.gz")
    ...     write_volume(Mask(np.eye(2, dtype=bool)[None].repeat(2, 0)), f"{folder}/mask.nii.gz")
    ...     volume, region = read_pair(f"{folder}/image.nii.gz", f"{folder}/mask.nii.gz")
    >>> int(region.array.sum())
    4
    """
    volume = read_volume(image, suv=suv)
    region = read_mask(mask, label=label, roi=roi)
    return volume, check_geometry(volume, region, case_id)
