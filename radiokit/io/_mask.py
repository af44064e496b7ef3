"""Masks: the label is given, or the only one in the file; it is never guessed."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pandas as pd

from radiokit.exceptions import MaskError, ParameterError
from radiokit.io._pictures import is_picture, on_picture, read_picture
from radiokit.io._read import existing, is_dicom, load, load_dicom
from radiokit.io._slicer import is_slicer, read_slicer
from radiokit.io._volume import Grid, Mask, Volume
from radiokit.io.geometry import on_grid_of, warn_of_other_frame

# A scale factor in the header may turn the label 255 into 1.00000006.
ROUNDING = 1e-5


def read_mask(
    path: str | os.PathLike[str],
    *,
    label: int | str | float | None = None,
    roi: int | str | None = None,
    reference: Grid | None = None,
    fill_between: bool = False,
) -> Mask:
    """Read a region.

    Parameters
    ----------
    path : path
        Label map in any format of `read_volume` (of pictures also with a palette); DICOM structure set (RTSTRUCT) or
        segmentation (SEG), or a folder with one of these.
    label : int, optional
        The label that marks the region. Without it the mask must hold one label, whatever its number: 1 and 255 are
        both fine. Text that spells a number is accepted, as tables hold it.
    roi : str or int, optional
        Region of a DICOM structure set or segmentation, or of a segmentation of 3D Slicer (.seg.nrrd): number, name (in
        any case), or pattern as ``"GTV*"``. Without it the file must hold one region.
    reference : Volume, optional
        Put the region on this grid: each of its voxels takes the nearest mask voxel. Without it the mask stays on the
        grid of its file. A structure set has no grid and needs the image here: a voxel belongs to the region if its
        centre lies inside of the contours (even-odd rule, so holes stay holes).
    fill_between : bool
        For a structure set drawn on thicker slices than those of `reference`: give each slice between two contours the
        nearest ones. By default such slices stay empty, with a warning.

    Returns
    -------
    Mask
        Boolean array (z, y, x); the label is in ``metadata["label"]``.

    Raises
    ------
    FileError
        As `read_volume`.
    MaskError
        If the mask is empty, lacks `label` (the message lists the labels present), holds several labels and none is
        asked for, or holds fractions; the same for regions of DICOM files, with their names.
    ParameterError
        If `label` is no number or 0, `roi` is asked of a label map, or a structure set is read without `reference`.

    Examples
    --------
    >>> import tempfile, numpy as np
    >>> from radiokit.io import Volume, write_volume
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     write_volume(Volume(np.array([[[0, 255]]], dtype="u1")), f"{folder}/mask.nii.gz")
    ...     read_mask(f"{folder}/mask.nii.gz").array
    array([[[False,  True]]])
    """
    mask = on_own_grid(existing(path), as_label(label), roi, reference, fill_between=fill_between)
    if reference is None:
        return mask
    warn_of_other_frame(reference, mask)
    return on_grid_of(on_picture(mask, reference), reference)


def on_own_grid(
    path: Path, label: int | None, roi: int | str | None, image: Grid | None, *, fill_between: bool = False
) -> Mask:
    """Return a region on the grid of its file; contours, and frames on voxels of the image, on that of the image."""
    if is_dicom(path):
        return _from_dicom(path, label, roi, image, fill_between)
    if is_slicer(path):
        return read_slicer(path, label, roi)
    if roi is not None:
        raise ParameterError(
            f"roi={roi!r} is for structure sets and segmentations of DICOM and 3D Slicer; use label= for {path}."
        )
    return _from_labels(read_picture(path, indexed=True) if is_picture(path) else load(path), label, path)


def _from_labels(labels: Volume, wanted: int | None, path: Path) -> Mask:
    found, region = select_label(labels, wanted, path)
    return Mask(region, labels.spacing, labels.origin, labels.direction, {**labels.metadata, "label": found})


def _from_dicom(path: Path, label: int | None, roi: int | str | None, image: Grid | None, fill_between: bool) -> Mask:
    from radiokit.io._dicom_files import dicom_mask_of
    from radiokit.io._rtstruct import read_rtstruct
    from radiokit.io._seg import read_seg

    file, modality = dicom_mask_of(path)
    region = label if roi is None else roi
    if modality == "RTSTRUCT":
        return read_rtstruct(file, region, image, fill_between=fill_between)
    return read_seg(file, region, image) if modality == "SEG" else _from_labels(load_dicom(file), label, file)


def as_label(label: int | str | float | None) -> int | None:
    """Read a label as tables hold it: an int, 1.0, "1", or nothing."""
    if label is None or (np.ndim(label) == 0 and pd.isna(label)) or label == "":
        return None
    try:
        number = float(label)
    except (TypeError, ValueError):
        number = np.nan
    if not np.isfinite(number) or number != round(number) or number == 0:
        raise ParameterError(f"The label is {label!r}; required: a whole number other than 0 (0 is the background).")
    return int(number)


def select_label(labels: Volume, label: int | None, path: Path) -> tuple[int, np.ndarray]:
    """Return the label and its region in a label map."""
    array = _whole_numbers(labels.array, path)
    if label is not None:
        region = array == label
        if region.any():
            return label, region
    present = [int(v) for v in np.unique(array[array != 0])]
    if not present:
        raise MaskError(f"{path} holds no labelled voxel: the mask is empty. Draw the region, or take the case out.")
    if label is not None:
        raise MaskError(f"{path} does not hold label {label}; labels present: {_some(present)}. Ask for one of them.")
    if present == [-1]:
        raise MaskError(
            f"{path} holds -1 and 0 only: which of them is the region? Use label=-1 if that is; "
            "otherwise write 0 outside and 1 inside."
        )
    if len(present) > 1:
        raise MaskError(
            f"{path} holds several labels: {_some(present)}. Name one with label=, or a column `label` in "
            "the case table."
        )
    return present[0], array == present[0]


def _whole_numbers(array: np.ndarray, path: Path) -> np.ndarray:
    if array.dtype.kind != "f":
        return array
    if not np.isfinite(array).all():
        raise MaskError(f"{path} holds NaN or infinite voxels; a mask needs whole numbers.")
    rounded = np.rint(array)
    off = np.abs(array - rounded) > ROUNDING
    if off.any():
        raise MaskError(
            f"{path} holds fractions ({int(off.sum())} voxels, for example {array[off][0]!s}); a mask needs "
            "whole numbers. Cut a probability map at a threshold, and resample masks by nearest neighbour."
        )
    return rounded


def _some(labels: list[int], most: int = 20) -> str:
    return ", ".join(map(str, labels[:most])) + (f", ... ({len(labels)} in all)" if len(labels) > most else "")
