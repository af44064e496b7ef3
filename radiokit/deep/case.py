"""The images of a case and its region: read in one way, and on one grid, for every network."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from radiokit.exceptions import CaseTableError, GeometryError
from radiokit.io import Mask, Volume, check_geometry, read_mask
from radiokit.io.arrays import as_mask, as_volume
from radiokit.io.case_rows import HOW
from radiokit.io.reading import ImageLike, MaskLike, Reading
from radiokit.io.sequences import sequences_of
from radiokit.utils.levels import is_absent


@dataclass(frozen=True)
class Case:
    """The images of one case (None where a sequence is absent) and its region."""

    images: tuple[Volume | None, ...]
    mask: Mask


def read_on_one_grid(image: ImageLike, mask: MaskLike, how: Reading, case_id: str | None = None) -> tuple[Volume, Mask]:
    """Return an image and its region; GeometryError where they do not lie on one grid."""
    volume, region = how.pair(image, mask)
    return volume, check_geometry(volume, region, case_id)


def open_case(row: Mapping[str, pd.Series]) -> Case:
    """Read the images of a case, and its region.

    Of several masks the first is taken whose own image is present; it has to lie on the grid of that image, and one
    that serves several sequences on the grid of one of them (GeometryError). Where the image that a mask was drawn on
    is absent, no grids are compared, and the region has to lie inside of the images.
    """
    how = {name: Reading.of_row(columns) for name, columns in row.items()}
    images = {name: _image(columns, how[name]) for name, columns in row.items()}
    if all(image is None for image in images.values()):
        raise CaseTableError("no image; required: one sequence at least.")
    drawn = [name for name, columns in row.items() if not is_absent(columns.get("mask"))]
    if not drawn:
        raise CaseTableError("no mask; required: the region, in one of its mask columns.")
    name = next((n for n in drawn if images[n] is not None), drawn[0])
    cell, image, own = row[name]["mask"], images[name], how[name]
    if image is None:
        mask = cell if isinstance(cell, Mask) else read_mask(cell, label=own.label, roi=own.roi)
    else:
        mask = as_mask(cell, image, own.label, roi=own.roi)
        sharing = [n for n in drawn if n == name or _is_same(row[n]["mask"], cell)]
        mask = _on_a_grid_of(mask, [images[n] for n in sharing])
    return Case(tuple(images.values()), mask)


def _image(columns: pd.Series, how: Reading) -> Volume | None:
    cell = columns.get("image")
    return None if is_absent(cell) else as_volume(cell, series=how.series, suv=how.suv)


def _on_a_grid_of(mask: Mask, images: Sequence[Volume | None]) -> Mask:
    """Return the mask on the grid of the first image that it fits, of those that it may have been drawn on."""
    errors = []
    for image in images:
        if image is None:
            continue
        try:
            return check_geometry(image, mask)
        except GeometryError as error:
            errors.append(error)
    if any(image is None for image in images):
        return mask
    raise errors[0]


def _is_same(a: Any, b: Any) -> bool:
    return a is b or (isinstance(a, str) and isinstance(b, str) and a == b)


def rows_of(X: Any, sequences: Sequence[str]) -> Iterator[Mapping[str, pd.Series]]:
    """Return, for each case in turn, the columns of each of these sequences."""
    found = image_columns(X) if isinstance(X, pd.DataFrame) else {}
    absent = [s for s in sequences if s not in found]
    if absent:
        raise CaseTableError(
            f"X lacks images of {', '.join(map(repr, absent))}; it has {', '.join(map(repr, found)) or 'none'}. The "
            f"model was fitted to {', '.join(map(repr, sequences))}."
        )
    return ({s: found[s].iloc[i] for s in sequences} for i in range(len(X)))


def image_columns(X: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """Return the columns of each sequence; one without a mask of its own takes the first mask of the table."""
    names = [str(c) for c in X.columns if str(c) == "image" or str(c).startswith("image_")]
    shared = [c for c in X.columns if str(c) == "mask" or str(c).startswith("mask_")]
    lone = {n.replace("image", "mask", 1): X[shared[0]] for n in names if shared}
    return sequences_of(X.assign(**{k: v for k, v in lone.items() if k not in X.columns}))


def columns_read(X: pd.DataFrame, sequences: Sequence[str]) -> tuple[str, ...]:
    """Return the columns of a case table that are read: images, masks, and how to read them where a cell says it."""
    names = []
    for sequence in sequences:
        suffix = f"_{sequence}" if sequence else ""
        for part in ("image", "mask", *HOW):
            found = next((c for c in (part + suffix, part) if c in X.columns), None)
            if found is not None and (part in ("image", "mask") or not X[found].map(is_absent).all()):
                names.append(found)
    return tuple(dict.fromkeys(names))
