"""What strangers write into files runs nothing, fills no memory, stays in its folder; no output names a patient."""

from __future__ import annotations

import hashlib
import json
import os
import pickle
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import openpyxl
import pandas as pd
import pytest
from dicom_files import write_rtstruct, write_series
from hypothesis import given, settings
from hypothesis import strategies as st

from radiokit import cli
from radiokit.exceptions import FileError, ParameterError, RadiokitError
from radiokit.features import RadiomicsExtractor
from radiokit.features._pyradiomics_params import SETTINGS
from radiokit.io import Mask, Volume, write_table, write_volume
from radiokit.models.calibration import Calibration
from radiokit.study import Study, load_signature
from radiokit.study._domain import learn_distribution
from radiokit.study._frozen import Clinical, Feature, Frozen
from radiokit.study._frozen_file import FrozenSignature
from radiokit.study._scores import Score
from radiokit.utils import parse_yaml, read_yaml, run_cases, yaml_text
from radiokit.utils._sealed import MAGIC

PRINTABLE = st.characters(categories=["L", "N", "P", "S", "Zs"])
EVIL = [
    "../../evil",
    "/etc/evil",
    "..\\evil",
    "<script>alert(1)</script>",
    "=HYPERLINK(1)",
    "a\nb",
    "con",
    "~/.profile",
]


# ------------------------------------------------------------------------------------------------- ids and their places


@pytest.fixture
def cohort(tmp_path: Path) -> Path:
    """Cases whose ids are paths, markup and formulas, two folders below the one that a test watches."""
    folder = tmp_path / "watched" / "work"
    folder.mkdir(parents=True)
    random = np.random.default_rng(0)
    mask = np.zeros((4, 6, 6), bool)
    mask[1:3, 1:5, 1:5] = True
    write_volume(Volume(random.normal(100, 20, mask.shape)), folder / "image.nii.gz")
    write_volume(Mask(mask), folder / "mask.nii.gz")
    table = pd.DataFrame({"case_id": EVIL, "image": "image.nii.gz", "mask": "mask.nii.gz"})
    table.to_csv(folder / "cases.csv", index=False)
    (folder / "params.yaml").write_text("imageType: {Original: {}}\nfeatureClass: {firstorder: [Mean]}\n")
    return folder


def files(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize("suffix", ["csv", "xlsx", "parquet"])
def test_ids_are_text_in_the_table_and_nothing_else(cohort: Path, suffix: str) -> None:
    before = files(cohort.parents[1])
    out = cohort / f"out.{suffix}"
    arguments = ["--params", cohort / "params.yaml", "--cache", cohort / "cache", "--quiet"]
    assert cli.main([str(a) for a in ("extract", cohort / "cases.csv", "-o", out, *arguments)]) == 0
    new = files(cohort.parents[1]) - before
    prefix = "watched/work/"
    assert {name for name in new if not name.endswith(".case")} == {
        f"{prefix}out.{suffix}",
        f"{prefix}out.provenance.csv",
    }
    assert all(name.startswith(f"{prefix}cache/") for name in new if name.endswith(".case"))
    readers: dict[str, Any] = {"csv": pd.read_csv, "xlsx": pd.read_excel, "parquet": pd.read_parquet}
    found = readers[suffix](out).reset_index()["case_id"]
    assert found.tolist() == EVIL


def test_a_spreadsheet_runs_no_formula(tmp_path: Path) -> None:
    table = pd.DataFrame({"=1+1": ["=2+2", "plain"], "x": [0.5, 1.5]}, index=pd.Index(["=cmd()", "b"], name="=id"))
    write_table(table, tmp_path / "t.xlsx")
    cells = [cell for row in openpyxl.load_workbook(tmp_path / "t.xlsx").active for cell in row]
    assert "=2+2" in [cell.value for cell in cells] and all(cell.data_type != "f" for cell in cells)


# ----------------------------------------------------------------------------------------------------- nothing executes

MARK = "radiokit_was_here"
TAGS = [
    "!!python/object/apply:os.system ['touch {0}']",
    "!!python/object/new:os.system ['touch {0}']",
    "!!python/name:os.system",
    "!!python/module:os",
    '!!python/object/apply:builtins.exec [\'open("{0}", "w")\']',
]


@pytest.mark.parametrize("tag", TAGS)
def test_yaml_makes_no_objects(tmp_path: Path, tag: str) -> None:
    path = tmp_path / "file.yaml"
    for text in (f"setting: {tag}", tag, f"? {tag}\n: 1"):
        path.write_text(text.format(tmp_path / MARK))
        for read in (RadiomicsExtractor.from_params, Study.from_yaml):
            with pytest.raises(FileError, match="not valid YAML"):
                read(path)
    assert not (tmp_path / MARK).exists()


class Touch:
    """Unpickled, it makes a file."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> Any:
        return Path.touch, (self.path,)


def test_pickles_are_not_loaded(tmp_path: Path) -> None:
    content = pickle.dumps(Touch(tmp_path / MARK))
    cases = pd.DataFrame({"value": [1.0]}, index=["a"])

    def compute(case_id: str, row: pd.Series) -> dict[str, float]:
        return {"value": float(row["value"])}

    run_cases(cases, compute, cache=tmp_path / "cache", key=lambda row: "key")
    (entry,) = (tmp_path / "cache").iterdir()
    for forged in (content, MAGIC + hashlib.sha256(content).digest() + content):
        entry.write_bytes(forged)
        assert (
            not run_cases(cases, compute, cache=tmp_path / "cache", key=lambda row: "key").provenance["cached"].iloc[0]
        )
    (tmp_path / "model.rk").write_bytes(content)
    with pytest.raises(FileError):
        load_signature(tmp_path / "model.rk")
    assert not (tmp_path / MARK).exists()


# -------------------------------------------------------------------------------------------------------- nothing grows

LAUGHS = "a0: &a0 [x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 9)}]\n" for i in range(1, 40)
)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (LAUGHS, "refers to another part"),
        ("a: &a [*a]", "refers to another part"),
        ("a: &a {b: *a}", "refers to another part"),
        ("[" * 20_000, "nested too deeply"),
        ("setting: " + "{a: " * 5000, "nested too deeply"),
        ("x" * (2**20 + 1), "more than 1 MiB"),
        ("setting: {label: " + "9" * 5000 + "}", "not valid YAML"),
        ("setting: {label: 2026-13-45}", "not valid YAML"),
    ],
    ids=["laughs", "self", "self in mapping", "brackets", "braces", "large", "digits", "date"],
)
def test_yaml_bombs(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "file.yaml"
    path.write_text(text)
    for read in (RadiomicsExtractor.from_params, Study.from_yaml):
        with pytest.raises(FileError, match=message):
            read(path)


@pytest.mark.parametrize(
    ("text", "where"),
    [
        ("setting:\n  binWidth: 25\n  binWidth: 5\n", "line 3, column 3.*duplicate key"),
        ("setting: {binWidth: 25}\nsetting: {binWidth: 5}\n", "line 2, column 1.*duplicate key"),
        ("featureClass:\n  glrlm: &runs [RunEntropy]\n  gldm: *runs\n", "line 3, column 9.*refers to another part"),
    ],
)
def test_what_can_be_read_in_two_ways_is_refused(tmp_path: Path, text: str, where: str) -> None:
    (tmp_path / "p.yaml").write_text(text)
    for read in (RadiomicsExtractor.from_params, Study.from_yaml):
        with pytest.raises(FileError, match=where):
            read(tmp_path / "p.yaml")


@pytest.mark.parametrize(
    ("text", "value"),
    # As ruamel.yaml 0.18 reads YAML 1.2, the reader behind pyradiomics 3.0.1 (pykwalify, YAML(typ="safe", pure=True)).
    [("010", 10), ("1e1", 10.0), ("1e-3", 0.001), ("0o17", 15), ("+.inf", np.inf), ("09", 9)],
)
def test_numbers_are_read_as_pyradiomics_does(tmp_path: Path, text: str, value: float) -> None:
    (tmp_path / "p.yaml").write_text(f"a: {text}")
    found = read_yaml(tmp_path / "p.yaml")["a"]
    assert found == value and type(found) is type(value)


@pytest.mark.parametrize("text", ["1:30", "on", "off", "yes", "no", "nan", "1,5"])
def test_text_stays_text(tmp_path: Path, text: str) -> None:
    (tmp_path / "p.yaml").write_text(f"a: {text}\nsetting: {{binWidth: {text}}}")
    assert read_yaml(tmp_path / "p.yaml")["a"] == text
    (tmp_path / "p.yaml").write_text(f"setting: {{binWidth: {text!r}}}")
    with pytest.raises(ParameterError, match="binWidth"):
        RadiomicsExtractor.from_params(tmp_path / "p.yaml")


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(PRINTABLE, max_size=12),
    lambda c: st.lists(c, max_size=4) | st.dictionaries(st.text(PRINTABLE, max_size=8), c, max_size=4),
    max_leaves=10,
)


@settings(max_examples=150, deadline=None)
@given(content=st.dictionaries(st.text(PRINTABLE, min_size=1, max_size=8), VALUES, max_size=4))
def test_what_is_written_is_read_again(content: dict[str, Any]) -> None:
    assert parse_yaml(yaml_text(content), "text") == content


# ------------------------------------------------------------------------------------ whatever a file holds: our errors

PLAIN = st.none() | st.booleans() | st.integers(-3, 300) | st.integers() | st.floats() | st.text(max_size=8)
KINDS = ("Original", "LoG", "Wavelet", "LBP3D", "sigma", "wavelet", "glcm", "shape", "firstorder", "Mean", "coif1")
NAMES = st.sampled_from((*SETTINGS, *KINDS, "sitkBSpline"))
NESTED = st.recursive(
    PLAIN | NAMES, lambda c: st.lists(c, max_size=4) | st.dictionaries(NAMES | PLAIN, c, max_size=4), max_leaves=12
)
SECTIONS = st.dictionaries(st.sampled_from(["setting", "imageType", "featureClass", "voxelSetting"]), NESTED)


@settings(max_examples=150, deadline=None)
@given(content=SECTIONS | NESTED | st.text(max_size=60) | st.binary(max_size=60))
def test_any_parameter_file_gives_an_extractor_or_our_error(tmp_path_factory: Any, content: Any) -> None:
    path = tmp_path_factory.getbasetemp() / "fuzz.yaml"
    path.write_bytes(_bytes(content))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a section for maps is said to be passed over
        try:
            extractor = RadiomicsExtractor.from_params(path)
            extractor.get_feature_names_out()
        except RadiokitError as error:
            assert str(error)


STUDY_KEYS = st.sampled_from(["cases", "outcome", "survival", "clinical", "signatures", "center", "split", "options"])


@settings(max_examples=100, deadline=None)
@given(content=st.dictionaries(STUDY_KEYS, NESTED) | NESTED | st.binary(max_size=60))
def test_any_study_file_gives_a_study_or_our_error(tmp_path_factory: Any, content: Any) -> None:
    path = tmp_path_factory.getbasetemp() / "fuzz_study.yaml"
    path.write_bytes(_bytes(content))
    try:
        Study.from_yaml(path)
    except RadiokitError as error:
        assert str(error)


def _bytes(content: Any) -> bytes:
    if isinstance(content, bytes):
        return content
    return content.encode() if isinstance(content, str) else yaml_text(content).encode()


@settings(max_examples=100, deadline=None)
@given(data=st.data())
def test_any_signature_loads_or_gives_our_error(tmp_path_factory: Any, data: st.DataObject) -> None:
    """Some values are replaced by others, and the file is sealed again: what lies behind the checksum is reached."""
    path = tmp_path_factory.getbasetemp() / "fuzz.rk"
    FrozenSignature(Frozen("clinical", "logistic", -1.0, (("age", 0.5),), ())).save(path)
    document = json.loads(path.read_text())
    for _ in range(data.draw(st.integers(1, 3))):
        at = document["content"]
        while True:
            keys = list(at) if isinstance(at, dict) else list(range(len(at)))
            if not keys:
                break
            key = data.draw(st.sampled_from(keys))
            if isinstance(at[key], dict | list) and at[key] and data.draw(st.booleans()):
                at = at[key]
                continue
            at[key] = json.loads(json.dumps(data.draw(NESTED)))
            break
    text = json.dumps(document["content"], sort_keys=True, ensure_ascii=True)
    document["sha256"] = hashlib.sha256(text.encode()).hexdigest()
    path.write_text(json.dumps(document))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            load_signature(path)
        except RadiokitError as error:
            assert str(error)


def forged(path: Path, change: Callable[[dict[str, Any]], None]) -> Path:
    """A frozen model with all kinds of fields, changed, and sealed again."""
    model = Frozen(
        "clinical", "logistic", -1.0, (("age", 0.5), ("stage=II", 1.0), ("rad", 1.0)),
        (Score("rad", 0.0, (Feature("f", 0.0, 0.0, 1.0, 1.0, -1.0, 1.0),)),),
        (Clinical("age"), Clinical("stage", ("I", "II"), "I")),
        calibration=Calibration("linear", (0.0, 1.0)),
    )  # fmt: skip
    training = pd.DataFrame(np.random.default_rng(0).normal(size=(30, 2)), columns=["f", "age"])
    imaging = {"rad": {"modality": ["CT"], "spacing_low": [1.0, 1.0, 1.0], "spacing_high": [3.0, 1.0, 1.0]}}
    domain = {"distribution": learn_distribution(training), "imaging": imaging}
    extraction = {"rad": {"prefix": "", "sequence": "", "params": "setting: {binWidth: 25}"}}
    FrozenSignature(model, extraction, domain=domain).save(path)
    assert load_signature(path).name == "clinical"
    document = json.loads(path.read_text())
    change(document["content"])
    text = json.dumps(document["content"], sort_keys=True, ensure_ascii=True)
    document["sha256"] = hashlib.sha256(text.encode()).hexdigest()
    path.write_text(json.dumps(document))
    return path


@pytest.mark.parametrize(
    ("field", "value", "place"),
    [
        ("model.name", {"a": 1}, "model.name"),
        ("model.kind", "os", "model.kind"),
        ("model.intercept", "1.5", "model.intercept"),
        ("model.intercept", True, "model.intercept"),
        ("model.intercept", 10**400, "model.intercept"),
        ("model.intercept", None, "model.intercept"),
        ("model.calibration.kind", "os", "model.calibration.kind"),
        ("model.calibration.coef", [1.0], "model.calibration.coef"),
        ("model.weights.0.1", "1", r"model.weights\[0\]\[1\]"),
        ("model.clinical.1.levels", "III", r"model.clinical\[1\].levels"),
        ("model.clinical.1.impute", 1.0, r"model.clinical\[1\].impute"),
        ("model.scores.0.kind", "pickle", r"model.scores\[0\].kind"),
        ("model.scores.0.features.0.scale", [1.0], r"model.scores\[0\].features\[0\].scale"),
        ("model.scores.0.features.0.log", "false", r"model.scores\[0\].features\[0\].log"),
        ("model.threshold", "0.5", "model.threshold"),
        ("model.horizon", 5, "model.horizon"),
        ("extraction", [], "extraction"),
        ("extraction.rad.params", ["x"], "extraction.rad.params"),
        ("card", "x", "card"),
        ("nomogram", {"a": 1}, "nomogram"),
        ("domain", "junk", "domain"),
        ("domain.distribution.names", [1, 2], r"domain.distribution.names\[0\]"),
        ("domain.distribution.center", [0.0], "domain.distribution.center"),
        ("domain.distribution.loadings", [[1.0]], r"domain.distribution.loadings\[0\]"),
        ("domain.distribution.scale", [0.0, 1.0], "domain.distribution"),
        ("domain.distribution.noise", "x", "domain.distribution.noise"),
        ("domain.imaging.rad.spacing_low", [1.0], "domain.imaging.rad.spacing_low"),
    ],
)
def test_each_field_of_a_signature_has_its_type(tmp_path: Path, field: str, value: Any, place: str) -> None:
    def change(content: Any) -> None:
        *way, last = field.split(".")
        for step in way:
            content = content[int(step) if isinstance(content, list) else step]
        content[int(last) if isinstance(content, list) else last] = value

    with pytest.raises(FileError, match=f"is damaged: {place} .*"):
        load_signature(forged(tmp_path / "model.rk", change))


def test_a_pipe_or_a_device_is_no_signature(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "model.rk")
    for path in (tmp_path / "model.rk", "/dev/zero"):
        with pytest.raises(FileError, match="required: an ordinary file"):
            load_signature(path)
        for read in (RadiomicsExtractor.from_params, Study.from_yaml):
            with pytest.raises(FileError, match="required: an ordinary file"):
                read(path)


# ------------------------------------------------------------------------------------------------------ nobody is named


def test_no_output_names_the_patient(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    stored = np.random.default_rng(0).integers(0, 200, (5, 12, 10)).astype(np.int16)
    region = [
        np.array([(x, y, 100.0 + 3 * z) for x, y in ((-9, 21), (-5, 21), (-5, 27), (-9, 27))]) for z in range(1, 4)
    ]
    told = {
        "PatientBirthDate": "19010203",
        "InstitutionName": "Secret Hospital",
        "ReferringPhysicianName": "Secret^Doctor",
        "AccessionNumber": "SECRET77",
        "StudyDescription": "secret study",
        "PatientComments": "secret comment",
    }
    for case in ("A", "B"):
        write_series(tmp_path / "in" / case / "ct", stored, **told)
        write_rtstruct(tmp_path / "in" / case / "rs.dcm", {"GTV": region})
    (tmp_path / "in" / "B" / "ct" / "zz.dcm").write_bytes(
        sorted((tmp_path / "in" / "B" / "ct").iterdir())[0].read_bytes()[:2000]
    )
    out = tmp_path / "out"
    out.mkdir()
    shell = [
        ["extract", "-o", out / "f.csv", "--on-error", "nan", "--cache", out / "cache"],
        ["extract", "-o", out / "f.parquet", "--on-error", "nan", "--roi", "Heart"],
        ["extract", "-o", out / "f.xlsx", "--on-error", "nan"],
        ["doctor", "-o", out / "doctor.csv", "--sheet", out / "sheet.html"],
    ]
    for command, *options in shell:
        cli.main([str(a) for a in (command, tmp_path / "in", *options, "--quiet")])
    said = capsys.readouterr()
    everything = [said.out.encode(), said.err.encode(), *(p.read_bytes() for p in out.rglob("*") if p.is_file())]
    everything += [frame.to_csv().encode() for frame in (pd.read_excel(out / "f.xlsx"),)]
    assert len(everything) > 8
    for content in everything:
        assert b"secret" not in content.lower() and b"19010203" not in content
