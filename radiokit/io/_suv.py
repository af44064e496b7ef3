"""Standardised uptake values from the dose, decay and patient attributes of a PET series.

SUV = activity concentration / (dose left at the start of the scan / body size). Decay follows the vendor-neutral scheme
of the Quantitative Imaging Biomarkers Alliance (qibawiki.rsna.org, Standardized Uptake Value). Lean body mass:
Janmahasatian et al. 2005, doi 10.2165/00003088-200544100-00004. Body surface: Du Bois and Du Bois 1916.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from pathlib import Path

from radiokit.exceptions import DataWarning, FileError, ParameterError
from radiokit.io._dicom_files import Header
from radiokit.io._suv_times import elapsed, missing

KINDS = ("bw", "lbm", "bsa")
PHILIPS_SUV, PHILIPS_ACTIVITY = (0x7053, 0x1000), (0x7053, 0x1009)
DOSE = ("RadionuclideTotalDose", "RadionuclideHalfLife", "RadiopharmaceuticalStartTime")
STORED_KIND = {"BW": "bw", "LBM": "lbm", "LBMJANMA": "lbm", "LBMJAMES128": "lbm", "BSA": "bsa"}
PLAUSIBLE = {
    "PatientWeight": (0.5, 700.0, "kg"),
    "PatientSize": (0.2, 2.8, "m"),
    "RadionuclideTotalDose": (1e5, 1e11, "Bq"),
    "RadionuclideHalfLife": (10.0, 1e7, "s"),
}


def suv_factor(heads: list[Header], kind: str, path: Path) -> float:
    """Return what the scaled voxels of a PET series are multiplied by.

    bw: g/ml. lbm: g/ml, with the lean body mass. bsa: cm²/ml, with the body surface.
    """
    if kind not in KINDS:
        raise ParameterError(f"suv is {kind!r}; required: one of {', '.join(map(repr, KINDS))}.")
    head = heads[0]
    if head.get("Modality") != "PT":
        raise ParameterError(f"suv={kind!r} needs PET; {path} has the modality {head.get('Modality', 'unknown')}.")
    units = str(head.get("Units", ""))
    if units == "GML":
        return _from_suv(head, kind, path)
    if units == "CNTS" and PHILIPS_SUV in head and float(head[PHILIPS_SUV].value) > 0:
        return float(head[PHILIPS_SUV].value) * _size(head, kind, path) / _size(head, "bw", path)
    if units == "CNTS" and PHILIPS_ACTIVITY in head and float(head[PHILIPS_ACTIVITY].value) > 0:
        return float(head[PHILIPS_ACTIVITY].value) * _per_becquerel(heads, kind, path)
    if units == "BQML":
        return _per_becquerel(heads, kind, path)
    raise FileError(
        f"{path}: its Units are {units or 'missing'}; SUV can be had from BQML, from GML, and from CNTS with Philips' "
        "factors (7053,1000) or (7053,1009)."
    )


def _from_suv(head: Header, kind: str, path: Path) -> float:
    stored = STORED_KIND.get(str(head.get("SUVType") or "BW"))
    if stored is None:
        raise FileError(f"{path}: its SUVType {head.SUVType} is not known; known are {', '.join(STORED_KIND)}.")
    return 1.0 if stored == kind else _size(head, kind, path) / _size(head, stored, path)


def _per_becquerel(heads: list[Header], kind: str, path: Path) -> float:
    head = heads[0]
    size = _size(head, kind, path)
    dose_items = head.get("RadiopharmaceuticalInformationSequence")
    if not dose_items:
        raise missing("RadiopharmaceuticalInformationSequence", path)
    dose = _one_dose(dose_items, path)
    injected = _number(dose, "RadionuclideTotalDose", path)
    if "ATTN" not in (head.get("CorrectedImage") or ["ATTN"]):
        warnings.warn(f"{path}: not corrected for attenuation; its SUV are too low.", DataWarning, stacklevel=2)
    correction = str(head.get("DecayCorrection") or "")
    if correction == "ADMIN":
        return size / injected
    if correction != "START":
        raise FileError(
            f"{path}: its DecayCorrection is {correction or 'missing'}; SUV needs START (to the start of the scan) or "
            "ADMIN (to the injection)."
        )
    half_life = _number(dose, "RadionuclideHalfLife", path)
    return size / (injected * 2 ** (-elapsed(heads, dose, half_life, path) / half_life))


def _one_dose(items: Sequence[Header], path: Path) -> Header:
    """Return the dose; two tracers, or two injections, have two, and no single SUV."""
    doses = {tuple(str(item.get(name) or "") for name in DOSE) for item in items}
    if len(doses) > 1:
        raise FileError(f"{path} has {len(items)} injections (RadiopharmaceuticalInformationSequence); required: one.")
    return items[0]


def _size(head: Header, kind: str, path: Path) -> float:
    """Body size in the unit of the SUV: g of weight, g of lean mass, or cm² of surface."""
    weight = _number(head, "PatientWeight", path)
    if kind == "bw":
        return weight * 1e3
    height = _number(head, "PatientSize", path)
    if kind == "bsa":
        return 0.007184 * weight**0.425 * (height * 100) ** 0.725 * 1e4
    sex = str(head.get("PatientSex") or "")
    if sex not in ("M", "F"):
        raise missing("PatientSex", path, f" (found {sex!r}, required M or F)" if sex else "")
    slope, offset = (216.0, 6680.0) if sex == "M" else (244.0, 8780.0)
    return 9270.0 * weight / (offset + slope * weight / height**2) * 1e3


def _number(group: Header, name: str, path: Path) -> float:
    value = group.get(name)
    if value is None or str(value).strip() == "":
        raise missing(name, path)
    low, high, unit = PLAUSIBLE[name]
    if not low <= float(value) <= high:
        raise FileError(
            f"{path}: its {name} is {float(value):g} {unit}; plausible are {low:g} to {high:g} {unit}. Is it in "
            "another unit, or removed by anonymisation?"
        )
    return float(value)
