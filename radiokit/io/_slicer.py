"""Segmentations of 3D Slicer (.seg.nrrd): segments by name, in layers, cropped to what is drawn.

The header names each segment with a layer and a label value in it; fields by the documentation of Slicer's module
Segmentations. Files older than layers have one component for each segment.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from radiokit.exceptions import MaskError
from radiokit.io._channels import Channels
from radiokit.io._nrrd import nrrd_channels, nrrd_fields
from radiokit.io._regions import select_region
from radiokit.io._volume import Mask

SUFFIXES = (".nrrd", ".nhdr")


@dataclass(frozen=True)
class Segment:
    """Where a segment stands: voxels of a value in a layer."""

    name: str
    layer: int
    value: int


def is_slicer(path: Path) -> bool:
    """Whether a file is an NRRD whose header names segments."""
    if path.suffix.lower() not in SUFFIXES:
        return False
    return any(re.match(r"Segment\d+_", key) for key in nrrd_fields(path)[0])


def read_slicer(path: Path, label: int | None, roi: int | str | None) -> Mask:
    """Read one segment: by name, pattern or number of order (`roi`), or by its label value (`label`)."""
    channels = nrrd_channels(path)
    segments = _segments(channels, path)
    if roi is None and label is not None:
        number = _by_value(segments, label, path)
    else:
        number = select_region({n: s.name for n, s in segments.items()}, roi, path)
    segment = segments[number]
    array = channels.array[segment.layer] == segment.value
    if not array.any():
        raise MaskError(f"{path}: segment {number} {segment.name!r} holds no voxel: it is empty.")
    metadata: dict[str, Any] = {"format": "Slicer", "path": str(path), "label": segment.value}
    return Mask(array, *channels.geometry, metadata=metadata)


def _segments(channels: Channels, path: Path) -> dict[int, Segment]:
    """Segments by their number of order, from 1 on."""
    fields = channels.fields
    found: dict[int, Segment] = {}
    for place in sorted({int(m[1]) for key in fields if (m := re.match(r"Segment(\d+)_", key))}):
        start = f"Segment{place}_"
        several = len(channels.array) > 1 and f"{start}Layer" not in fields
        layer = place if several else _whole(fields.get(f"{start}Layer", "0"), path)
        value = _whole(fields.get(f"{start}LabelValue", "1"), path)
        if not 0 <= layer < len(channels.array):
            raise MaskError(f"{path}: segment {place + 1} lies in layer {layer}; the file has {len(channels.array)}.")
        found[place + 1] = Segment(fields.get(f"{start}Name", fields.get(f"{start}ID", "")), layer, value)
    return found


def _whole(text: str, path: Path) -> int:
    if not re.fullmatch(r"-?\d{1,9}", text):
        raise MaskError(f"{path} is damaged: its header has {text!r} where a whole number belongs.")
    return int(text)


def _by_value(segments: dict[int, Segment], label: int, path: Path) -> int:
    found = [number for number, segment in segments.items() if segment.value == label]
    if len(found) == 1:
        return found[0]
    known = ", ".join(f"{number} {s.name!r} (label {s.value} in layer {s.layer})" for number, s in segments.items())
    raise MaskError(f"{path}: label={label} means {len(found) or 'none'} of its segments: {known}. Name one with roi=.")
