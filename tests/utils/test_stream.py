"""Cohorts that go to disk as they are computed: the same rows, resumed after a kill, whole or not at all."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from cohort_tasks import features, number_in

from radiokit.exceptions import DataWarning, ExtractionError, FileError
from radiokit.utils import Limits, run_cases, run_cases_to
from radiokit.utils._lock import alone_in
from radiokit.utils._sealed import read_sealed, write_sealed


def table(n: int = 11) -> pd.DataFrame:
    ids = pd.Index([f"{i:03d}" for i in range(n)], name="case_id")
    return pd.DataFrame({"value": np.linspace(0.1, 1.7, n)}, index=ids)


def listed(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*"))


@pytest.mark.parametrize("n_jobs", [1, 2])
def test_the_file_holds_what_a_run_in_memory_returns(tmp_path: Path, n_jobs: int) -> None:
    cases = table()
    cases.iloc[[2, 9], 0] = [0.0, -1.0]
    to = partial(run_cases_to, columns=["third", "log"], settings="", part_size=4, path=tmp_path / "f.parquet")
    said = r"^flat region \(1 of 11 cases: 002\)$"
    with pytest.warns(DataWarning, match=said):
        whole = run_cases(cases, features, on_error="nan")
    with pytest.warns(DataWarning, match=said):
        done = to(cases, features, on_error="nan", n_jobs=n_jobs)
    pd.testing.assert_frame_equal(pd.read_parquet(done.path), whole.features, check_exact=True)
    pd.testing.assert_frame_equal(done.failures, whole.failures)
    provenance = pd.read_csv(done.provenance, dtype={"case_id": str}, index_col="case_id")
    pd.testing.assert_frame_equal(provenance.drop(columns="seconds"), whole.provenance.drop(columns="seconds"))
    assert listed(tmp_path) == ["f.parquet", "f.provenance.csv"]
    assert (done.n_cases, done.n_features) == (11, 2)


def test_no_cases_give_an_empty_table(tmp_path: Path) -> None:
    done = run_cases_to(table(0), features, tmp_path / "f.parquet", columns=["third", "log"], settings="")
    assert pd.read_parquet(done.path).shape == (0, 2)


class Cohort:
    """Cases with a file each, and who was computed since one last looked."""

    def __init__(self, folder: Path, n: int = 11) -> None:
        self.folder, self.log = folder, folder / "log"
        self.log.mkdir()
        self.files = [folder / f"{i:03d}.txt" for i in range(n)]
        for i, file in enumerate(self.files):
            file.write_text(str(i))
        self.cases = pd.DataFrame({"file": list(map(str, self.files))}, index=[f.stem for f in self.files])
        self.parts = folder / "f.parquet.parts"

    def run(self, settings: str = "x", **options: object) -> list[str]:
        done = run_cases_to(
            self.cases,
            partial(number_in, log=self.log),
            self.folder / "f.parquet",
            columns=["number"],
            settings=settings,
            part_size=4,
            **options,
        )
        expected = [float(file.read_text()) / 3 for file in self.files]
        assert pd.read_parquet(done.path)["number"].tolist() == expected and not self.parts.exists()
        cached = pd.read_csv(done.provenance, dtype={"case_id": str}, index_col="case_id")["cached"]
        computed = self.computed()
        assert sorted(cached.index[~cached]) == computed
        return computed

    def computed(self) -> list[str]:
        found = sorted(path.name.split("-")[0] for path in self.log.iterdir())
        for path in self.log.iterdir():
            path.unlink()
        return found

    def stop_in_the_third_part(self) -> None:
        self.files[9].write_text("not a number")
        with pytest.raises(ExtractionError, match="Case 009"):
            self.run()
        assert len([name for name in listed(self.parts) if name.endswith(".part")]) == 2
        assert self.computed()[:8] == [f"{i:03d}" for i in range(8)]
        self.files[9].write_text("9")


@pytest.fixture
def cohort(tmp_path: Path) -> Cohort:
    return Cohort(tmp_path)


def test_finished_parts_are_not_computed_again(cohort: Cohort) -> None:
    cohort.stop_in_the_third_part()
    assert cohort.run() == ["008", "009", "010"]


@pytest.mark.parametrize("damage", ["flipped", "cut", "empty"])
def test_a_damaged_part_is_computed_again(cohort: Cohort, damage: str) -> None:
    cohort.stop_in_the_third_part()
    part = sorted(cohort.parts.glob("*.part"))[1]
    content = bytearray(part.read_bytes())
    place = content.rfind(np.float64(5 / 3).tobytes())
    content[place] ^= 1
    part.write_bytes({"flipped": bytes(content), "cut": content[:200], "empty": b""}[damage])
    assert cohort.run() == [f"{i:03d}" for i in range(4, 11)]


@pytest.mark.parametrize("options", [{"settings": "y"}, {"limits": Limits(timeout=60)}])
def test_other_settings_are_other_parts(cohort: Cohort, options: dict[str, object]) -> None:
    cohort.stop_in_the_third_part()
    assert len(cohort.run(**options)) == 11


def test_a_changed_file_is_another_part(cohort: Cohort) -> None:
    cohort.stop_in_the_third_part()
    cohort.files[5].write_text("50")
    assert cohort.run() == [f"{i:03d}" for i in range(4, 11)]


def test_changed_voxels_behind_an_unchanged_header_are_noticed(tmp_path: Path) -> None:
    """Size and date of the header stay, those of the voxels too: only the content tells."""
    (tmp_path / "image.mhd").write_text("ElementDataFile = image.raw\n")
    raw = tmp_path / "image.raw"
    raw.write_text("1")
    when = raw.stat().st_mtime_ns
    cases = pd.DataFrame({"image": str(tmp_path / "image.mhd"), "fails": [0, 1]}, index=["a", "b"])

    def number(case_id: str, row: pd.Series) -> dict[str, float]:
        if row["fails"]:
            raise ValueError("stopped")
        return {"number": float(raw.read_text())}

    to = partial(run_cases_to, path=tmp_path / "f.parquet", columns=["number"], settings="", part_size=1)
    with pytest.raises(ExtractionError, match="stopped"):
        to(cases, number)
    raw.write_text("2")
    os.utime(raw, ns=(when, when))
    done = to(cases, number, on_error="nan")
    assert pd.read_parquet(done.path)["number"].iloc[0] == 2.0


@pytest.mark.parametrize(
    "forge",
    [
        lambda fields, values: fields.pop("rows"),
        lambda fields, values: fields["rows"][0].pop("facts"),
        lambda fields, values: fields["rows"][0].update(warned=[[1]]),
        lambda fields, values: fields["rows"][0].update(warned=7),
        lambda fields, values: fields["rows"][0].update(facts=7),
        lambda fields, values: fields["rows"][0].update(key="another"),
        lambda fields, values: fields["rows"][0].update(case_id="another"),
        lambda fields, values: fields.update(part="another"),
        lambda fields, values: fields["rows"].pop(),
        lambda fields, values: values.pop(),
    ],
)
def test_a_forged_part_is_computed_again(cohort: Cohort, forge: Callable) -> None:
    cohort.stop_in_the_third_part()
    part = sorted(cohort.parts.glob("*.part"))[1]
    fields, values = read_sealed(part)
    numbers = values.tolist()
    forge(fields, numbers)
    write_sealed(part, fields, np.array(numbers))
    assert cohort.run() == [f"{i:03d}" for i in range(4, 11)]


def test_the_lock_of_a_folder_excludes(tmp_path: Path) -> None:
    """One that opened the lock file before its holder removed it must not believe that it holds the lock."""
    inside, most, folder = 0, 0, tmp_path / "parts"
    guard = threading.Lock()

    def take(_: int) -> None:
        nonlocal inside, most
        for _ in range(100):
            try:
                with alone_in(folder):
                    with guard:
                        inside += 1
                        most = max(most, inside)
                    time.sleep(0.0005)
                    with guard:
                        inside -= 1
            except FileError:
                time.sleep(0.0002)

    with ThreadPoolExecutor(6) as threads:
        list(threads.map(take, range(6)))
    assert most == 1 and not folder.exists()


def test_two_runs_on_one_output(tmp_path: Path) -> None:
    to = partial(run_cases_to, path=tmp_path / "f.parquet", columns=["third"], settings="")

    def again(case_id: str, row: pd.Series) -> dict[str, float]:
        to(table(), features)
        return {}

    with pytest.raises(FileError, match="Another run is writing to"):
        to(table(), again)
    assert not listed(tmp_path)


def test_where_nothing_can_be_written(tmp_path: Path) -> None:
    with pytest.raises(FileError, match="cannot be written"):
        run_cases_to(table(), features, tmp_path / "gone/f.parquet", columns=["third"], settings="")


RUN = """
import os, resource, signal, sys
from functools import partial
from pathlib import Path
import pandas as pd
sys.path.insert(0, sys.argv[1])
from cohort_tasks import number_in
from radiokit.exceptions import FileError
from radiokit.utils import run_cases_to
if __name__ == "__main__":
    folder = Path(sys.argv[2])
    files = sorted(map(str, folder.glob("*.txt")))
    cases = pd.DataFrame({"file": files, "seconds": 0.02}, index=[Path(f).stem for f in files])
    if len(sys.argv) > 3:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[3]),) * 2)
    try:
        run_cases_to(cases, partial(number_in, log=folder / "log"), folder / "f.parquet", columns=["number"],
                     settings="x", part_size=4)
    except FileError as error:
        print("FileError:", error)
"""


def start(cohort: Cohort, *size: str) -> subprocess.Popen[str]:
    (cohort.folder / "run.py").write_text(RUN)
    command = [sys.executable, str(cohort.folder / "run.py"), str(Path(__file__).parents[1]), str(cohort.folder), *size]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True, start_new_session=True)


def test_a_killed_run_goes_on_after_its_last_part(tmp_path: Path) -> None:
    cohort = Cohort(tmp_path, 40)
    with start(cohort) as process:
        while process.poll() is None and len(list(cohort.parts.glob("*.part"))) < 3:
            time.sleep(0.005)
        os.killpg(process.pid, signal.SIGKILL)
    kept = len(list(cohort.parts.glob("*.part")))
    assert 3 <= kept < 10 and not (cohort.folder / "f.parquet").exists()
    cohort.computed()
    with start(cohort):
        pass
    assert len(cohort.computed()) == 40 - 4 * kept
    found = pd.read_parquet(cohort.folder / "f.parquet")["number"]
    assert found.tolist() == [i / 3 for i in range(40)]


def test_a_full_disk_is_said_and_leaves_nothing_half_written(cohort: Cohort) -> None:
    with start(cohort, "100") as process:
        said = process.communicate()[0]
    assert said.startswith("FileError: ") and "Free space there" in said
    assert not [name for name in listed(cohort.folder) if not name.endswith((".txt", ".py")) and "log" not in name]
