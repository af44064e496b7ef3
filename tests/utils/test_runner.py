"""The cohort runner: order, failures, warnings, the cache under kills and damage."""

from __future__ import annotations

import hashlib
import json
import warnings
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from cohort_tasks import blas_threads, counted, features, key_of

from radiokit.exceptions import (
    CaseTableError,
    DataWarning,
    ExtractionError,
    FileError,
    GeometryError,
    MaskError,
    ParameterError,
)
from radiokit.utils import content_hash, run_cases, run_cases_to
from radiokit.utils._sealed import MAGIC


def table(n: int = 6) -> pd.DataFrame:
    ids = pd.Index([f"{i:03d}" for i in range(n)], name="case_id")
    return pd.DataFrame({"value": np.linspace(0.1, 1.7, n)}, index=ids)


def calls(folder: Path) -> list[str]:
    return sorted(f.name.split("-")[0] for f in folder.iterdir())


def test_rows_keep_their_order_and_index() -> None:
    cases = table().iloc[::-1]
    done = run_cases(cases, features)
    assert list(done.features.index) == list(cases.index)
    assert done.features.index.name == done.provenance.index.name == "case_id"
    np.testing.assert_array_equal(done.features["third"], cases["value"].to_numpy() / 3)
    assert done.provenance["cached"].dtype == bool and not done.provenance["cached"].any()
    assert (done.provenance["n_voxels"] == 5).all()
    assert list(done.failures.columns) == ["case_id", "error", "message"] and done.failures.empty


@pytest.mark.parametrize("n_jobs", [1, 2])
def test_a_failed_case_keeps_its_row_and_is_recorded(n_jobs: int) -> None:
    cases = table()
    cases.iloc[2, 0] = -7.0
    done = run_cases(cases, features, on_error="nan", n_jobs=n_jobs)
    assert done.features.loc["002"].isna().all()
    assert done.features.drop("002").notna().all().all()
    assert done.failures.to_dict("records") == [
        {"case_id": "002", "error": "GeometryError", "message": "Case 002: The mask is off by -7.0 mm."}
    ]


@pytest.mark.parametrize("n_jobs", [1, 2])
def test_raise_stops_with_the_first_failing_case_of_the_table(n_jobs: int) -> None:
    cases = table(12)
    cases.iloc[[3, 5, 9], 0] = -1.0
    with pytest.raises(GeometryError, match="Case 003: The mask is off"):
        run_cases(cases, features, n_jobs=n_jobs)


def test_an_unexpected_exception_becomes_an_extraction_error_with_its_cause() -> None:
    with pytest.raises(ExtractionError, match="Case 001: TypeError") as caught:
        run_cases(table(), lambda case_id, row: {"a": 1.0 if case_id == "000" else None})
    assert "Traceback" in str(caught.value.__cause__)


def test_an_error_that_names_its_case_is_not_named_twice() -> None:
    def compute(case_id: str, row: pd.Series) -> dict[str, float]:
        raise MaskError(f"Case {case_id}: the mask is empty.")

    with pytest.raises(MaskError, match=r"^Case 000: the mask is empty\.$"):
        run_cases(table(), compute)


def test_declared_columns_are_held_to() -> None:
    done = run_cases(table(), lambda case_id, row: {"b": 1.0, "a": 2.0}, columns=["a", "b"])
    assert done.features.iloc[0].tolist() == [2.0, 1.0]
    with pytest.raises(ExtractionError, match="missing: \\['c'\\]"):
        run_cases(table(), lambda case_id, row: {"a": 1.0}, columns=["a", "c"])
    done = run_cases(table(), lambda case_id, row: {}, columns=["a"], on_error="nan")
    assert list(done.features.columns) == ["a"] and len(done.failures) == 6


def test_warnings_arrive_once_with_the_cases_and_again_from_the_cache(tmp_path: Path) -> None:
    cases = table()
    cases.iloc[[1, 4], 0] = 0.0
    for _ in range(2):
        with pytest.warns(DataWarning, match=r"^flat region \(2 of 6 cases: 001, 004\)$") as caught:
            run_cases(cases, features, cache=tmp_path, key=key_of, n_jobs=2)
        assert len(caught) == 1


@pytest.mark.parametrize("n_jobs", [1, 2])
def test_the_cache_returns_the_same_bits(tmp_path: Path, n_jobs: int) -> None:
    cases = table()
    plain = run_cases(cases, features)
    first = run_cases(cases, features, cache=tmp_path, key=key_of, n_jobs=n_jobs)
    second = run_cases(cases, features, cache=tmp_path, key=key_of, n_jobs=n_jobs)
    for done in (first, second):
        pd.testing.assert_frame_equal(done.features, plain.features, check_exact=True)
    assert not first.provenance["cached"].any() and second.provenance["cached"].all()
    assert (second.provenance["n_voxels"] == 5).all()
    pd.testing.assert_series_equal(first.provenance["seconds"], second.provenance["seconds"], check_exact=True)


def test_only_changed_cases_are_computed(tmp_path: Path) -> None:
    cases = table()
    run_cases(cases, features, cache=tmp_path, key=key_of)
    changed = cases.copy()
    changed.loc["003", "value"] = 9.0
    done = run_cases(changed, features, cache=tmp_path, key=key_of)
    assert list(done.provenance.index[~done.provenance["cached"]]) == ["003"]
    other = run_cases(cases, features, cache=tmp_path, key=partial(key_of, settings="other"))
    assert not other.provenance["cached"].any()


def flipped(content: bytes, place: int) -> bytes:
    return content[:place] + bytes([content[place] ^ 4]) + content[place + 1 :]


@pytest.mark.parametrize("part", [0.0, 0.1, 0.5, 0.999])
def test_a_flipped_byte_anywhere_is_noticed(tmp_path: Path, part: float) -> None:
    cases = table()
    plain = run_cases(cases, features, cache=tmp_path, key=key_of)
    for file in tmp_path.iterdir():
        content = file.read_bytes()
        file.write_bytes(flipped(content, int(part * len(content))))
    again = run_cases(cases, features, cache=tmp_path, key=key_of)
    assert not again.provenance["cached"].any()
    pd.testing.assert_frame_equal(again.features, plain.features, check_exact=True)


@pytest.mark.parametrize("length", [0, 5, 40, 100])
def test_a_truncated_entry_is_noticed(tmp_path: Path, length: int) -> None:
    cases = table()
    run_cases(cases, features, cache=tmp_path, key=key_of)
    for file in tmp_path.iterdir():
        file.write_bytes(file.read_bytes()[:length])
    assert not run_cases(cases, features, cache=tmp_path, key=key_of).provenance["cached"].any()


def test_entries_that_were_exchanged_are_noticed(tmp_path: Path) -> None:
    cases = table()
    plain = run_cases(cases, features, cache=tmp_path, key=key_of)
    first, second = sorted(tmp_path.iterdir())[:2]
    content = first.read_bytes()
    first.write_bytes(second.read_bytes())
    second.write_bytes(content)
    again = run_cases(cases, features, cache=tmp_path, key=key_of)
    pd.testing.assert_frame_equal(again.features, plain.features, check_exact=True)
    assert int(again.provenance["cached"].sum()) == 4


JUNK = [None, True, -1, 10**400, 1.5, "x", [], ["a"], [["a"]], [[1, 2]], [["FileError", "x"]], {}, {"a": []}, "drop it"]


@pytest.mark.parametrize("field", ["key", "names", "provenance", "warnings", "seconds"])
def test_forged_entries_are_computed_again(tmp_path: Path, field: str) -> None:
    """They carry the right checksum, but some field is not what this class writes."""
    cases = table(2)
    cases.iloc[1, 0] = 0.0  # it warns
    with pytest.warns(DataWarning):
        plain = run_cases(cases, features, cache=tmp_path, key=key_of)
    entries = {path: path.read_bytes() for path in tmp_path.iterdir()}
    for junk in JUNK:
        for path, content in entries.items():
            head, _, numbers = content[len(MAGIC) + 32 :].partition(b"\n")
            fields = {**json.loads(head), field: junk}
            if junk == "drop it":
                del fields[field]
            body = json.dumps(fields).encode() + b"\n" + numbers
            path.write_bytes(MAGIC + hashlib.sha256(body).digest() + body)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            again = run_cases(cases, features, cache=tmp_path, key=key_of, on_error="nan")
        assert again.failures.empty
        pd.testing.assert_frame_equal(again.features, plain.features, check_exact=True)
        for path in tmp_path.iterdir():
            path.unlink()


@pytest.mark.parametrize("change", [lambda b: b[:-8], lambda b: b + bytes(8), lambda b: b[:-3]])
def test_entries_with_too_few_or_too_many_numbers_are_computed_again(tmp_path: Path, change: Callable) -> None:
    plain = run_cases(table(2), features, cache=tmp_path, key=key_of)
    for path in tmp_path.iterdir():
        body = change(path.read_bytes()[len(MAGIC) + 32 :])
        path.write_bytes(MAGIC + hashlib.sha256(body).digest() + body)
    again = run_cases(table(2), features, cache=tmp_path, key=key_of, on_error="nan")
    assert not again.provenance["cached"].any()
    pd.testing.assert_frame_equal(again.features, plain.features, check_exact=True)


def test_columns_of_the_cache_come_in_the_order_asked_for(tmp_path: Path) -> None:
    run_cases(table(2), features, columns=["third", "log"], cache=tmp_path / "cache", key=key_of)
    turned = ["log", "third"]
    again = run_cases(table(2), features, columns=turned, cache=tmp_path / "cache", key=key_of)
    done = run_cases_to(
        table(2), features, tmp_path / "f.parquet", columns=turned, settings="", cache=tmp_path / "cache", key=key_of
    )
    assert again.provenance["cached"].all()
    pd.testing.assert_frame_equal(pd.read_parquet(done.path), again.features, check_exact=True)
    np.testing.assert_array_equal(again.features["third"], table(2)["value"] / 3)


def test_failed_cases_are_tried_again(tmp_path: Path) -> None:
    cases = table()
    cases.iloc[0, 0] = -1.0
    run_cases(cases, features, cache=tmp_path / "cache", key=key_of, on_error="nan")
    seen = tmp_path / "seen"
    seen.mkdir()
    done = run_cases(cases, partial(counted, folder=seen), cache=tmp_path / "cache", key=key_of)
    assert calls(seen) == ["000"]
    assert done.provenance["cached"].tolist() == [False] + [True] * 5


def test_a_cache_that_cannot_be_written_says_so(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(FileError, match=r"cache folder .*file.* cannot be written"):
        run_cases(table(), features, cache=tmp_path / "file", key=key_of)


def test_a_full_disk_stops_the_run_and_leaves_no_half_entry(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(FileError, match="No space left on device"):
        run_cases(table(), features, cache=tmp_path, key=key_of, on_error="nan")
    assert not list(tmp_path.iterdir())


def test_bad_arguments() -> None:
    with pytest.raises(ParameterError, match="on_error is 'skip'"):
        run_cases(table(), features, on_error="skip")
    with pytest.raises(ParameterError, match="key="):
        run_cases(table(), features, cache="x")
    with pytest.raises(CaseTableError, match="repeats the ids 001"):
        run_cases(table().rename(index={"002": "001"}), features)


def test_the_key_depends_on_bytes_not_on_names(tmp_path: Path) -> None:
    for name, content in (("a", b"1"), ("b", b"1"), ("c", b"2")):
        (tmp_path / name).write_bytes(content)
    a, b, c = (content_hash("x", [tmp_path / name]) for name in "abc")
    assert a == b != c != content_hash("x", [tmp_path / "c", tmp_path / "c"])
    assert content_hash("x", [tmp_path]) != content_hash("x", [tmp_path / "a", tmp_path / "b", tmp_path / "c"])
    with pytest.raises(FileError, match="gone"):
        content_hash("x", [tmp_path / "gone"])


HEADERS = {
    "image.mhd": "ObjectType = Image\nNDims = 3\nElementDataFile = image.raw\n",
    "parts.mhd": "NDims = 3\nElementDataFile = LIST\nimage.raw\nother.raw\n",
    "numbered.mhd": "NDims = 3\nElementDataFile = slice%02d.raw 1 3 1\n",
    "image.nhdr": "NRRD0004\ntype: short\ndata file: image.raw\n",
    "old.nhdr": "NRRD0004\ndatafile: image.raw\n",
    "list.nhdr": "NRRD0004\ndata file: LIST\nother.raw\nimage.raw\n",
}


@pytest.mark.parametrize("name", HEADERS)
def test_the_key_covers_the_files_that_a_header_names(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text(HEADERS[name])
    for voxels in ("image.raw", "other.raw", "slice01.raw", "slice02.raw", "slice03.raw"):
        (tmp_path / voxels).write_bytes(b"12345678")
    before = content_hash("", [tmp_path / name])
    changed = "slice02.raw" if name.startswith("numbered") else "image.raw"
    (tmp_path / changed).write_bytes(b"87654321")
    assert content_hash("", [tmp_path / name]) != before
    (tmp_path / changed).unlink()
    gone = content_hash("", [tmp_path / name])
    (tmp_path / changed).write_bytes(b"12345678")
    assert content_hash("", [tmp_path / name]) == before != gone


def test_a_broken_link_does_not_hide_the_other_files_of_a_folder(tmp_path: Path) -> None:
    (tmp_path / "broken").symlink_to(tmp_path / "gone")
    (tmp_path / "slice").write_bytes(b"1")
    before = content_hash("", [tmp_path])
    (tmp_path / "slice").write_bytes(b"2")
    assert content_hash("", [tmp_path]) != before


def test_linear_algebra_runs_on_one_thread_whatever_n_jobs_is() -> None:
    cases = table(2)
    for n_jobs in (1, 2):
        done = run_cases(cases, blas_threads, n_jobs=n_jobs)
        assert (done.features["threads"] <= 1).all()
