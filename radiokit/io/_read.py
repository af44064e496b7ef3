"""Images of any format: the suffix decides which reader is used."""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from radiokit.exceptions import DataWarning, FileError, ParameterError
from radiokit.io._channels import Channels
from radiokit.io._dicom_marks import DICOM_SUFFIXES, is_dicom_file
from radiokit.io._metaimage import metaimage_channels, read_metaimage
from radiokit.io._nifti import nifti_channels, read_nifti
from radiokit.io._nrrd import nrrd_channels, read_nrrd
from radiokit.io._pictures import PICTURES, is_picture, read_picture
from radiokit.io._volume import Volume
from radiokit.utils import regular_file

READERS: dict[str, Callable[[Path], Volume]] = {
    ".nii": read_nifti,
    ".nii.gz": read_nifti,
    ".nrrd": read_nrrd,
    ".nhdr": read_nrrd,
    ".mha": read_metaimage,
    ".mhd": read_metaimage,
}
CHANNELS: dict[Callable[[Path], Volume], Callable[[Path], Channels]] = {
    read_nifti: nifti_channels,
    read_nrrd: nrrd_channels,
    read_metaimage: metaimage_channels,
}


def suffix_of(path: Path) -> str:
    """Return the suffix in lower case, ``.nii.gz`` as one."""
    name = path.name.lower()
    return ".nii.gz" if name.endswith(".nii.gz") else path.suffix.lower()


def is_dicom(path: Path) -> bool:
    """Whether a path is a folder, or a file with DICOM's prefix, suffix or first bytes."""
    if path.is_dir() or path.suffix.lower() in DICOM_SUFFIXES:
        return True
    return suffix_of(path) not in (*READERS, *PICTURES) and path.is_file() and is_dicom_file(path)


def read_volume(
    path: str | os.PathLike[str],
    *,
    suv: str | None = None,
    series: int | str | None = None,
    spacing: Sequence[float] | None = None,
) -> Volume:
    """Read an image.

    Parameters
    ----------
    path : path
        NIfTI (.nii, .nii.gz), NRRD (.nrrd, .nhdr) or MetaImage (.mha, .mhd) file of one scalar volume; a folder with a
        DICOM series; a DICOM file (one slice, enhanced multi-frame, or dose); or a grey picture (.png, .jpg, .tif,
        .bmp), read as one slice (1, y, x).
    suv : {"bw", "lbm", "bsa"}, optional
        Turn PET DICOM into standardised uptake values by body weight (g/ml), lean body mass (Janmahasatian, g/ml) or
        body surface (Du Bois, cm²/ml), corrected for decay. Other formats lack what that needs.
    series : int or str, optional
        Number or UID of the series, for a DICOM folder that holds several.
    spacing : sequence of 2 float, optional
        For pictures, and only for them: mm between pixels, (y, x). Without it the file's resolution counts, if it has
        one other than a screen's (72 or 96 dots an inch); else 1 mm, with a warning.

    Returns
    -------
    Volume
        Array (z, y, x) in the file's own numbers (its scale applied), spacing and origin in mm, (z, y, x).

    Raises
    ------
    FileError
        If the file is missing, cut off, damaged (the compressed part's checksum is verified), of an unknown format, or
        holds anything but one scalar volume. DICOM: also if slices are missing, double, not parallel or shifted, and if
        `suv` needs a tag that is missing or implausible (the message names it).
    ParameterError
        If `suv` is asked of a format or modality that cannot give it, or `spacing` is given for anything but a picture.

    Warns
    -----
    DataWarning
        If voxels are NaN or infinite: they are returned as they are. If the spacing of a picture is unknown.

    Examples
    --------
    >>> import tempfile, numpy as np
    >>> from radiokit.io import Volume, write_volume
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     write_volume(Volume(np.ones((2, 3, 4)), spacing=(3, 1, 1)), f"{folder}/image.nii.gz")
    ...     read_volume(f"{folder}/image.nii.gz").spacing
    (3.0, 1.0, 1.0)
    """
    path = existing(path)
    if is_picture(path) and suv is None:
        return read_picture(path, spacing)
    if spacing is not None:
        raise ParameterError(f"spacing= is for pictures ({', '.join(PICTURES)}); {path} has its own.")
    if is_dicom(path):
        return load_dicom(path, suv=suv, series=series)
    if suv is not None:
        raise ParameterError(f"suv={suv!r} needs a PET series in DICOM; {path} does not hold dose, weight and times.")
    volume = load(path)
    _warn_not_finite(volume, path)
    return volume


def load(path: Path) -> Volume:
    """Read a file of one volume with the reader of its suffix."""
    suffix = suffix_of(path)
    if suffix not in READERS:
        known = ", ".join((*READERS, *PICTURES))
        raise FileError(f"{path} has the suffix {suffix!r}; known are {known} and DICOM folders.")
    return READERS[suffix](path)


def load_channels(path: Path) -> Channels:
    """Read a file of one volume or several on one grid."""
    return CHANNELS[READERS[suffix_of(path)]](path)


def load_dicom(path: Path, *, suv: str | None = None, series: int | str | None = None) -> Volume:
    """Read DICOM; its package is loaded here, when it is needed."""
    from radiokit.io._dicom import read_dicom

    return read_dicom(path, suv=suv, series=series)


def existing(path: str | os.PathLike[str]) -> Path:
    """Return the path of a folder or an ordinary file that is not empty, or raise an error."""
    found = Path(path)
    try:
        there, folder = found.exists(), found.is_dir()
    except (OSError, ValueError) as error:
        raise FileError(f"Cannot read {found}: {getattr(error, 'strerror', None) or error}.") from error
    if not there:
        raise FileError(f"{found} does not exist.")
    if not folder and regular_file(found).stat().st_size == 0:
        raise FileError(f"{found} is empty (0 bytes). Copy it again from its source.")
    return found


def _warn_not_finite(volume: Volume, path: Path) -> None:
    if volume.array.dtype.kind != "f":
        return
    bad = int(volume.array.size - np.count_nonzero(np.isfinite(volume.array)))
    if bad:
        warnings.warn(
            f"{path}: {bad} of {volume.array.size} voxels are NaN or infinite. They are kept as they are; features of "
            "a region that holds one cannot be computed. Export the image again, or give these voxels a value.",
            DataWarning,
            stacklevel=3,
        )
