"""Cases in folders: `images/` and `masks/` with equal names, or one folder for each patient."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pandas as pd

from radiokit.exceptions import CaseTableError
from radiokit.io._case_files import Problem
from radiokit.io._pictures import is_picture
from radiokit.io._read import READERS, suffix_of
from radiokit.utils.table_files import TABLES

IMAGE_FOLDERS = ("images", "image", "imagestr")
MASK_FOLDERS = ("masks", "mask", "labels", "labelstr", "segmentations")
IMAGE_WORDS = {"image", "img", "scan", "volume", "0000"}
MASK_WORDS = {"mask", "seg", "segmentation", "label", "labels", "labelmap", "roi", "contour"}
Row = dict[str, str]


def table_in(folder: Path) -> Path | None:
    """Return the case table that lies in a folder under the name ``cases``, if there is one."""
    found = [folder / f"cases{suffix}" for suffix in TABLES if (folder / f"cases{suffix}").is_file()]
    if len(found) > 1:
        raise CaseTableError(f"{folder} holds {', '.join(p.name for p in found)}; name one of them.")
    return found[0] if found else None


def cases_in_folder(folder: Path) -> tuple[pd.DataFrame, list[Problem]]:
    """Return the cases that were found (one row each, with a column case_id) and the problems of the others."""
    folders = {path.name.lower(): path for path in _entries(folder) if path.is_dir()}
    images = next((folders[name] for name in IMAGE_FOLDERS if name in folders), None)
    masks = next((folders[name] for name in MASK_FOLDERS if name in folders), None)
    rows: dict[str, Row] = {}
    problems: list[Problem] = []
    if images is not None and masks is not None:
        rows, problems = _side_by_side(images, masks)
    else:
        for patient in filter(Path.is_dir, _entries(folder)):
            try:
                rows[_readable(patient.name)] = _of_patient(patient)
            except CaseTableError as error:
                problems.append(Problem(_readable(patient.name), str(error)))
    if not rows and not problems:
        raise CaseTableError(
            f"{folder} holds neither folders `images` and `masks` nor one folder for each patient with an image and a "
            f"mask ({', '.join(READERS)})."
        )
    table = pd.DataFrame.from_dict(rows, orient="index", dtype=object).fillna("")
    return table.rename_axis("case_id").reset_index(), problems


def _side_by_side(images: Path, masks: Path) -> tuple[dict[str, Row], list[Problem]]:
    problems: list[Problem] = []
    found: list[dict[str, Path]] = []
    for folder in (images, masks):
        own: dict[str, Path] = {}
        for path in _volumes(folder):
            name = _readable(_bare(path))
            if name in own:
                problems.append(Problem(name, f"{own[name]} and {path.name} are both called {name}"))
            own[name] = path
        found.append(own)
    twice = {problem.case_id for problem in problems}
    for mine, others, kind in ((found[0], masks, "mask"), (found[1], images, "image")):
        other = found[1] if mine is found[0] else found[0]
        problems += [Problem(n, f"{mine[n]}: no {kind} of this name in {others}") for n in sorted(mine.keys() - other)]
    names = sorted((found[0].keys() & found[1].keys()) - twice)
    return {name: {"image": str(found[0][name]), "mask": str(found[1][name])} for name in names}, problems


def _readable(name: str) -> str:
    r"""Return a file's name as an id that can be written down: a byte that is no UTF-8 stands as \xfc."""
    return os.fsencode(name).decode("utf-8", "backslashreplace").strip()


def _of_patient(folder: Path) -> Row:
    volumes = _volumes(folder)
    if not volumes:
        return _of_dicom(folder)
    masks = [path for path in volumes if MASK_WORDS & {word.lower() for word in _words(path)}]
    images = [path for path in volumes if path not in masks]
    if len(images) == len(masks) == 1:
        return {"image": str(images[0]), "mask": str(masks[0])}
    by_name = {_sequence(path, folder): path for path in images}
    regions = {_sequence(path, folder): path for path in masks}
    if len(masks) == 1:
        regions = dict.fromkeys(by_name, masks[0])
    if not images or not masks or by_name.keys() != regions.keys():
        raise CaseTableError(
            f"{folder}: images {_listed(images)} and masks {_listed(masks)} cannot be paired by name (a mask has one "
            f"of the words {', '.join(sorted(MASK_WORDS))} in its name); write a case table"
        )
    row: Row = {}
    for name in sorted(by_name):
        row |= {f"image_{name}": str(by_name[name]), f"mask_{name}": str(regions[name])}
    return row


def _of_dicom(folder: Path) -> Row:
    """Pair the regions in a tree of DICOM files with the series that they were drawn on."""
    from radiokit.io._dicom_index import index_dicom

    index = index_dicom(folder)
    regions = index[index["modality"].isin(("RTSTRUCT", "SEG"))]
    images = index.drop(regions.index)
    if images.empty or regions.empty:
        raise CaseTableError(
            f"{folder}: {len(images)} image series and {len(regions)} files of regions; required: both"
        )
    rows: dict[str, Row] = {}
    for region in regions.itertuples():
        drawn_on = images[images["series"] == region.refers_to] if region.refers_to else images
        if len(drawn_on) > 1 and drawn_on["series"].nunique() == 1:
            raise CaseTableError(
                f"{folder}: the series that {region.path} refers to lies in {len(drawn_on)} folders "
                f"({', '.join(drawn_on['path'])}), as in some exports on CD: put its files into one folder"
            )
        if len(drawn_on) != 1:
            raise CaseTableError(
                f"{region.path} refers to a series that is not in {folder}, or to none; write a case table"
            )
        image = drawn_on.iloc[0]
        if image["modality"] in rows:
            raise CaseTableError(
                f"{folder}: several files of regions, or several series, of {image['modality']}; write a case table"
            )
        rows[image["modality"]] = {"image": image["path"], "mask": str(region.path)}
        rows[image["modality"]] |= {} if image["alone"] else {"series": image["series"]}
    if len(rows) == 1:
        return next(iter(rows.values()))
    return {f"{part}_{name}": value for name, row in rows.items() for part, value in row.items()}


def _entries(folder: Path) -> list[Path]:
    return sorted(path for path in folder.iterdir() if not path.name.startswith("."))


def _volumes(folder: Path) -> list[Path]:
    files = [path for path in _entries(folder) if path.is_file()]
    # A picture beside volumes is a preview of them.
    return [path for path in files if suffix_of(path) in READERS] or [path for path in files if is_picture(path)]


def _words(path: Path) -> list[str]:
    return [word for word in re.split(r"[\s_.-]+", path.name[: len(path.name) - len(suffix_of(path))]) if word]


def _bare(path: Path) -> str:
    """Name of a file without its suffix and without a last word that only means image or mask."""
    stem = path.name[: len(path.name) - len(suffix_of(path))]
    last = _words(path)[-1] if _words(path) else ""
    if last != stem and last.lower() in IMAGE_WORDS | MASK_WORDS:
        stem = re.sub(rf"[\s_.-]+{re.escape(last)}$", "", stem)
    return stem


def _sequence(path: Path, folder: Path) -> str:
    """Name of the sequence: the words of the file's name without those of patient, image or mask."""
    own = [word for word in _words(path) if word.lower() not in IMAGE_WORDS | MASK_WORDS]
    patient = _words(folder / f"{folder.name}.nii")
    return "_".join(own[len(patient) :] if own[: len(patient)] == patient else own) or "image"


def _listed(paths: list[Path]) -> str:
    return "[" + ", ".join(path.name for path in paths) + "]"
