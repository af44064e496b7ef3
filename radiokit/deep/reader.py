"""From a case table, a column of patches or an array to the crops of a network; each case is read once."""

from __future__ import annotations

import os
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeAlias

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from radiokit import __version__
from radiokit.deep._crop import Crop, shape_of
from radiokit.deep._crop_cache import crop_cache
from radiokit.deep._frames import TOLERANCE, Frame
from radiokit.deep._inputs import Patches
from radiokit.deep._patches import cut_image, cut_shares, require_volume
from radiokit.deep._store import CropStore
from radiokit.deep.case import Case, image_columns, open_case, rows_of
from radiokit.exceptions import CaseTableError, DataWarning, InputError, RadiokitError
from radiokit.io.case_rows import HOW
from radiokit.utils import content_hash, track
from radiokit.utils.levels import is_absent

Array = NDArray[np.float32]
Cases: TypeAlias = pd.DataFrame | NDArray[Any]
PATCH = "patch"
DEPTHS = {"2.5D": 3, "2D": 1}
SOME = 5


@dataclass(frozen=True)
class Reader:
    """How the crops of cases are made: `sequences` is empty where X holds patches itself."""

    crop: Crop
    dimension: str
    sequences: tuple[str, ...] = ()
    shape: tuple[int, ...] = ()

    @classmethod
    def learn(cls, X: Cases, crop: Crop, dimension: str, sequences: Sequence[str] | None) -> Reader:
        """Return the reader of such cases: what X holds, and which sequences are asked for."""
        if not isinstance(X, pd.DataFrame) or PATCH in X.columns:
            shape = _patches(X)[0].shape
            if sequences is not None:
                raise InputError("sequences names images of a case table; X holds patches, whose channels are fixed.")
            return cls(crop, dimension, (), tuple(shape))
        found = image_columns(X)
        if not found:
            raise CaseTableError(
                f"X has the columns {', '.join(map(str, X.columns[:8]))}; required: images and masks (`image`, `mask`, "
                f"or `image_<name>`, `mask_<name>`), a column `{PATCH}` of arrays, or an array (n, channels, z, y, x)."
            )
        names = tuple(found) if sequences is None else tuple(map(str, sequences))
        absent = [s for s in names if s not in found]
        if absent or not names:
            raise CaseTableError(f"sequences names {absent}; the case table has {', '.join(map(repr, found))}.")
        for name in names:
            crop.window_of(name)
        return cls(crop, dimension, names)

    @property
    def channels(self) -> int:
        """Number of channels."""
        return len(self.sequences) + self.crop.mask_channel if self.sequences else self.shape[0]

    @property
    def flags(self) -> int:
        """Channels whose absence is an input of the network."""
        return self.channels if self.crop.missing == "zero" else 0

    @property
    def patches(self) -> Patches:
        """What augmentation has to know of the crops; patches that came as such have unit voxels."""
        spacing = self.crop.spacing if self.sequences else (1.0, 1.0, 1.0)
        return Patches(spacing, self.are_images, in_plane=self.dimension != "3D")

    @property
    def are_images(self) -> tuple[bool, ...]:
        """Which channels hold intensities."""
        masks = bool(self.sequences) and self.crop.mask_channel
        return (*[True] * (self.channels - masks), *[False] * masks)

    @property
    def size(self) -> tuple[int, ...]:
        """Voxels of a crop, (z, y, x); networks of slices take three or one."""
        return (DEPTHS.get(self.dimension, self.crop.size[0]), *self.crop.size[1:])

    def store(self, X: Cases, *, progress: bool = False, larger: list[str] | None = None) -> CropStore:
        """Return the crops of the cases.

        Cases whose region does not fit into the crop are named in a warning, once (when they are cut), or added to
        `larger`.
        """
        if not self.sequences:
            patches, ids = _patches(X), _ids(X)
            if patches[0].shape != self.shape:
                raise InputError(f"the patches have shape {patches[0].shape}; the model was fitted to {self.shape}.")
            return self._checked(CropStore(patches, ids))
        ids, rows = _ids(X), rows_of(X, self.sequences)
        pairs = track(zip(ids, rows, strict=True), total=len(ids), description="Reading", disable=not progress)
        found: list[str] = []
        store = CropStore((self._crop_of(case_id, row, found) for case_id, row in pairs), ids)
        if larger is not None:
            larger += found
        elif found:
            warn_larger(found, len(ids))
        return self._checked(store)

    def _checked(self, store: CropStore) -> CropStore:
        names = [*self.sequences, "mask"] if self.sequences else [f"channel {c}" for c in range(self.channels)]
        store.require(complete=self.crop.missing == "raise", names=names, are_images=self.are_images)
        return store

    def _crop_of(self, case_id: str, row: Mapping[str, pd.Series], larger: list[str]) -> Array:
        """Return the crop of a case; its id is added to `larger` where the crop is made and the region does not fit."""
        cache = crop_cache(self.crop.cache)
        try:
            key = self._key(row)
            kept = None if key is None else cache.get(key, (self.channels, *self.size))
            if kept is not None:
                return kept
            case = open_case(row)
            frames = self.frames(case)
            found = self.cut(case, frames)
        except RadiokitError as error:
            raise type(error)(f"case {case_id}: {error}") from error
        if self.crop.too_large == "crop" and max(frame.fill for frame in frames) > 1 + TOLERANCE:
            larger.append(case_id)
        return found if key is None else cache.put(key, found)

    def cut(self, case: Case, frames: Sequence[Frame]) -> Array:
        """Return the channels of one case; NaN throughout where a sequence is absent."""
        parts = []
        for name, image in zip(self.sequences, case.images, strict=True):
            if image is None:
                parts.append(np.full(self.size, np.nan, dtype=np.float32))
                continue
            require_volume(image, self.dimension)
            parts.append(cut_image(image, frames, window=self.crop.window_of(name), background=None))
        if self.crop.mask_channel:
            parts.append((cut_shares(case.mask, frames) >= 0.5).astype(np.float32))
        return np.stack(parts)

    def frames(self, case: Case) -> list[Frame]:
        """Return where the crop of a case lies in the patient."""
        return shape_of(self.crop, self.dimension).frames(case.mask)

    def _key(self, row: Mapping[str, pd.Series]) -> str | None:
        """Return the name of a crop, a digest of its settings and of all its files; None for images in memory."""
        parts = [__version__, repr(replace(self.crop, cache=None)), self.dimension, repr(self.sequences)]
        paths: list[str | os.PathLike[str]] = []
        for name in self.sequences:
            for part in ("image", "mask"):
                cell = row[name].get(part)
                if isinstance(cell, str | os.PathLike) and not is_absent(cell):
                    parts.append(f"file {len(paths)}")
                    paths.append(cell)
                elif is_absent(cell):
                    parts.append("absent")
                else:
                    return None
            parts += [repr(row[name].get(how)) for how in HOW]
        return content_hash("|".join(parts), paths)


def warn_larger(case_ids: Sequence[str], n_cases: int) -> None:
    """Warn that the network sees only the middle of some regions."""
    some = ", ".join(case_ids[:SOME]) + (", ..." if len(case_ids) > SOME else "")
    warnings.warn(
        f"The region is larger than the crop, of which only the middle is seen, in {len(case_ids)} of {n_cases} cases: "
        f"{some}. Use a larger size or spacing of Crop, or too_large='zoom'.",
        DataWarning,
        stacklevel=4,
    )


def _ids(X: Cases) -> list[str]:
    return [str(i) for i in (X.index if isinstance(X, pd.DataFrame) else range(len(X)))]


def _patches(X: Cases) -> list[Array]:
    """Return patches (channels, z, y, x), one for each case; slices (channels, y, x) get one z."""
    values = X[PATCH].to_numpy() if isinstance(X, pd.DataFrame) else np.asarray(X)
    if values.dtype == object:
        values = [np.asarray(v) for v in values.ravel()]
    shapes = {v.shape for v in values}
    if len(shapes) > 1:
        raise InputError(f"patches of {len(shapes)} shapes ({', '.join(map(str, sorted(shapes)[:3]))}); required: one.")
    if not shapes:
        raise InputError("X has no cases; required: one at least.")
    (shape,), kinds = shapes, {v.dtype for v in values}
    if len(shape) not in (3, 4) or any(kind.kind not in "biuf" for kind in kinds) or 0 in shape:
        raise InputError(
            f"X has shape {(len(values), *shape)} and type {', '.join(map(str, kinds))}; required: patches as numbers, "
            "(n, channels, z, y, x) or (n, channels, y, x), or a case table."
        )
    return [np.asarray(v if v.ndim == 4 else v[:, None], dtype=np.float32) for v in values]
