"""Standardised uptake values: hand-computed, and against the IBSI image of a real patient."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from dicom_files import item, write_series
from pydicom.sequence import Sequence

from radiokit.exceptions import DataWarning, FileError, ParameterError
from radiokit.io import read_volume

STORED = np.arange(24, dtype=np.int16).reshape(2, 3, 4)
DOSE = {"RadionuclideTotalDose": 3.7e8, "RadionuclideHalfLife": 6588, "RadiopharmaceuticalStartTime": "100000.00"}
PET = {
    "modality": "PT",
    "Units": "BQML",
    "DecayCorrection": "START",
    "CorrectedImage": ["DECY", "ATTN"],
    "PatientWeight": 70,
    "PatientSize": 1.75,
    "PatientSex": "M",
    "SeriesDate": "20200101",
    "SeriesTime": "110000",
    "AcquisitionDate": "20200101",
    "AcquisitionTime": "110500",
}
LEFT = 3.7e8 * 2 ** (-3600 / 6588)


def pet(folder: Path, dose: dict[str, Any] | None = None, **tags: Any) -> Path:
    merged = {**PET, **tags}
    information = Sequence([item(**{k: v for k, v in {**DOSE, **(dose or {})}.items() if v is not None})])
    kept = {k: v for k, v in merged.items() if v is not None}
    write_series(folder, STORED, RadiopharmaceuticalInformationSequence=information, **kept)
    return folder


def factor(folder: Path, kind: str = "bw") -> float:
    return float(read_volume(folder, suv=kind).array[1, 2, 3]) / 23


def test_body_weight_lean_mass_and_surface(tmp_path: Path) -> None:
    folder = pet(tmp_path)
    assert factor(folder, "bw") == pytest.approx(70e3 / LEFT)
    lean = 9270 * 70 / (6680 + 216 * 70 / 1.75**2)
    assert factor(folder, "lbm") == pytest.approx(lean * 1e3 / LEFT)
    assert factor(folder, "bsa") == pytest.approx(0.007184 * 70**0.425 * 175**0.725 * 1e4 / LEFT)
    assert read_volume(folder).array.max() == 23


def test_lean_mass_of_women_is_their_own(tmp_path: Path) -> None:
    lean = 9270 * 70 / (8780 + 244 * 70 / 1.75**2)
    assert factor(pet(tmp_path, PatientSex="F"), "lbm") == pytest.approx(lean * 1e3 / LEFT)


@pytest.mark.parametrize(
    ("dose", "tags", "seconds"),
    [
        ({}, {}, 3600),
        ({"RadiopharmaceuticalStartTime": "233000"}, {"SeriesTime": "003000", "AcquisitionTime": "003500"}, 3600),
        ({"RadiopharmaceuticalStartDateTime": "20200101101500.00"}, {}, 2700),
        ({"RadiopharmaceuticalStartDateTime": "19990101101500"}, {}, 3600),
        ({}, {"SeriesTime": "140000"}, 3900),
        ({}, {"DecayCorrection": "ADMIN"}, 0),
    ],
)
def test_decay(tmp_path: Path, dose: dict[str, Any], tags: dict[str, Any], seconds: float) -> None:
    """Midnight; a full date; a shifted date; a series time of post-processing; decay already counted."""
    assert factor(pet(tmp_path, dose, **tags)) == pytest.approx(70e3 / (3.7e8 * 2 ** (-seconds / 6588)))


def test_units(tmp_path: Path) -> None:
    grams = pet(tmp_path / "gml", Units="GML")
    assert factor(grams) == 1
    assert factor(grams, "bsa") == pytest.approx(0.007184 * 70**0.425 * 175**0.725 * 1e4 / 70e3)
    with pytest.raises(FileError, match="Units are PROPCPS"):
        factor(pet(tmp_path / "other", Units="PROPCPS"))
    with pytest.raises(FileError, match="Philips"):
        factor(pet(tmp_path / "counts", Units="CNTS"))


@pytest.mark.parametrize(("element", "expected"), [(0x1000, 0.002), (0x1009, 0.5 * 70e3 / LEFT)])
def test_counts_of_philips(tmp_path: Path, element: int, expected: float) -> None:
    import pydicom

    pet(tmp_path, Units="CNTS")
    for file in tmp_path.iterdir():
        data = pydicom.dcmread(file)
        data.private_block(0x7053, "Philips PET Private Group", create=True).add_new(
            element % 256, "DS", "0.002" if element == 0x1000 else "0.5"
        )
        data.save_as(file)
    assert factor(tmp_path) == pytest.approx(expected)


@pytest.mark.parametrize("name", ["PatientWeight", "SeriesTime", "DecayCorrection"])
def test_what_is_missing_is_named(tmp_path: Path, name: str) -> None:
    folder = pet(tmp_path, **{name: None})
    with pytest.raises(FileError, match=name):
        factor(folder)
    assert read_volume(folder).array.max() == 23


@pytest.mark.parametrize("name", list(DOSE))
def test_what_is_missing_of_the_dose_is_named(tmp_path: Path, name: str) -> None:
    with pytest.raises(FileError, match=name):
        factor(pet(tmp_path, {name: None}))


@pytest.mark.parametrize(("kind", "name"), [("lbm", "PatientSize"), ("bsa", "PatientSize"), ("lbm", "PatientSex")])
def test_body_size_needs_height_and_sex(tmp_path: Path, kind: str, name: str) -> None:
    with pytest.raises(FileError, match=name):
        factor(pet(tmp_path, **{name: None}), kind)


@pytest.mark.parametrize(
    ("dose", "tags", "message"),
    [
        ({"RadionuclideTotalDose": 370}, {}, "RadionuclideTotalDose is 370 Bq"),
        ({}, {"PatientWeight": 0}, "PatientWeight is 0 kg"),
        ({}, {"DecayCorrection": "NONE"}, "DecayCorrection is NONE"),
        ({"RadiopharmaceuticalStartTime": "113000"}, {}, "half-lives"),
    ],
)
def test_what_cannot_be_right(tmp_path: Path, dose: dict[str, Any], tags: dict[str, Any], message: str) -> None:
    dose = {**dose, "RadionuclideHalfLife": 1200} if "113000" in str(dose) else dose
    with pytest.raises(FileError, match=message):
        factor(pet(tmp_path, dose, **tags))


def test_height_in_centimetres_is_noticed(tmp_path: Path) -> None:
    with pytest.raises(FileError, match="PatientSize is 175 m"):
        factor(pet(tmp_path, PatientSize=175), "lbm")


def test_only_pet_has_suv(tmp_path: Path) -> None:
    with pytest.raises(ParameterError, match="needs PET"):
        factor(pet(tmp_path / "ct", modality="CT"))
    with pytest.raises(ParameterError, match="suv is 'max'"):
        factor(pet(tmp_path / "pet"), "max")


def test_missing_attenuation_correction_is_announced(tmp_path: Path) -> None:
    with pytest.warns(DataWarning, match="attenuation"):
        factor(pet(tmp_path, CorrectedImage=["DECY", "SCAT"]))


@pytest.mark.shared
def test_a_real_patient(shared: Path) -> None:
    folder = shared / "data/dicom/pet_raw_suv/STS_001"
    expected = json.loads(next(folder.parent.rglob("expected_suv.json")).read_text())
    raw, suv = read_volume(folder / "image"), read_volume(folder / "image", suv="bw")
    left = expected["dose_bq"] * 2 ** (-expected["decay_time_s"] / expected["half_life_s"])
    np.testing.assert_allclose(suv.array, raw.array * (expected["weight_kg"] * 1e3 / left), rtol=1e-9)
