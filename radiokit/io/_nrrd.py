"""NRRD (.nrrd, .nhdr): format by teem.sourceforge.net/nrrd/format.html, read as ITK reads it."""

from __future__ import annotations

import math
import re
from pathlib import Path

import numpy as np

from radiokit.exceptions import FileError
from radiokit.io._channels import Channels, Geometry, checked_geometry
from radiokit.io._stored import Stored, beside, header_lines, read_stored
from radiokit.io._volume import Volume
from radiokit.utils import regular_file

DTYPES = {
    "i1": "signed char, int8, int8_t",
    "u1": "uchar, unsigned char, uint8, uint8_t",
    "i2": "short, short int, signed short, signed short int, int16, int16_t",
    "u2": "ushort, unsigned short, unsigned short int, uint16, uint16_t",
    "i4": "int, signed int, int32, int32_t",
    "u4": "uint, unsigned int, uint32, uint32_t",
    "i8": "longlong, long long, long long int, signed long long, signed long long int, int64, int64_t",
    "u8": "ulonglong, unsigned long long, unsigned long long int, uint64, uint64_t",
    "f4": "float",
    "f8": "double",
}
ENCODINGS = {
    "raw": "raw",
    "gzip": "zlib",
    "gz": "zlib",
    "bzip2": "bzip2",
    "bz2": "bzip2",
    "txt": "text",
    "text": "text",
    "ascii": "text",
}
# Signs that turn a space into ours, where x points left and y to the back.
SPACES = {
    "left-posterior-superior": (1, 1, 1),
    "lps": (1, 1, 1),
    "right-anterior-superior": (-1, -1, 1),
    "ras": (-1, -1, 1),
    "left-anterior-superior": (1, -1, 1),
    "las": (1, -1, 1),
    "scanner-xyz": (1, 1, 1),
    "3d-right-handed": (1, 1, 1),
    "3d-left-handed": (1, 1, 1),
}
# Kinds of axes along which neither place nor time runs.
IN_SPACE = ("domain", "space", "???", "none", "")
Fields = dict[str, str]


def read_nrrd(path: Path) -> Volume:
    """Read an NRRD file with one number for each voxel."""
    return nrrd_channels(path).only()


def nrrd_channels(path: Path) -> Channels:
    """Read an NRRD file; an axis of components, as of colours or layers, may be among the axes."""
    fields, behind = nrrd_fields(path)
    n_axes = _count(fields, "dimension", path)
    size = _sizes(fields, n_axes, path)
    components = _component_axis(fields, n_axes, path)
    flat = read_stored(_stored(fields, size, behind, path), path)
    array = flat.reshape(size[::-1])
    axes = [axis for axis in range(n_axes) if axis != components]
    while len(axes) > 3 and size[axes[-1]] == 1:
        axes.pop()
    if not 2 <= len(axes) <= 3:
        raise FileError(f"{path} has the sizes {list(size)}; required: one volume of 2 or 3 axes.")
    array = np.moveaxis(array, n_axes - 1 - components, 0) if components is not None else array[None]
    x, y, z = (*(size[axis] for axis in axes), 1)[:3]
    geometry = _geometry(fields, axes, n_axes, path)
    return Channels(array.reshape(-1, z, y, x), geometry, {"format": "NRRD", "path": str(path)}, fields)


def nrrd_fields(path: Path) -> tuple[Fields, int]:
    """Fields and key-value pairs of the header, and where it ends; names of fields in lower case, without spaces."""
    with regular_file(path).open("rb") as stream:
        first = stream.readline(80)
        if not re.match(rb"NRRD000[1-5]\s*$", first):
            raise FileError(f"{path} is damaged, cut off, or of another format than its name says: it is no NRRD file.")
        lines = header_lines(stream, lambda line: not line, path)
        behind = stream.tell()
    fields: Fields = {}
    for line in lines:
        if ":=" in line:
            key, _, value = line.partition(":=")
            fields[key.strip()] = value.strip()
        elif ":" in line and not line.startswith("#"):
            key, _, value = line.partition(":")
            fields[key.strip().lower().replace(" ", "")] = value.strip()
    return fields, behind


def _count(fields: Fields, name: str, path: Path) -> int:
    if not re.fullmatch(r"\d{1,2}", fields.get(name, "")) or not 1 <= int(fields[name]) <= 16:
        raise FileError(f"{path} is damaged, or no image: its {name} is {fields.get(name)!r}; required: 2 or 3.")
    return int(fields[name])


def _sizes(fields: Fields, n_axes: int, path: Path) -> tuple[int, ...]:
    words = fields.get("sizes", "").split()
    if len(words) != n_axes or not all(re.fullmatch(r"\d{1,10}", word) and int(word) > 0 for word in words):
        raise FileError(f"{path}: its sizes are {fields.get('sizes')!r}; required: {n_axes} positive whole numbers.")
    return tuple(int(word) for word in words)


def _component_axis(fields: Fields, n_axes: int, path: Path) -> int | None:
    """Return the index of the axis of components, if there is one: by its kind, or because it has no direction."""
    kinds = [kind.lower() for kind in fields.get("kinds", "").split()]
    kinds = kinds if len(kinds) == n_axes else [""] * n_axes
    directions = _vectors(fields.get("spacedirections", ""))
    aside = [i for i, kind in enumerate(kinds) if kind not in IN_SPACE]
    if not aside and len(directions) == n_axes and n_axes > 3:
        aside = [i for i, direction in enumerate(directions) if direction is None]
    if len(aside) > 1:
        raise FileError(f"{path} has the kinds of axes {fields.get('kinds')!r}; required: one volume, or its channels.")
    return aside[0] if aside else None


def _stored(fields: Fields, size: tuple[int, ...], behind: int, path: Path) -> Stored:
    kind = fields.get("type", "").lower()
    code = next((code for code, names in DTYPES.items() if kind in names.split(", ")), None)
    encoding = ENCODINGS.get(fields.get("encoding", "").lower())
    if code is None or encoding is None:
        raise FileError(
            f"{path}: its type is {fields.get('type')!r} and its encoding {fields.get('encoding')!r}; known are "
            f"{', '.join(names.split(',')[0] for names in DTYPES.values())}, and {', '.join(ENCODINGS)}."
        )
    endian = fields.get("endian", "").lower()
    if endian not in ("little", "big") and encoding != "text" and code[1] != "1":
        raise FileError(f"{path} does not say its endian (little or big), which its type {kind} needs.")
    dtype = np.dtype(code).newbyteorder(">" if endian == "big" else "<")
    lines, skip = (_skipped(fields, name, path) for name in ("lineskip", "byteskip"))
    name = fields.get("datafile")
    place, start = (path, behind) if name is None else (beside(path, name), 0)
    return Stored(place, encoding, dtype, size, start=start, lines=lines, skip=skip)


def _skipped(fields: Fields, name: str, path: Path) -> int:
    text = fields.get(name, "0")
    if not re.fullmatch(r"-1|\d{1,12}", text) or (text == "-1" and name == "lineskip"):
        raise FileError(f"{path}: its {name} is {text!r}; required: a whole number.")
    return int(text)


def _geometry(fields: Fields, axes: list[int], n_axes: int, path: Path) -> Geometry:
    steps, start, turn = np.ones(3), np.zeros(3), np.eye(3)
    n = len(axes)
    directions = _vectors(fields.get("spacedirections", ""))
    if directions:
        signs = _space(fields, path)
        vectors = [directions[axis] if len(directions) == n_axes else None for axis in axes]
        if any(vector is not None and len(vector) != n for vector in vectors) or len(directions) != n_axes:
            raise FileError(
                f"{path}: its space directions are {fields['spacedirections']!r}; required: a vector for each axis."
            )
        for i, vector in enumerate(vectors):
            if vector is not None:
                steps[i] = math.sqrt(sum(v * v for v in vector))
                turn[:, i] = 0
                turn[:n, i] = np.array(vector) * signs[:n] * (1 / (steps[i] or 1))
        origin = _vectors(fields.get("spaceorigin", ""))
        if origin and origin[0] is not None and len(origin[0]) == n:
            start[:n] = np.array(origin[0]) * signs[:n]
    elif "spacings" in fields:
        steps[:n] = [_numbers(fields, "spacings", n_axes, path)[axis] for axis in axes]
        if "axismins" in fields:
            nodes = fields.get("centers", fields.get("centerings", "")).split()
            shift = [0.0 if len(nodes) == n_axes and nodes[axis] == "node" else 0.5 for axis in axes]
            start[:n] = [_numbers(fields, "axismins", n_axes, path)[axis] for axis in axes] + np.array(shift) * steps[
                :n
            ]
    elif "axismaxs" in fields:
        raise FileError(f"{path} gives the ends of its axes and no spacings; required: spacings or space directions.")
    return checked_geometry(steps, start, turn, path)


def _space(fields: Fields, path: Path) -> np.ndarray:
    space = fields.get("space", "").lower()
    if space not in SPACES and space:
        raise FileError(f"{path}: its space is {fields['space']!r}; known are {', '.join(SPACES)}.")
    units = {unit.lower() for unit in re.findall(r'"([^"]*)"', fields.get("spaceunits", ""))}
    if units - {"mm", "millimeter", "millimeters", "millimetre", "millimetres", ""}:
        raise FileError(f"{path}: its space units are {fields['spaceunits']}; required: mm. Write it in mm.")
    return np.array(SPACES.get(space, (1, 1, 1)), dtype=float)


def _vectors(text: str) -> list[list[float] | None]:
    """Vectors in brackets; None where an axis has none."""
    found: list[list[float] | None] = []
    for word in re.findall(r"none|\([^)]*\)", text):
        try:
            found.append(None if word == "none" else [float(v) for v in word[1:-1].split(",")])
        except ValueError:
            found.append([np.nan])
    return found


def _numbers(fields: Fields, name: str, n: int, path: Path) -> list[float]:
    try:
        found = [float(word) for word in fields[name].split()]
    except ValueError:
        found = []
    if len(found) != n:
        raise FileError(f"{path}: its {name} are {fields[name]!r}; required: {n} numbers.")
    return found
