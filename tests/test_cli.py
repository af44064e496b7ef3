"""The shell: what it writes, how it fails, and that it says so in one line."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import ClassVar

import numpy as np
import pandas as pd
import pytest
from dicom_files import write_rtstruct, write_series

from radiokit import cli
from radiokit.exceptions import DataWarning, LeakageError
from radiokit.features import RadiomicsExtractor
from radiokit.io import Mask, Volume, read_cases, write_table, write_volume
from radiokit.utils import as_table

PARAMS = (
    "setting: {binWidth: 20}\nimageType: {Original: {}}\nfeatureClass: {firstorder: [Mean, Energy], glcm: [Contrast]}\n"
)


@pytest.fixture
def cohort(tmp_path: Path) -> Path:
    """Three cases of two sequences, and a parameter file."""
    random = np.random.default_rng(0)
    rows = []
    for i in range(3):
        mask = np.zeros((6, 7, 8), bool)
        mask[1:5, 2:6, 2:7] = True
        write_volume(Mask(mask), tmp_path / f"{i}_mask.nii.gz")
        for name in ("T1", "T2"):
            write_volume(Volume(random.normal(100, 30, mask.shape)), tmp_path / f"{i}_{name}.nii.gz")
        rows.append((f"00{i}", f"{i}_T1.nii.gz", f"{i}_mask.nii.gz"))
    table = pd.DataFrame(rows, columns=["case_id", "image", "mask"])
    table.to_csv(tmp_path / "cases.csv", index=False)
    two = table.rename(columns={"image": "image_T1"})
    two.assign(image_T2=two["image_T1"].str.replace("T1", "T2")).to_csv(tmp_path / "two.csv", index=False)
    (tmp_path / "params.yaml").write_text(PARAMS)
    return tmp_path


def run(*arguments: object) -> int:
    return cli.main([str(a) for a in arguments])


def extract(cohort: Path, *arguments: object, cases: str = "cases.csv") -> int:
    return run("extract", cohort / cases, "--params", cohort / "params.yaml", "--quiet", *arguments)


@pytest.mark.parametrize("suffix", ["csv", "parquet", "xlsx"])
def test_extract_writes_what_python_computes(cohort: Path, suffix: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert extract(cohort, "-o", cohort / f"features.{suffix}") == 0
    expected = RadiomicsExtractor.from_params(cohort / "params.yaml").extract(read_cases(cohort / "cases.csv")).features
    read = {
        "csv": lambda p: pd.read_csv(p, dtype={"case_id": str}, index_col="case_id", float_precision="round_trip"),
        "parquet": pd.read_parquet,
        "xlsx": lambda p: pd.read_excel(p, dtype={"case_id": str}, index_col="case_id"),
    }[suffix]
    pd.testing.assert_frame_equal(
        read(cohort / f"features.{suffix}"), expected, check_exact=suffix != "xlsx", rtol=1e-15
    )
    assert "3 features of 3 cases" in capsys.readouterr().out
    assert (cohort / "features.provenance.csv").is_file() and not (cohort / "features.failures.csv").exists()


def test_several_sequences_have_their_names_in_the_columns(cohort: Path) -> None:
    assert extract(cohort, "-o", cohort / "features.parquet", cases="two.csv") == 0
    found = pd.read_parquet(cohort / "features.parquet")
    assert list(found.columns[[0, 3]]) == ["T1_original_firstorder_Mean", "T2_original_firstorder_Mean"]
    assert found.notna().all().all() and found.shape == (3, 6)


def test_a_failing_case_stops_or_is_recorded(cohort: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (cohort / "1_T1.nii.gz").write_bytes((cohort / "1_T1.nii.gz").read_bytes()[:100])
    assert extract(cohort, "-o", cohort / "f.csv") == 2
    said = capsys.readouterr().err
    assert said.startswith("error: Case 001: ") and said.count("\n") == 1
    assert not list(cohort.glob("f.*"))
    assert extract(cohort, "-o", cohort / "f.csv", "--on-error", "nan", "--cache", cohort / "cache") == 1
    assert "1 of 3 cases failed" in capsys.readouterr().err
    failures = pd.read_csv(cohort / "f.failures.csv", dtype=str)
    assert failures[["case_id", "error"]].to_numpy().tolist() == [["001", "FileError"]]
    assert pd.read_csv(cohort / "f.csv", dtype={"case_id": str}, index_col="case_id").isna().all(axis=1).tolist() == [
        False,
        True,
        False,
    ]
    write_volume(Volume(np.random.default_rng(1).normal(size=(6, 7, 8))), cohort / "1_T1.nii.gz")
    assert extract(cohort, "-o", cohort / "f.csv", "--cache", cohort / "cache") == 0
    assert pd.read_csv(cohort / "f.provenance.csv")["cached"].tolist() == [True, False, True]
    assert not (cohort / "f.failures.csv").exists()


def test_limits_of_a_case(cohort: Path, capsys: pytest.CaptureFixture[str]) -> None:
    options = ("-o", cohort / "f.parquet", "--on-error", "nan")
    assert extract(cohort, *options, "--timeout", "0.000001") == 1
    assert "3 of 3 cases failed" in capsys.readouterr().err
    assert set(pd.read_csv(cohort / "f.failures.csv")["error"]) == {"CaseTimeoutError"}
    assert pd.read_parquet(cohort / "f.parquet").isna().all(axis=None)
    assert extract(cohort, *options, "--timeout", "600", "--memory", "8") == 0
    assert pd.read_parquet(cohort / "f.parquet").notna().all(axis=None) and not (cohort / "f.failures.csv").exists()
    assert extract(cohort, *options, "--timeout", "-1") == 2
    assert capsys.readouterr().err == "error: timeout is -1.0; required: a positive number, or None.\n"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["extract", "gone.csv", "-o", "f.csv"], "gone.csv does not exist"),
        (["extract", "gone.csv", "-o", "f.doc"], "suffix '.doc'"),
        (["extract", "gone.csv", "-o", "nowhere/f.csv"], "nowhere does not exist"),
        (["extract", "cases.csv", "-o", "taken.csv"], "taken.csv is a folder"),
        (["extract", "pipe.csv", "-o", "f.csv"], "pipe.csv is a pipe"),
        (["predict", "/dev/zero", "cases.csv", "-o", "p.csv"], "/dev/zero is a device"),
        (["extract", "cases.csv", "-o", "f.csv", "--params", "pipe.csv"], "pipe.csv is a pipe"),
        (["study", "pipe.csv"], "pipe.csv is a pipe"),
        (["extract", "cases.csv", "-o", "f.csv", "--roi", "1", "--roi", "2"], "--roi is given twice"),
        (["extract", "two.csv", "-o", "f.csv", "--roi", "PT=1"], "names the sequence 'PT'; the table has t1, t2"),
        (["extract", "cases.csv", "-o", "f.csv", "--params", "gone.yaml"], "gone.yaml"),
        (["extract", "cases.csv", "-o", "f.csv", "--mask", "contour"], "no column 'contour'"),
        (["params", "broken.yaml"], "binwidth"),
        (["study", "gone.yaml"], "gone.yaml"),
        (["predict", "gone.rk", "cases.csv", "-o", "p.csv"], "gone.rk"),
    ],
)
def test_errors_are_one_line_and_leave_nothing(
    cohort: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    arguments: list[str],
    message: str,
) -> None:
    monkeypatch.chdir(cohort)
    os.mkfifo("pipe.csv")
    Path("taken.csv").mkdir()
    Path("broken.yaml").write_text("setting: {binwidth: 20}")
    before = sorted(cohort.iterdir())
    assert run(*arguments) == 2
    captured = capsys.readouterr()
    assert captured.err.startswith("error: ") and message in captured.err and captured.out == ""
    assert sorted(cohort.iterdir()) == before


def test_dicom_folders_from_the_shell(tmp_path: Path) -> None:
    stored = np.random.default_rng(0).integers(0, 200, (6, 12, 10)).astype(np.int16)
    square = [
        np.array([(x, y, 100.0 + 3 * z) for x, y in ((-9.6, 20.4), (-5, 20.4), (-5, 27), (-9.6, 27))])
        for z in (1, 2, 3)
    ]
    for name in ("A", "B"):
        write_series(tmp_path / "in" / name / "ct", stored)
        write_rtstruct(tmp_path / "in" / name / "rs.dcm", {"GTV-1": square, "Heart": square})
    (tmp_path / "params.yaml").write_text(PARAMS)
    assert extract(tmp_path, "-o", tmp_path / "f.csv", cases="in") == 2
    assert extract(tmp_path, "-o", tmp_path / "f.csv", "--roi", "gtv*", cases="in") == 0
    assert pd.read_csv(tmp_path / "f.csv", index_col="case_id").notna().all().all()


def test_doctor_lists_what_to_mend(cohort: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (cohort / "1_T1.nii.gz").write_bytes((cohort / "1_T1.nii.gz").read_bytes()[:100])
    assert run("doctor", cohort / "cases.csv", "--quiet", "-o", cohort / "d.csv", "--sheet", cohort / "d.html") == 1
    out = capsys.readouterr().out
    assert out.startswith("error: 001 [read] Case 001: ") and "3 cases: 1 errors, 0 warnings" in out
    assert len(pd.read_csv(cohort / "d.csv")) == 1 and (cohort / "d.html").read_text().count("<img") == 2


def test_params_are_printed_and_come_back(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("params") == 0
    text = capsys.readouterr().out
    (tmp_path / "params.yaml").write_text(text)
    assert run("params", tmp_path / "params.yaml") == 0
    assert capsys.readouterr().out == text


@pytest.mark.parametrize("command", [[], ["demo"], ["doctor"], ["extract"], ["study"], ["predict"], ["params"]])
def test_help_has_an_example(command: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as done:
        run(*command, "--help")
    assert done.value.code == 0
    assert f"radiokit {' '.join(command)}".strip() in capsys.readouterr().out.split("usage:")[1]


def test_help_loads_nothing_heavy() -> None:
    code = "import sys\nfrom radiokit.cli import main\ntry: main(['extract', '--help'])\nexcept SystemExit: pass\n"
    code += "assert not {'numpy', 'pandas', 'SimpleITK'} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True, stdout=subprocess.DEVNULL)


class Signature:
    """Stands in for a frozen model: predicts the length of the path."""

    def predict(self, cases: str, *, n_jobs: int | None, progress: bool) -> pd.DataFrame:
        return pd.DataFrame({"risk": [float(n_jobs or 0)]}, index=pd.Index([Path(cases).name], name="case_id"))


def test_study_demo_and_predict_reach_the_study(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    import radiokit.study as study

    class Result:
        tables: ClassVar = {"failures": pd.DataFrame({"case_id": []})}

        def save(self, folder: Path) -> None:
            folder.mkdir()

        def report(self, path: Path) -> Path:
            path.write_text("report")
            return path

    class Study:
        @classmethod
        def from_yaml(cls, path: str) -> Study:
            if "leak" in path:
                raise LeakageError("patient 7 is in both sets")
            return cls()

        def run(self, *, n_jobs: int | None, cache: str | None, progress: bool) -> Result:
            assert (n_jobs, cache, progress) == (2, "c", False)
            return Result()

    monkeypatch.setattr(study, "Study", Study)
    monkeypatch.setattr(study, "load_signature", lambda path: Signature())
    monkeypatch.setattr(study, "run_demo", lambda folder, *, n_jobs, progress: Path(folder) / "report.html")
    monkeypatch.chdir(tmp_path)
    assert run("study", tmp_path / "my.yaml", "--jobs", 2, "--cache", "c", "--quiet") == 0
    assert (tmp_path / "my" / "report.html").read_text() == "report"
    assert run("study", "leak.yaml") == 2
    assert "error: patient 7 is in both sets\n" in capsys.readouterr().err
    assert run("demo", "d", "--quiet") == 0
    assert capsys.readouterr().out == f"report: {tmp_path / 'd' / 'report.html'}\n"
    assert run("predict", "m.rk", "new.csv", "-o", "p.csv", "--jobs", 3) == 0
    assert pd.read_csv("p.csv").to_numpy().tolist() == [["new.csv", 3.0]]


def test_stopping_is_no_traceback(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(cli._params, "run", stop)
    assert run("params") == 130
    assert capsys.readouterr().err.startswith("stopped")


def test_a_missing_file_fails_its_case_alone(cohort: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (cohort / "1_T1.nii.gz").unlink()
    assert extract(cohort, "-o", cohort / "f.csv") == 2
    assert "image" in capsys.readouterr().err and not list(cohort.glob("f.*"))
    for suffix in ("csv", "parquet"):
        assert extract(cohort, "-o", cohort / f"f.{suffix}", "--on-error", "nan") == 1
        failures = pd.read_csv(cohort / "f.failures.csv", dtype=str)
        assert failures["case_id"].tolist() == ["001"] and "1_T1.nii.gz does not exist" in failures.loc[0, "message"]
    assert pd.read_parquet(cohort / "f.parquet").isna().all(axis=1).tolist() == [False, True, False]
    done = (
        RadiomicsExtractor.from_params(cohort / "params.yaml").set_params(on_error="nan").extract(cohort / "cases.csv")
    )
    assert done.failures["case_id"].tolist() == ["001"] and done.features.notna().all(axis=1).sum() == 2
    capsys.readouterr()
    assert run("doctor", cohort / "cases.csv", "--quiet") == 1
    out = capsys.readouterr().out
    assert out.startswith("error: 001 [read]") and "does not exist" in out and "3 cases: 1 errors" in out


def test_a_folder_with_one_bad_patient(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name in ("A", "B"):
        (tmp_path / "in" / name).mkdir(parents=True)
        write_volume(Volume(np.random.default_rng(0).normal(size=(6, 7, 8))), tmp_path / "in" / name / "image.nii.gz")
    write_volume(Mask(np.ones((6, 7, 8), bool)), tmp_path / "in" / "A" / "mask.nii.gz")
    (tmp_path / "params.yaml").write_text(PARAMS)
    assert extract(tmp_path, "-o", tmp_path / "f.csv", "--on-error", "nan", cases="in") == 1
    assert pd.read_csv(tmp_path / "f.csv")["case_id"].tolist() == ["A", "B"]
    assert "cannot be paired by name" in pd.read_csv(tmp_path / "f.failures.csv").loc[0, "message"]
    capsys.readouterr()
    assert run("doctor", tmp_path / "in", "--quiet") == 1
    assert "cannot be paired by name" in capsys.readouterr().out


@pytest.mark.parametrize(("where", "folder"), [(".", "work/export"), ("work", "export"), ("work/export", ".")])
def test_folders_relative_to_where_one_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, where: str, folder: str
) -> None:
    for part, volume in (("images", Volume(np.eye(5)[None].repeat(5, 0))), ("masks", Mask(np.ones((5, 5, 5), bool)))):
        (tmp_path / "work" / "export" / part).mkdir(parents=True)
        write_volume(volume, tmp_path / "work" / "export" / part / "p1.nii.gz")
    monkeypatch.chdir(tmp_path / where)
    assert run("extract", folder, "-o", tmp_path / "f.csv", "--quiet") == 0
    assert pd.read_csv(tmp_path / "f.csv")["case_id"].tolist() == ["p1"]
    assert run("doctor", folder, "--quiet") == 0


def test_images_and_masks_alone_are_called_by_their_rows(cohort: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (cohort / "pair.csv").write_text("Image,Mask\n0_T1.nii.gz,0_mask.nii.gz\n1_T1.nii.gz,1_mask.nii.gz\n")
    assert extract(cohort, "-o", cohort / "f.csv", cases="pair.csv") == 0
    assert "called by their rows, 1, 2" in capsys.readouterr().err
    assert pd.read_csv(cohort / "f.csv")["case_id"].tolist() == [1, 2]


def test_regions_of_each_sequence(tmp_path: Path) -> None:
    """CT and MR of one patient, each with a structure set of its own in which the tumour has another name."""
    stored = np.random.default_rng(0).integers(0, 200, (6, 12, 10)).astype(np.int16)
    square = [
        np.array([(x, y, 100.0 + 3 * z) for x, y in ((-9.6, 20.4), (-5, 20.4), (-5, 27), (-9.6, 27))])
        for z in (1, 2, 3)
    ]
    for name in ("CT", "MR"):
        write_series(tmp_path / name, stored)
        write_rtstruct(tmp_path / f"{name}.dcm", {f"{name} tumour": square, "Heart": square})
    (tmp_path / "t.csv").write_text("case_id,image_CT,mask_CT,image_MR,mask_MR\na,CT,CT.dcm,MR,MR.dcm\n")
    (tmp_path / "params.yaml").write_text(PARAMS)
    named = ("--roi", "ct=CT tum*", "--roi", "MR=MR tum*")
    assert extract(tmp_path, "-o", tmp_path / "f.csv", cases="t.csv") == 2
    assert extract(tmp_path, "-o", tmp_path / "f.csv", *named, cases="t.csv") == 0
    assert pd.read_csv(tmp_path / "f.csv", index_col="case_id").notna().all().all()
    assert run("doctor", tmp_path / "t.csv", "--quiet") == 1
    assert run("doctor", tmp_path / "t.csv", "--quiet", *named) == 0


def test_names_that_are_no_utf8(cohort: Path) -> None:
    folder = cohort / "named"
    for part, kind in (("images", "T1"), ("masks", "mask")):
        (folder / part).mkdir(parents=True)
        content = (cohort / f"0_{kind}.nii.gz").read_bytes()
        Path(os.fsdecode(os.fsencode(folder / part) + b"/M\xfcller.nii.gz")).write_bytes(content)
    assert extract(cohort, "-o", cohort / "f.csv", cases="named") == 0
    assert pd.read_csv(cohort / "f.csv")["case_id"].tolist() == ["M\\xfcller"]
    assert run("doctor", folder, "--quiet") == 0


def test_cells_that_a_spreadsheet_would_run(tmp_path: Path) -> None:
    import openpyxl

    table = pd.DataFrame({"text": ["@x", "plain"], "n": [-1.5, 2.0]}, index=pd.Index(["=1+1", "-7"], name="case_id"))
    for suffix in ("csv", "tsv"):
        with pytest.warns(DataWarning, match="holds 2 cells that a spreadsheet may run"):
            write_table(table, tmp_path / f"t.{suffix}")
    assert list(as_table(tmp_path / "t.csv").ids) == ["=1+1", "-7"]
    write_table(table, tmp_path / "t.xlsx")
    cells = [c for row in openpyxl.load_workbook(tmp_path / "t.xlsx").active.iter_rows() for c in row]
    assert not [c for c in cells if c.data_type == "f"]


@pytest.mark.parametrize("arguments", [["--help"], ["params"], ["extract", "--help"]])
def test_a_reader_that_has_seen_enough(arguments: list[str]) -> None:
    code = f"import os, sys\nfrom radiokit.cli import main\nos.close(0)\nsys.exit(main({arguments!r}))"
    read, write = os.pipe()
    os.close(read)
    done = subprocess.run([sys.executable, "-c", code], stdout=write, stderr=subprocess.PIPE, text=True, check=False)
    os.close(write)
    assert done.stderr == "" and done.returncode == 0


def test_regions_and_units_reach_the_study_and_the_model(
    cohort: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    import radiokit.study as study

    told: list[pd.DataFrame] = []

    def stop(cases: pd.DataFrame) -> None:
        told.append(cases)
        raise LeakageError("seen")

    (cohort / "s.yaml").write_text("cases: two.csv\noutcome: y\nsignatures: {T1: {image: image_T1}}\n")
    monkeypatch.setattr(study.Study, "run", lambda self, **_: stop(self.cases))
    monkeypatch.setattr(study, "load_signature", lambda path: study.FrozenSignature(None))
    monkeypatch.setattr(study.FrozenSignature, "predict", lambda self, cases, **_: stop(cases))
    monkeypatch.setattr(study.FrozenSignature, "optional_sequences", [])
    monkeypatch.chdir(cohort)
    for words in (["study", "s.yaml"], ["predict", "m.rk", "two.csv", "-o", "p.csv"]):
        assert run(*words, "--roi", "GTV*", "--suv", "T2=bw", "--suv", "t1=lbm") == 2
        assert capsys.readouterr().err == "error: seen\n"
    for cases in told:
        assert set(cases["roi"]) == {"GTV*"} and set(cases["suv_T2"]) == {"bw"} and set(cases["suv_T1"]) == {"lbm"}
