"""Choose a region of a structure set or segmentation: by number, name or pattern."""

from __future__ import annotations

from collections.abc import Mapping
from fnmatch import fnmatchcase
from pathlib import Path

from radiokit.exceptions import MaskError

# Modalities of DICOM: those that hold regions, and those that hold no image.
REGIONS = ("RTSTRUCT", "SEG")
NO_IMAGE = (*REGIONS, "RTPLAN", "RTDOSE", "RTRECORD", "SR", "PR", "KO", "REG", "FID", "DOC", "ECG", "RWV", "PLAN")


def select_region(names: Mapping[int, str], roi: int | str | None, path: Path) -> int:
    """Return the number of the one region that `roi` means; more or none is an error that lists what there is."""
    if roi is None:
        found = list(names)
        asked = "Name one with roi=, or a column `roi` in the case table"
    else:
        found = _matching(names, roi)
        asked = f"roi={roi!r} means {len(found) or 'none'} of them"
    if len(found) == 1:
        return found[0]
    if not names:
        raise MaskError(f"{path} holds no region.")
    known = ", ".join(f"{number} {name!r}" for number, name in names.items())
    raise MaskError(f"{path} holds {len(names)} regions: {known}. {asked}.")


def _matching(names: Mapping[int, str], roi: int | str) -> list[int]:
    """First rule that matches anything: number, name, name in any case, pattern with * and ?."""
    text = str(roi).strip()
    if not isinstance(roi, str):
        return [number for number in names if number == roi]
    rules = (
        lambda number, name: name == text,
        lambda number, name: name.strip().lower() == text.lower(),
        lambda number, name: str(number) == text,
        lambda number, name: fnmatchcase(name.lower(), text.lower()),
    )
    for rule in rules:
        found = [number for number, name in names.items() if rule(number, name)]
        if found:
            return found
    return []
