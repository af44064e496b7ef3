"""Volumes to files: whole, or not at all."""

from __future__ import annotations

import os
from pathlib import Path

from radiokit.exceptions import FileError
from radiokit.io._nifti import read_nifti
from radiokit.io._volume import Grid
from radiokit.io.sitk import to_sitk
from radiokit.utils import atomic_write

WRITABLE = (".nii", ".nii.gz", ".nrrd", ".mha")


def write_volume(volume: Grid, path: str | os.PathLike[str]) -> None:
    """Write an image or a mask (as 0 and 1).

    Parameters
    ----------
    volume : Volume or Mask
        What to write.
    path : path
        Target; its suffix decides the format: .nii, .nii.gz, .nrrd, .mha. A file there is replaced.

    Raises
    ------
    FileError
        If the suffix is another, or the file cannot be written; nothing half-written stays behind.

    Notes
    -----
    The file is written under another name and renamed when it is complete. Files with compression are compressed.

    Examples
    --------
    >>> import tempfile, numpy as np
    >>> from radiokit.io import Volume, read_volume
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     write_volume(Volume(np.eye(3)[None]), f"{folder}/eye.nrrd")
    ...     float(read_volume(f"{folder}/eye.nrrd").array.sum())
    3.0
    """
    import SimpleITK as sitk

    path = Path(path)
    suffix = next((s for s in sorted(WRITABLE, key=len, reverse=True) if path.name.lower().endswith(s)), None)
    if suffix is None:
        raise FileError(f"{path} has the suffix {path.suffix!r}; can be written: {', '.join(WRITABLE)}.")
    with atomic_write(path) as draft:
        try:
            sitk.WriteImage(to_sitk(volume), str(draft), useCompression=True)
            if suffix.startswith(".nii"):
                read_nifti(draft)  # ITK does not notice that a disk is full when it writes this format
        except (RuntimeError, FileError) as error:
            reason = str(error).strip().splitlines()[-1]
            raise FileError(f"{path} cannot be written: {reason} Does the folder exist, and has it room?") from error
