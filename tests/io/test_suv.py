"""Standardised uptake values: hand-computed, and against the IBSI image of a real patient."""

from __future__ import annotations

import json
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from dicom_files import item, write_series
from hypothesis import given, settings
from hypothesis import strategies as st
from pydicom.config import disable_value_validation
from pydicom.sequence import Sequence

from radiokit.exceptions import DataWarning, FileError, ParameterError
from radiokit.io import read_volume
from radiokit.io._suv_times import elapsed

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
    with disable_value_validation():
        information = Sequence([item(**{k: v for k, v in {**DOSE, **(dose or {})}.items() if v is not None})])
    kept = {k: v for k, v in merged.items() if v is not None}
    with disable_value_validation():
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
        ({"RadiopharmaceuticalStartDateTime": "20200101101500.00", "RadiopharmaceuticalStartTime": None}, {}, 2700),
        ({"RadiopharmaceuticalStartDateTime": "19990101100000"}, {}, 3600),
        ({}, {"SeriesTime": "140000"}, 3900),
        ({}, {"DecayCorrection": "ADMIN"}, 0),
    ],
)
def test_decay(tmp_path: Path, dose: dict[str, Any], tags: dict[str, Any], seconds: float) -> None:
    """Midnight; a full date; a shifted date; a series time of post-processing; decay already counted."""
    assert factor(pet(tmp_path, dose, **tags)) == pytest.approx(70e3 / (3.7e8 * 2 ** (-seconds / 6588)))


ZIRCONIUM, COPPER, FLUORINE = 78.41 * 3600, 12.701 * 3600, 6588
MOMENT = "RadiopharmaceuticalStartDateTime"


@pytest.mark.parametrize(
    ("half_life", "moment", "zone", "hours"),
    [
        (ZIRCONIUM, "20191227100000", None, 121),
        (ZIRCONIUM, "20191227120000+0300", "+0100", 121),
        (COPPER, "20191231100000.50", None, 25),
        (COPPER, "20191231", None, 25),
        (FLUORINE, "20200101090000+0000", "+0100", 1),
        (FLUORINE, "20191231213000-1130", "+0100", 1),
        (FLUORINE, "20200101090000+0000", None, 1),
    ],
)
def test_dates_and_offsets_from_utc_count(
    tmp_path: Path, half_life: float, moment: str, zone: str | None, hours: float
) -> None:
    """Dose · 2^(-t / T) with t between two moments (PS3.5 6.2, DT); the clock at injection says 10:00 in all."""
    folder = pet(tmp_path, {MOMENT: moment, "RadionuclideHalfLife": half_life}, TimezoneOffsetFromUTC=zone)
    assert factor(folder) == pytest.approx(70e3 / (3.7e8 * 2 ** (-hours * 3600 / half_life)), rel=1e-5)


@settings(max_examples=150, deadline=None)
@given(
    start=st.datetimes(datetime(1950, 1, 5), datetime(2050, 1, 1)),
    gone=st.integers(0, 5 * 86400),
    scanner=st.integers(-48, 56),
    injector=st.none() | st.integers(-48, 56),
    alone=st.booleans(),
)
def test_time_gone_does_not_depend_on_how_it_is_written(
    start: datetime, gone: int, scanner: int, injector: int | None, alone: bool
) -> None:
    """Moments on clocks of two zones (in quarters of an hour), against Python's own arithmetic of time zones."""
    start = start.replace(microsecond=0)
    here = timezone(timedelta(minutes=15 * scanner))
    there = here if injector is None else timezone(timedelta(minutes=15 * injector))
    injected = start.replace(tzinfo=here) - timedelta(seconds=gone)
    head = item(SeriesDate=f"{start:%Y%m%d}", SeriesTime=f"{start:%H%M%S}", TimezoneOffsetFromUTC=f"{injected:%z}")
    text = f"{injected.astimezone(there):%Y%m%d%H%M%S}" + (
        "" if injector is None else f"{injected.astimezone(there):%z}"
    )
    dose = item(RadiopharmaceuticalStartDateTime=text)
    if not alone:
        dose.RadiopharmaceuticalStartTime = f"{injected:%H%M%S}"
    assert elapsed([head], dose, ZIRCONIUM, Path("a")) == gone


def test_a_date_that_was_shifted_counts_only_where_the_time_of_day_can_stand_in(tmp_path: Path) -> None:
    with pytest.raises(FileError, match=r"StartDateTime 19990101100000 .* do not fit each other"):
        factor(pet(tmp_path / "zr", {MOMENT: "19990101100000", "RadionuclideHalfLife": ZIRCONIUM}))
    with pytest.raises(FileError, match="do not fit each other"):
        factor(pet(tmp_path / "f", {MOMENT: "19990101100000", "RadiopharmaceuticalStartTime": None}))
    assert factor(pet(tmp_path / "ok", {MOMENT: "19990101100000"})) == pytest.approx(70e3 / LEFT)


def test_a_time_of_day_alone_is_not_enough_for_a_long_half_life(tmp_path: Path) -> None:
    folder = pet(tmp_path, {"RadionuclideHalfLife": ZIRCONIUM})
    with pytest.warns(DataWarning, match=r"only the time of day.*78\.4 h"):
        found = factor(folder)
    assert found == pytest.approx(70e3 / (3.7e8 * 2 ** (-3600 / ZIRCONIUM)))


@pytest.mark.parametrize("dose", [{"RadiopharmaceuticalStartTime": "110030"}, {MOMENT: "20200101110030"}])
def test_a_scan_that_starts_before_the_injection_is_no_day_after_it(tmp_path: Path, dose: dict[str, Any]) -> None:
    both = {"RadiopharmaceuticalStartTime": "110030", **dose}
    with pytest.warns(DataWarning, match=r"30 s before the injection.*0\.32 %"):
        assert factor(pet(tmp_path / "a", both)) == pytest.approx(70e3 / 3.7e8)
    night = {
        "SeriesTime": "235950",
        "AcquisitionTime": "235950",
        "SeriesDate": "20191231",
        "AcquisitionDate": "20191231",
    }
    with pytest.warns(DataWarning, match="20 s before"):
        assert factor(pet(tmp_path / "b", {"RadiopharmaceuticalStartTime": "000010"}, **night)) == pytest.approx(
            70e3 / 3.7e8
        )


def test_two_tellings_of_the_injection_that_contradict_each_other_are_said(tmp_path: Path) -> None:
    with pytest.warns(DataWarning, match="contradicts RadiopharmaceuticalStartDateTime .* by 15 min"):
        found = factor(pet(tmp_path, {MOMENT: "20200101101500"}))
    assert found == pytest.approx(70e3 / (3.7e8 * 2 ** (-2700 / 6588)))


def test_an_offset_that_the_series_does_not_share_is_said(tmp_path: Path) -> None:
    with pytest.warns(DataWarning, match="TimezoneOffsetFromUTC"):
        factor(pet(tmp_path, {MOMENT: "20200101100000+0100", "RadiopharmaceuticalStartTime": None}))


@pytest.mark.parametrize("written", ["10:00:00", "10:00:00.00", "100000", "1000", "10"])
def test_times_as_files_write_them(tmp_path: Path, written: str) -> None:
    """PS3.5 6.2, TM, and the colons of ACR-NEMA."""
    assert factor(pet(tmp_path, {"RadiopharmaceuticalStartTime": written})) == pytest.approx(70e3 / LEFT)


def test_a_first_zero_that_is_lost(tmp_path: Path) -> None:
    folder = pet(tmp_path, {"RadiopharmaceuticalStartTime": "90000"}, SeriesTime="9:30:00")
    assert factor(folder) == pytest.approx(70e3 / (3.7e8 * 2 ** (-1800 / 6588)))


def test_an_acquisition_after_midnight_without_a_date_of_its_own(tmp_path: Path) -> None:
    late = {"SeriesTime": "235900", "AcquisitionTime": "000500", "AcquisitionDate": None}
    folder = pet(tmp_path, {"RadiopharmaceuticalStartTime": "225900"}, **late)
    assert factor(folder) == pytest.approx(70e3 / LEFT)


def test_two_injections_have_no_single_suv(tmp_path: Path) -> None:
    import pydicom

    for file in pet(tmp_path).iterdir():
        data = pydicom.dcmread(file)
        again = item(**{**DOSE, "RadionuclideTotalDose": 1e8})
        data.RadiopharmaceuticalInformationSequence.append(again)
        data.save_as(file)
    with pytest.raises(FileError, match="2 injections"):
        factor(tmp_path)


def test_an_empty_slope_gives_no_suv(tmp_path: Path) -> None:
    import pydicom

    for file in pet(tmp_path).iterdir():
        data = pydicom.dcmread(file)
        data.RescaleSlope = None
        data.save_as(file)
    with pytest.raises(FileError, match="RescaleSlope is empty in 2 of 2 files"):
        factor(tmp_path)


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
        ({"RadiopharmaceuticalStartTime": "113000", "RadionuclideHalfLife": 1200}, {}, "half-lives"),
        ({"RadiopharmaceuticalStartTime": "110500"}, {}, "300 s before the injection.*3.2 %"),
        ({"RadiopharmaceuticalStartTime": "noon"}, {}, "RadiopharmaceuticalStartTime is 'noon'"),
        ({}, {"SeriesTime": "250000"}, "SeriesTime is '250000'"),
    ],
)
def test_what_cannot_be_right(tmp_path: Path, dose: dict[str, Any], tags: dict[str, Any], message: str) -> None:
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
