"""PNG, JPEG, TIFF and BMP as images of one slice: grey, with a spacing that is given or in the file."""

from __future__ import annotations

import struct
import warnings
import zlib
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import numpy as np

from radiokit.exceptions import DataWarning, FileError, ParameterError
from radiokit.io._volume import Grid, Volume
from radiokit.utils import regular_file

if TYPE_CHECKING:
    from PIL import Image

AnyGrid = TypeVar("AnyGrid", bound=Grid)
PICTURES = (".png", ".jpg", ".jpeg", ".tif", ".tiff", ".bmp")
FORMATS = ("PNG", "JPEG", "TIFF", "BMP")
MOST_PIXELS = 2**28
# Dots per inch of screens, which software writes by default.
OF_SCREENS = (0, 1, 72, 96)
INCH = 25.4
PICTURE = "picture"
ORIENTATION, UPRIGHT = 0x0112, 1
SAMPLE_FORMAT, UNSIGNED = 339, 1
PHOTOMETRIC, WHITE_IS_ZERO = 262, 0
# What Pillow raises on damaged files.
DAMAGE = (
    ArithmeticError,
    EOFError,
    LookupError,
    OSError,
    SyntaxError,
    TypeError,
    ValueError,
    struct.error,
    zlib.error,
)


def is_picture(path: Path) -> bool:
    """Whether a file is a picture by its name."""
    return path.suffix.lower() in PICTURES


def read_picture(path: Path, spacing: Sequence[float] | None = None, *, indexed: bool = False) -> Volume:
    """Read a grey picture as one slice (1, y, x); `indexed` takes the numbers of a palette, as of label maps.

    `spacing` is mm between pixels, (y, x); without it the file's resolution counts, unless it is that of a screen.
    """
    from PIL import Image

    regular_file(path)
    try:
        with Image.open(path, formats=FORMATS) as picture:
            _require_grey(picture, path, indexed)
            array = _pixels(picture, path)
            found = spacing if spacing is not None else _spacing(picture)
    except (*DAMAGE, Image.DecompressionBombError) as error:
        if isinstance(error, FileError):
            raise
        raise FileError(f"{path} is damaged, cut off, or of another format than its name says: {error}.") from error
    metadata = {"format": PICTURE, "path": str(path)}
    if found is None and not indexed:
        warnings.warn(
            f"{path} does not say how large a pixel is: 1 mm is taken. Give spacing=(y, x) in mm; else sizes are "
            "in pixels.",
            DataWarning,
            stacklevel=4,
        )
    y, x = _checked(found if found is not None else (1.0, 1.0), path)
    return Volume(array[None], (1.0, y, x), metadata=metadata)


def on_picture(region: AnyGrid, image: Grid) -> AnyGrid:
    """Put a region on the picture it was drawn on: neither has a place in the patient, so pixels correspond."""
    if image.metadata.get("format") != PICTURE or image.shape != region.shape:
        return region
    return replace(region, spacing=image.spacing, origin=image.origin, direction=image.direction)


def _require_grey(picture: Image.Image, path: Path, indexed: bool) -> None:
    if picture.width * picture.height > MOST_PIXELS:
        raise FileError(f"{path} has {picture.width} x {picture.height} pixels; required: {MOST_PIXELS:,} at most.")
    n_pictures = getattr(picture, "n_frames", 1)
    if n_pictures > 1:
        raise FileError(f"{path} holds {n_pictures} pictures; required: one. Write each to its own file.")
    grey = picture.mode in ("1", "L", "I", "F") or picture.mode.startswith("I;16") or (indexed and picture.mode == "P")
    if not grey:
        raise FileError(
            f"{path} is a colour picture (mode {picture.mode}); required: one number for each pixel. If it shows grey "
            'only, turn it with Pillow: Image.open(path).convert("L").save(other_path).'
        )
    if picture.getexif().get(ORIENTATION, UPRIGHT) != UPRIGHT:
        raise FileError(f"{path} is stored turned (EXIF orientation). Save it upright, so that its mask lies on it.")


def _pixels(picture: Image.Image, path: Path) -> np.ndarray:
    tags = getattr(picture, "tag_v2", {})  # of TIFF
    array = np.asarray(picture)
    if array.dtype == bool:
        return array.astype(np.uint8)
    if picture.mode == "I" and tags and tags.get(SAMPLE_FORMAT, (UNSIGNED,))[0] == UNSIGNED:
        array = array.view(np.uint32)  # Pillow has no type for them and gives the same bits as signed numbers
    if tags.get(PHOTOMETRIC) == WHITE_IS_ZERO:
        warnings.warn(
            f"{path} is shown with white as 0 (PhotometricInterpretation WhiteIsZero): its numbers are taken as they "
            "are stored, so that large ones are dark.",
            DataWarning,
            stacklevel=5,
        )
        array = 255 - array if picture.mode == "L" else array  # Pillow turns 8 bits, and no others
    return array.astype(array.dtype.newbyteorder("="))


def _spacing(picture: Image.Image) -> tuple[float, float] | None:
    """Return (y, x) from the resolution of the file, mm; None if there is none, or one of a screen."""
    dots = picture.info.get("dpi")
    if not dots or any(round(float(d)) in OF_SCREENS for d in dots):
        return None
    x, y = (INCH / float(d) for d in dots)
    return y, x


def _checked(spacing: Sequence[float], path: Path) -> tuple[float, float]:
    steps = tuple(float(v) for v in spacing)
    if len(steps) != 2 or not all(0 < v < 1e4 for v in steps):
        raise ParameterError(f"spacing={spacing!r} for {path}; required: 2 positive numbers of mm in the order y, x.")
    return steps[0], steps[1]
