"""An image and its region, read together and checked against each other."""

from __future__ import annotations

import os

import numpy as np

from radiokit.exceptions import FileError
from radiokit.io._mask import as_label, on_own_grid
from radiokit.io._pictures import on_picture
from radiokit.io._read import existing, read_volume
from radiokit.io._volume import Mask, Volume
from radiokit.io.geometry import check_geometry, coincide, on_grid_of, warn_of_other_frame


def read_pair(
    image: str | os.PathLike[str],
    mask: str | os.PathLike[str],
    *,
    label: int | str | float | None = None,
    roi: int | str | None = None,
    suv: str | None = None,
    series: int | str | None = None,
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
    suv, series : str, optional
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
    FileError
        As `read_volume`; or if voxels of the region are NaN or infinite.
    MaskError, GeometryError, ParameterError
        As `read_mask` and `check_geometry`.

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
    volume = read_volume(image, suv=suv, series=series)
    region = check_geometry(volume, mask_for(volume, mask, label=label, roi=roi), case_id)
    bad = int(np.count_nonzero(~np.isfinite(volume.array[region.array])))
    if bad:
        case = "" if case_id is None else f"Case {case_id}: "
        raise FileError(
            f"{case}{bad} of {int(region.array.sum())} voxels of the region are NaN or infinite in {image}; required: "
            "numbers. Export the image again, or draw the region without them."
        )
    return volume, region


def mask_for(
    image: Volume, path: str | os.PathLike[str], *, label: int | str | float | None = None, roi: int | str | None = None
) -> Mask:
    """Read the mask of an image without resampling; `check_geometry` then tests whether it lies on the image's grid.

    Contours are filled on the image; a segmentation of DICOM or 3D Slicer may cover a part of its voxels.
    """
    mask = on_own_grid(existing(path), as_label(label), roi, image)
    warn_of_other_frame(image, mask)
    # 3D Slicer crops a segmentation to what is drawn; it lies on the image's voxels all the same.
    if mask.metadata["format"] == "Slicer" and coincide(mask, image):
        return on_grid_of(mask, image)
    return on_picture(mask, image)
