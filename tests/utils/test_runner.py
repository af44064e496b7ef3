"""The cohort runner: order, failures, warnings, the cache under kills and damage."""

from __future__ import annotations

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
from radiokit.utils import content_hash, run_cases


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


def test_linear_algebra_runs_on_one_thread_whatever_n_jobs_is() -> None:
    cases = table(2)
    for n_jobs in (1, 2):
        done = run_cases(cases, blas_threads, n_jobs=n_jobs)
        assert (done.features["threads"] <= 1).all()
