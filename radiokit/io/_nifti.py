"""NIfTI voxels straight from the file's bytes.

ITK's reader pads a truncated gzip stream with zeros and turns NaN into 0, both without a warning. So the voxels are
decoded here: the length and the gzip checksum have to be right, and NaN stays NaN. ITK is asked for the geometry alone,
and only where axes are turned or the header contradicts itself.
Format: Cox et al. 2004, "A (sort of) new image data format standard: NIfTI-1"; NIfTI-2 (2011), nifti.nimh.nih.gov.
"""

from __future__ import annotations

import gzip
import math
import struct
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, cast

import numpy as np

from radiokit.exceptions import FileError
from radiokit.io._channels import Channels, Geometry
from radiokit.io._nifti_space import space_of_nifti_1, space_of_nifti_2
from radiokit.io._stored import AGAIN, MOST_SHRUNK
from radiokit.io._volume import Volume
from radiokit.io.sitk import to_zyx
from radiokit.utils import regular_file

GZIP_MAGIC = b"\x1f\x8b"
NIFTI_1, NIFTI_2 = 348, 540
DTYPES = {
    2: "u1",
    4: "i2",
    8: "i4",
    16: "f4",
    64: "f8",
    256: "i1",
    512: "u2",
    768: "u4",
    1024: "i8",
    1280: "u8",
}


@dataclass(frozen=True)
class _Header:
    size: tuple[int, ...]
    n_volumes: int
    dtype: np.dtype
    offset: int
    slope: float
    intercept: float
    geometry: Geometry | None  # None: ITK has to read it


def read_nifti(path: Path) -> Volume:
    """Read a NIfTI-1 or NIfTI-2 file (.nii, .nii.gz) of one volume."""
    return _read(path, several=False).only()


def nifti_channels(path: Path) -> Channels:
    """Read a NIfTI file of one volume or several."""
    return _read(path, several=True)


def _read(path: Path, *, several: bool) -> Channels:
    try:
        with _open(regular_file(path)) as stream:
            header = _parse(stream.read(NIFTI_2), path)
            if header.n_volumes > 1 and not several:
                raise FileError(f"{path} holds {header.n_volumes} volumes; required: one. Write each to its own file.")
            n_bytes = math.prod(header.size) * header.n_volumes * header.dtype.itemsize
            _require_room(path, header.offset + n_bytes, n_bytes)
            stream.seek(header.offset)
            content = _read_exactly(stream, n_bytes, path)
            while stream.read(1 << 20):  # the checksum is compared at the end of the stream
                pass
    except (EOFError, gzip.BadGzipFile, zlib.error, OSError) as error:
        raise FileError(f"{path} is damaged or cut off: {error}. {AGAIN}") from error
    array = _scaled(np.frombuffer(content, header.dtype), header)
    x, y, z = (*header.size, 1, 1)[:3]
    geometry = header.geometry or _geometry(path)
    return Channels(array.reshape(-1, z, y, x), geometry, {"format": "NIfTI", "path": str(path)})


def _open(path: Path) -> BinaryIO:
    with path.open("rb") as stream:
        compressed = stream.read(2) == GZIP_MAGIC
    return cast(BinaryIO, gzip.open(path)) if compressed else path.open("rb")


def _require_room(path: Path, promised: int, n_bytes: int) -> None:
    """Compare what the header promises with the length of the file, before anything is allocated."""
    with path.open("rb") as stream:
        shrunk = MOST_SHRUNK["zlib" if stream.read(2) == GZIP_MAGIC else "raw"]
    if promised > path.stat().st_size * shrunk:
        raise _cut_off(path, n_bytes, path.stat().st_size)


def _cut_off(path: Path, n_bytes: int, there: int) -> FileError:
    return FileError(f"{path} is cut off: its header promises {n_bytes} bytes of voxels, {there} are there. {AGAIN}")


def _read_exactly(stream: BinaryIO, n_bytes: int, path: Path) -> bytearray:
    content = bytearray()
    while len(content) < n_bytes:
        chunk = stream.read(min(n_bytes - len(content), 1 << 24))
        if not chunk:
            raise _cut_off(path, n_bytes, len(content))
        content += chunk
    return content


def _parse(head: bytes, path: Path) -> _Header:
    size_of_header = {order: struct.unpack_from(f"{order}i", head)[0] if len(head) >= 4 else 0 for order in "<>"}
    order = next((o for o, size in size_of_header.items() if size in (NIFTI_1, NIFTI_2)), None)
    if order is None or len(head) < size_of_header[order]:
        raise FileError(f"{path} is not a NIfTI file: it has no NIfTI header. Is it of another format, or cut off?")
    first = size_of_header[order] == NIFTI_1
    if first:
        magic, dims = head[344:348], struct.unpack_from(f"{order}8h", head, 40)
        (code,) = struct.unpack_from(f"{order}h", head, 70)
        offset, slope, intercept = struct.unpack_from(f"{order}3f", head, 108)
        space = space_of_nifti_1(head, order)
    else:
        magic, dims = head[4:8], struct.unpack_from(f"{order}8q", head, 16)
        (code,) = struct.unpack_from(f"{order}h", head, 12)
        (offset,) = struct.unpack_from(f"{order}q", head, 168)
        slope, intercept = struct.unpack_from(f"{order}2d", head, 176)
        space = space_of_nifti_2(head, order)
    if magic[:2] != b"n+":
        raise FileError(f"{path} is the header of a pair of files (.hdr and .img); convert it to one .nii.gz file.")
    if code not in DTYPES:
        raise FileError(
            f"{path} holds voxels of NIfTI data type {code} (colour or complex); required: one number each."
        )
    if not np.isfinite(offset) or offset < size_of_header[order]:
        raise FileError(f"{path} is damaged: its voxels begin at byte {offset:g} (vox_offset), within its header.")
    if np.isinf(slope) or (np.isfinite(slope) and slope != 0 and not np.isfinite(intercept)):
        raise FileError(
            f"{path} is damaged: its scale is {slope:g} (scl_slope) and {intercept:g} (scl_inter); required: numbers."
        )
    size, n_volumes = _size(dims, path)
    space.require_sense(size, path)
    geometry = space.plain() if first else space.geometry(path)
    return _Header(size, n_volumes, np.dtype(order + DTYPES[code]), int(offset), slope, intercept, geometry)


def _size(dims: tuple[int, ...], path: Path) -> tuple[tuple[int, ...], int]:
    size = dims[1 : 1 + dims[0]] if 2 <= dims[0] <= 7 else ()
    if not size or min(size) < 1:
        raise FileError(f"{path} has the dimensions {dims}; required: 2 or 3 positive ones.")
    return size[:3], math.prod(size[3:])


def _scaled(array: np.ndarray, header: _Header) -> np.ndarray:
    """Value = slope · stored + intercept, where the header asks for it; a slope of 0 or NaN means none."""
    slope, intercept = header.slope, header.intercept
    native = array.astype(array.dtype.newbyteorder("="), copy=False)
    if (slope in (0.0, 1.0) and intercept == 0.0) or slope == 0.0 or not np.isfinite([slope, intercept]).all():
        return native
    kind = np.float64 if native.dtype == np.float64 else np.float32
    return (native.astype(np.float64) * slope + intercept).astype(kind)


def _geometry(path: Path) -> Geometry:
    import SimpleITK as sitk

    reader = sitk.ImageFileReader()
    reader.SetFileName(str(path))
    reader.SetImageIO("NiftiImageIO")  # or ITK asks every format whether it knows the file
    try:
        reader.ReadImageInformation()
    except RuntimeError as error:
        reason = str(error).strip().splitlines()[-1]
        raise FileError(
            f"{path} has a geometry that cannot be used: {reason} "
            "Axes have to be at right angles; resample it with the software it came from."
        ) from error
    return to_zyx(reader.GetSpacing(), reader.GetOrigin(), reader.GetDirection())
