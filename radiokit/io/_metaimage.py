"""MetaImage (.mha, .mhd): format by itk.org/Wiki/MetaIO/Documentation, read as ITK reads it."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from radiokit.exceptions import FileError
from radiokit.io._channels import Channels, Geometry, checked_geometry
from radiokit.io._stored import FROM_END, Stored, beside, header_lines, read_stored
from radiokit.io._volume import Volume
from radiokit.utils import regular_file

DTYPES = {
    "MET_CHAR": "i1",
    "MET_UCHAR": "u1",
    "MET_SHORT": "i2",
    "MET_USHORT": "u2",
    "MET_INT": "i4",
    "MET_UINT": "u4",
    "MET_LONG": "i4",  # four bytes on every machine
    "MET_ULONG": "u4",
    "MET_LONG_LONG": "i8",
    "MET_ULONG_LONG": "u8",
    "MET_FLOAT": "f4",
    "MET_DOUBLE": "f8",
}
# Several names of one field; the first that is there counts.
SPACING, ORIGIN = ("ElementSpacing", "ElementSize"), ("Offset", "Position", "Origin")
TURN, BIG_ENDIAN = ("TransformMatrix", "Rotation", "Orientation"), ("BinaryDataByteOrderMSB", "ElementByteOrderMSB")
Fields = dict[str, str]


def read_metaimage(path: Path) -> Volume:
    """Read a MetaImage file with one number for each voxel."""
    return metaimage_channels(path).only()


def metaimage_channels(path: Path) -> Channels:
    """Read a MetaImage file."""
    with regular_file(path).open("rb") as stream:
        lines = header_lines(stream, lambda line: line.split("=")[0].strip() == "ElementDataFile", path)
        behind = stream.tell()
    fields = {key.strip(): value.strip() for key, _, value in (line.partition("=") for line in lines)}
    _require_plain(fields, path)
    size = _size(fields, path)
    n_channels = int(_numbers(fields, ("ElementNumberOfChannels",), 1, path, [1])[0])
    if not 1 <= n_channels <= 10_000:
        raise FileError(f"{path}: its ElementNumberOfChannels is {n_channels}; required: a positive number.")
    flat = read_stored(_stored(fields, (n_channels, *size), behind, path), path)
    x, y, z = (*size, 1, 1)[:3]
    array = np.moveaxis(flat.reshape(z, y, x, n_channels), 3, 0)
    return Channels(array, _geometry(fields, len(size), path), {"format": "MetaImage", "path": str(path)}, fields)


def _require_plain(fields: Fields, path: Path) -> None:
    if "ElementDataFile" not in fields:
        raise FileError(
            f"{path} is damaged, cut off, or of another format than its name says: it has no ElementDataFile."
        )
    if fields.get("ObjectType", "Image") != "Image":
        raise FileError(f"{path} holds a {fields['ObjectType']}, no image.")
    if fields.get("DistanceUnits", "mm").lower() not in ("mm", "?", ""):
        raise FileError(f"{path} is in {fields['DistanceUnits']} (DistanceUnits); required: mm. Write it in mm.")
    for name, neutral in (("ElementToIntensityFunctionSlope", 1.0), ("ElementToIntensityFunctionOffset", 0.0)):
        if _numbers(fields, (name,), 1, path, [neutral])[0] != neutral:
            raise FileError(
                f"{path}: its {name} is {fields[name]}, which software reads in several ways. Apply it first."
            )


def _size(fields: Fields, path: Path) -> tuple[int, ...]:
    (n_axes,) = _numbers(fields, ("NDims",), 1, path)
    if n_axes not in (2, 3, 4):
        raise FileError(f"{path}: its NDims is {n_axes:g}; required: 2 or 3.")
    size = [int(n) for n in _numbers(fields, ("DimSize",), int(n_axes), path)]
    if min(size) < 1 or any(n != 1 for n in size[3:]):
        raise FileError(f"{path}: its DimSize is {size}; required: one volume, 2 or 3 positive numbers.")
    return tuple(size[:3])


def _stored(fields: Fields, size: tuple[int, ...], behind: int, path: Path) -> Stored:
    kind = fields.get("ElementType", "").removesuffix("_ARRAY")
    if kind not in DTYPES:
        raise FileError(f"{path}: its ElementType is {fields.get('ElementType')!r}; known are {', '.join(DTYPES)}.")
    big = _is_true(next((fields[name] for name in BIG_ENDIAN if name in fields), "False"))
    compressed = _is_true(fields.get("CompressedData", "False"))
    binary = _is_true(fields.get("BinaryData", "True"))
    encoding = "zlib" if compressed else "raw" if binary else "text"
    dtype = np.dtype(DTYPES[kind]).newbyteorder(">" if big else "<")
    name = fields["ElementDataFile"]
    if name.upper() == "LOCAL":
        return Stored(path, encoding, dtype, size, start=behind)
    (skip,) = _numbers(fields, ("HeaderSize",), 1, path, [0])
    return Stored(beside(path, name), encoding, dtype, size, skip=max(int(skip), FROM_END))


def _is_true(text: str) -> bool:
    return text[:1].upper() in ("T", "1")


def _geometry(fields: Fields, n_axes: int, path: Path) -> Geometry:
    steps, start, turn = np.ones(3), np.zeros(3), np.eye(3)
    given = int(_numbers(fields, ("NDims",), 1, path)[0])
    steps[:n_axes] = _numbers(fields, SPACING, given, path, [1.0] * given)[:n_axes]
    start[:n_axes] = _numbers(fields, ORIGIN, given, path, [0.0] * given)[:n_axes]
    rows = np.reshape(_numbers(fields, TURN, given * given, path, np.eye(given).ravel().tolist()), (given, given))
    turn[:n_axes, :n_axes] = rows[:n_axes, :n_axes].T  # the file has one row for each axis
    return checked_geometry(steps, start, turn, path)


def _numbers(
    fields: Fields, names: tuple[str, ...], n: int, path: Path, default: list[float] | None = None
) -> list[float]:
    name = next((name for name in names if name in fields), None)
    if name is None:
        if default is None:
            raise FileError(
                f"{path} is damaged, cut off, or of another format than its name says: it has no {names[0]}."
            )
        return default
    try:
        found = [float(word) for word in fields[name].split()]
    except ValueError:
        found = []
    if len(found) != n or not np.isfinite(found).all():
        raise FileError(f"{path}: its {name} is {fields[name]!r}; required: {n} numbers.")
    return found
