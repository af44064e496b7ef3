"""NIfTI voxels straight from the file's bytes.

ITK's reader pads a truncated gzip stream with zeros and turns NaN into 0, both without a word. So the voxels are
decoded here: the length and the gzip checksum have to be right, and NaN stays NaN. ITK is asked for the geometry alone,
and only where axes are turned or the header contradicts itself.
Format: Cox et al. 2004, "A (sort of) new image data format standard: NIfTI-1"; NIfTI-2 (2011), nifti.nimh.nih.gov.
"""

from __future__ import annotations

import gzip
import struct
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, cast

import numpy as np

from radiokit.exceptions import FileError
from radiokit.io._sitk import to_zyx
from radiokit.io._volume import Volume

Geometry = tuple[tuple[float, float, float], tuple[float, float, float], tuple[float, ...]]
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
    dtype: np.dtype
    offset: int
    slope: float
    intercept: float
    geometry: Geometry | None  # None: ITK has to say


def read_nifti(path: Path) -> Volume:
    """Read a NIfTI-1 or NIfTI-2 file (.nii, .nii.gz) of one volume."""
    try:
        with _open(path) as stream:
            header = _parse(stream.read(NIFTI_2), path)
            stream.seek(header.offset)
            n_bytes = int(np.prod(header.size, dtype=object)) * header.dtype.itemsize
            content = _read_exactly(stream, n_bytes, path)
            while stream.read(1 << 20):  # the checksum is compared at the end of the stream
                pass
    except (EOFError, gzip.BadGzipFile, zlib.error, OSError) as error:
        raise FileError(f"{path} is damaged or cut off: {error}. Copy it again from its source.") from error
    array = _scaled(np.frombuffer(content, header.dtype), header)
    x, y, z = (*header.size, 1, 1)[:3]
    geometry = header.geometry or _geometry(path)
    return Volume(array.reshape(z, y, x), *geometry, metadata={"format": "NIfTI", "path": str(path)})


def _open(path: Path) -> BinaryIO:
    with path.open("rb") as stream:
        compressed = stream.read(2) == GZIP_MAGIC
    return cast(BinaryIO, gzip.open(path)) if compressed else path.open("rb")


def _read_exactly(stream: BinaryIO, n_bytes: int, path: Path) -> bytearray:
    content = bytearray()
    while len(content) < n_bytes:
        chunk = stream.read(min(n_bytes - len(content), 1 << 24))
        if not chunk:
            raise FileError(
                f"{path} is cut off: its header promises {n_bytes} bytes of voxels, {len(content)} are there. "
                "Copy it again from its source."
            )
        content += chunk
    return content


def _parse(head: bytes, path: Path) -> _Header:
    size_of_header = {order: struct.unpack_from(f"{order}i", head)[0] if len(head) >= 4 else 0 for order in "<>"}
    order = next((o for o, size in size_of_header.items() if size in (NIFTI_1, NIFTI_2)), None)
    if order is None or len(head) < size_of_header[order]:
        raise FileError(f"{path} is not a NIfTI file: it has no NIfTI header. Is it of another format, or cut off?")
    if size_of_header[order] == NIFTI_1:
        magic, dims = head[344:348], struct.unpack_from(f"{order}8h", head, 40)
        (code,) = struct.unpack_from(f"{order}h", head, 70)
        offset, slope, intercept = struct.unpack_from(f"{order}3f", head, 108)
        geometry = _plain_geometry(head, order)
    else:
        magic, dims = head[4:8], struct.unpack_from(f"{order}8q", head, 16)
        (code,) = struct.unpack_from(f"{order}h", head, 12)
        (offset,) = struct.unpack_from(f"{order}q", head, 168)
        slope, intercept = struct.unpack_from(f"{order}2d", head, 176)
        geometry = None
    if magic[:2] != b"n+":
        raise FileError(f"{path} is the header of a pair of files (.hdr and .img); convert it to one .nii.gz file.")
    if code not in DTYPES:
        raise FileError(
            f"{path} holds voxels of NIfTI data type {code} (colour or complex); required: one number each."
        )
    return _Header(_one_volume(dims, path), np.dtype(order + DTYPES[code]), int(offset), slope, intercept, geometry)


def _one_volume(dims: tuple[int, ...], path: Path) -> tuple[int, ...]:
    size = dims[1 : 1 + dims[0]] if 2 <= dims[0] <= 7 else ()
    if not size or min(size) < 1:
        raise FileError(f"{path} has the dimensions {dims}; required: 2 or 3 positive ones.")
    if any(n > 1 for n in size[3:]):
        raise FileError(
            f"{path} holds {int(np.prod(size[3:]))} volumes (size {size}); required: one. Write each to its own file."
        )
    return size[:3]


def _scaled(array: np.ndarray, header: _Header) -> np.ndarray:
    """Value = slope · stored + intercept, where the header asks for it; a slope of 0 means none."""
    slope, intercept = header.slope, header.intercept
    native = array.astype(array.dtype.newbyteorder("="), copy=False)
    if (slope in (0.0, 1.0) and intercept == 0.0) or slope == 0.0 or not np.isfinite([slope, intercept]).all():
        return native
    kind = np.float64 if native.dtype == np.float64 else np.float32
    return (native.astype(np.float64) * slope + intercept).astype(kind)


def _plain_geometry(head: bytes, order: str) -> Geometry | None:
    """Read a geometry of NIfTI-1 that can be read in one way only: mm, and axes along those of the patient.

    The turn is a quaternion (b, c, d), half turns here, with a flip of the third axis (qfac); the matrix (sform) is
    absent or says the same. NIfTI's x and y point right and anterior, ours left and posterior.
    """
    (n_axes,) = struct.unpack_from(f"{order}h", head, 40)
    flip, *spacing = struct.unpack_from(f"{order}4f", head, 76)
    qform, sform = struct.unpack_from(f"{order}2h", head, 252)
    *turn, x, y, z = struct.unpack_from(f"{order}6f", head, 256)
    half_turns = {(0, 0, 0): (1, 1, 1), (1, 0, 0): (1, -1, -1), (0, 1, 0): (-1, 1, -1), (0, 0, 1): (-1, -1, 1)}
    millimetres = head[123] & 7 in (0, 2)
    if n_axes != 3 or qform <= 0 or not millimetres or flip not in (1.0, -1.0) or min(spacing) <= 0:
        return None
    if tuple(turn) not in half_turns:
        return None
    signs = np.multiply(half_turns[tuple(turn)], (1.0, 1.0, flip))
    matrix = np.column_stack([np.diag(signs * np.array(spacing)), (x, y, z)])
    if sform > 0 and not np.array_equal(matrix.ravel(), struct.unpack_from(f"{order}12f", head, 280)):
        return None
    direction = np.diag(signs * (-1.0, -1.0, 1.0)).ravel()
    return to_zyx(spacing, (-x, -y, z), direction.tolist())


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
