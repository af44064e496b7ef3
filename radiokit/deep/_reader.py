"""From a case table, a column of patches or an array to the channels of a network; each case is read once."""

from __future__ import annotations

import hashlib
import os
import warnings
from collections import OrderedDict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from threading import Lock
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from radiokit._version import __version__
from radiokit.deep._crop import Crop
from radiokit.deep._patches import TOLERANCE, Frame, cut_image, cut_shares, patch_frames, require_volume
from radiokit.exceptions import CaseTableError, DataWarning, FileError, InputError, RadiokitError
from radiokit.io import Mask, Volume, read_mask
from radiokit.io._arrays import as_mask, as_volume
from radiokit.io._case_rows import HOW, reading_of
from radiokit.io._sequences import sequences_of
from radiokit.utils import atomic_write, track

Array = NDArray[np.float32]
PATCH = "patch"
DEPTHS = {"2.5D": 3, "2D": 1}
SOME = 5
MEMORY_BYTES = 2**30


class Memory:
    """Crops of this process, the oldest going first."""

    def __init__(self, most: int = MEMORY_BYTES) -> None:
        self.most = most
        self.kept: OrderedDict[str, Array] = OrderedDict()
        self.lock = Lock()

    def get(self, key: str) -> Array | None:
        """Return a crop, or None."""
        with self.lock:
            if key in self.kept:
                self.kept.move_to_end(key)
            return self.kept.get(key)

    def put(self, key: str, value: Array) -> None:
        """Keep a crop."""
        with self.lock:
            self.kept[key] = value
            while sum(v.nbytes for v in self.kept.values()) > self.most:
                self.kept.popitem(last=False)


MEMORY = Memory()


@dataclass(frozen=True)
class Case:
    """The images of one case (None where a sequence is absent) and its region."""

    images: tuple[Volume | None, ...]
    mask: Mask


@dataclass(frozen=True)
class Reader:
    """How patches are had: `sequences` is empty where X holds patches itself."""

    crop: Crop
    dimension: str
    sequences: tuple[str, ...] = ()
    shape: tuple[int, ...] = ()

    @classmethod
    def learn(cls, X: Any, crop: Crop, dimension: str, sequences: Sequence[str] | None) -> Reader:
        """See what X holds, and which sequences are asked for."""
        if not isinstance(X, pd.DataFrame) or PATCH in X.columns:
            shape = _stacked(X).shape[1:]
            if sequences is not None:
                raise InputError("sequences names images of a case table; X holds patches, whose channels are fixed.")
            return cls(crop, dimension, (), tuple(shape))
        found = _sequences(X)
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
        """Channels whose absence the network is told of."""
        return self.channels if self.crop.missing == "zero" else 0

    @property
    def are_images(self) -> tuple[bool, ...]:
        """Which channels hold intensities."""
        masks = bool(self.sequences) and self.crop.mask_channel
        return (*[True] * (self.channels - masks), *[False] * masks)

    @property
    def spacing(self) -> tuple[float, float, float]:
        """Millimetres of a voxel; patches that came as such have unit voxels."""
        return self.crop.spacing if self.sequences else (1.0, 1.0, 1.0)

    @property
    def size(self) -> tuple[int, ...]:
        """Voxels of a crop, (z, y, x); the reader of slices takes three or one."""
        return (DEPTHS.get(self.dimension, self.crop.size[0]), *self.crop.size[1:])

    def read(self, X: Any, *, progress: bool = False, larger: list[str] | None = None) -> tuple[Array, Array]:
        """Return patches (n, channels, z, y, x) and which channels are there (n, channels).

        Cases whose region does not fit into the crop are named in a warning, once (when they are cut), or put into
        `larger`.
        """
        if not self.sequences:
            images, ids = _stacked(X), _ids(X)
            if images.shape[1:] != self.shape:
                raise InputError(f"the patches have shape {images.shape[1:]}; the model was fitted to {self.shape}.")
        else:
            ids, rows = [str(i) for i in X.index], rows_of(X, self.sequences)
            pairs = track(zip(ids, rows, strict=True), total=len(ids), description="Reading", disable=not progress)
            found: list[str] = []
            images = np.stack([self._crop_of(case_id, row, found) for case_id, row in pairs])
            if larger is not None:
                larger += found
            elif found:
                say_larger(found, len(ids))
        return self._checked(images, ids)

    def _checked(self, images: Array, ids: list[str]) -> tuple[Array, Array]:
        voxels = images.reshape(*images.shape[:2], -1)
        gap: NDArray[np.bool_] = np.isnan(voxels)
        present = np.asarray(~gap.all(axis=2))
        holes = (np.asarray(gap.any(axis=2)) & present) | np.isinf(voxels).any(axis=2)
        wrong = np.flatnonzero(holes.any(axis=1))
        if wrong.size:
            raise InputError(
                f"case {ids[wrong[0]]}: the patch holds NaN or infinite voxels ({wrong.size} of {len(ids)} cases do); "
                "required: numbers. A channel that is NaN throughout counts as absent."
            )
        lacking = np.flatnonzero(~present.all(axis=1))
        if lacking.size and self.crop.missing == "raise":
            i = lacking[0]
            names = [self.sequences[c] if self.sequences else f"channel {c}" for c in np.flatnonzero(~present[i])]
            raise InputError(
                f"case {ids[i]} lacks {', '.join(names)} ({lacking.size} of {len(ids)} cases lack a sequence). Leave "
                "them out, or set missing='zero' in Crop: the network is then told which are absent."
            )
        blind = np.flatnonzero(~present[:, np.array(self.are_images)].any(axis=1))
        if blind.size:
            raise InputError(f"case {ids[blind[0]]} has no image at all.")
        filled = np.where(present[:, :, None], voxels, np.float32(0.0)).astype(np.float32)
        return filled.reshape(images.shape), present.astype(np.float32)

    def _crop_of(self, case_id: str, row: Mapping[str, pd.Series], larger: list[str]) -> Array:
        """Return the crop of a case; its id goes to `larger` where the region does not fit (seen when it is cut)."""
        key = self._key(row)
        kept = None if key is None else self._recall(key)
        if kept is None:
            try:
                case = open_case(row)
                frames = self.frames(case)
                kept = self.cut(case, frames)
            except RadiokitError as error:
                raise type(error)(f"case {case_id}: {error}") from error
            if self.crop.too_large == "crop" and max(frame.fill for frame in frames) > 1 + TOLERANCE:
                larger.append(case_id)
            if key is not None:
                self._keep(key, kept)
        return kept

    def cut(self, case: Case, frames: Sequence[Frame]) -> Array:
        """Channels of one case; NaN throughout where a sequence is absent."""
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
        """Where the crop of a case lies in the patient."""
        crop = self.crop
        return patch_frames(
            case.mask, size=crop.size, spacing=crop.spacing, dimension=self.dimension, too_large=crop.too_large
        )

    def _key(self, row: Mapping[str, pd.Series]) -> str | None:
        """Name of a crop: settings, and path, size and date of each file. Images in memory have none."""
        parts = [__version__, repr(replace(self.crop, cache=None)), self.dimension, repr(self.sequences)]
        for name in self.sequences:
            for part in ("image", "mask"):
                cell = row[name].get(part)
                if is_empty(cell):
                    parts.append("absent")
                elif isinstance(cell, str | os.PathLike):
                    parts.append(_stamp(cell))
                else:
                    return None
            parts += [repr(row[name].get(how)) for how in HOW]
        return hashlib.sha256("|".join(parts).encode()).hexdigest()

    def _recall(self, key: str) -> Array | None:
        if self.crop.cache is None:
            return MEMORY.get(key)
        try:
            found = np.load(Path(self.crop.cache) / f"{key}.npy", allow_pickle=False)
        except (OSError, ValueError, EOFError):
            return None
        return found if found.shape == (self.channels, *self.size) and found.dtype == np.float32 else None

    def _keep(self, key: str, value: Array) -> None:
        if self.crop.cache is None:
            MEMORY.put(key, value)
            return
        folder = Path(self.crop.cache)
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise FileError(f"the cache folder {folder} cannot be written ({error.strerror}).") from error
        with atomic_write(folder / f"{key}.npy") as draft:
            np.save(draft, value)


def say_larger(case_ids: Sequence[str], n_cases: int) -> None:
    """Warn that of some regions only the middle is seen."""
    some = ", ".join(case_ids[:SOME]) + (", ..." if len(case_ids) > SOME else "")
    warnings.warn(
        f"The region is larger than the crop, of which only the middle is seen, in {len(case_ids)} of {n_cases} cases: "
        f"{some}. Use a larger size or spacing of Crop, or too_large='zoom'.",
        DataWarning,
        stacklevel=4,
    )


def _stamp(cell: str | os.PathLike[str]) -> str:
    path = Path(cell).absolute()
    try:
        files = sorted(p for p in path.rglob("*") if p.is_file()) if path.is_dir() else [path]
        return f"{path}:" + ",".join(f"{s.st_size}-{s.st_mtime_ns}" for s in map(os.stat, files))
    except OSError:
        return f"{path}:unreadable"


def _sequences(X: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """Columns of each sequence, also of one whose mask is that of another (one `mask` serves all)."""
    names = [str(c) for c in X.columns if str(c) == "image" or str(c).startswith("image_")]
    shared = [c for c in X.columns if str(c) == "mask" or str(c).startswith("mask_")]
    lone = {n.replace("image", "mask", 1): X[shared[0]] for n in names if shared}
    return sequences_of(X.assign(**{k: v for k, v in lone.items() if k not in X.columns}))


def columns_read(X: pd.DataFrame, sequences: Sequence[str]) -> tuple[str, ...]:
    """Names of the columns of a case table that are read: images, masks, and those that say how, where they do."""
    names = []
    for sequence in sequences:
        suffix = f"_{sequence}" if sequence else ""
        for part in ("image", "mask", *HOW):
            found = next((c for c in (part + suffix, part) if c in X.columns), None)
            if found is not None and (part in ("image", "mask") or not X[found].map(is_empty).all()):
                names.append(found)
    return tuple(dict.fromkeys(names))


def rows_of(X: Any, sequences: Sequence[str]) -> Iterator[Mapping[str, pd.Series]]:
    """Yield of each case the columns of each of these sequences."""
    found = _sequences(X) if isinstance(X, pd.DataFrame) else {}
    absent = [s for s in sequences if s not in found]
    if absent:
        raise CaseTableError(
            f"X lacks images of {', '.join(map(repr, absent))}; it has {', '.join(map(repr, found)) or 'none'}. The "
            f"model was fitted to {', '.join(map(repr, sequences))}."
        )
    return ({s: found[s].iloc[i] for s in sequences} for i in range(len(X)))


def open_case(row: Mapping[str, pd.Series]) -> Case:
    """Read the images of a case, and the first region that there is."""
    images: list[Volume | None] = []
    mask: Mask | None = None
    for columns in row.values():
        how = reading_of(columns)
        cell = columns.get("image")
        image = None if is_empty(cell) else as_volume(cell, series=how["series"], suv=how["suv"])
        images.append(image)
        cell = columns.get("mask")
        if mask is None and not is_empty(cell):
            if image is not None:
                mask = as_mask(cell, image, how["label"], roi=how["roi"])
            else:
                mask = cell if isinstance(cell, Mask) else read_mask(cell, label=how["label"], roi=how["roi"])
    if mask is None:
        raise CaseTableError("no mask; required: the region, in one of its mask columns.")
    if all(image is None for image in images):
        raise CaseTableError("no image; required: one sequence at least.")
    return Case(tuple(images), mask)


def is_empty(cell: Any) -> bool:
    """Whether a cell holds nothing."""
    if cell is None or (isinstance(cell, str) and not cell.strip()):
        return True
    return bool(np.ndim(cell) == 0 and not isinstance(cell, Volume | Mask) and pd.isna(cell))


def _ids(X: Any) -> list[str]:
    return [str(i) for i in (X.index if isinstance(X, pd.DataFrame) else range(len(X)))]


def _stacked(X: Any) -> Array:
    """Patches in one array (n, channels, z, y, x); slices (n, channels, y, x) get one z."""
    values = X[PATCH].to_numpy() if isinstance(X, pd.DataFrame) else np.asarray(X)
    if values.dtype == object:
        shapes = {np.shape(v) for v in values.ravel()}
        if len(shapes) != 1:
            raise InputError(
                f"patches of {len(shapes)} shapes ({', '.join(map(str, sorted(shapes)[:3]))}); required: one."
            )
        values = np.stack([np.asarray(v) for v in values.ravel()])
    if values.ndim not in (4, 5) or values.dtype.kind not in "biuf" or 0 in values.shape:
        raise InputError(
            f"X has shape {values.shape} and type {values.dtype}; required: patches as numbers, (n, channels, z, y, x) "
            "or (n, channels, y, x), or a case table."
        )
    values = values if values.ndim == 5 else values[:, :, None]
    return np.ascontiguousarray(values, dtype=np.float32)
