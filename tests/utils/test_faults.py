"""Cases that crash, hang or want too much memory cost themselves only, with any number of workers."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from cohort_tasks import features, key_of, third

from radiokit.exceptions import CaseTimeoutError, ExtractionError, GeometryError, ParameterError
from radiokit.utils import Limits, _workers, run_cases
from radiokit.utils._lock import alone_in

LINUX = pytest.mark.skipif(sys.platform != "linux", reason="only Linux limits the memory of a process")


def table(n: int, faults: dict[int, str]) -> pd.DataFrame:
    ids = pd.Index([f"{i:03d}" for i in range(n)], name="case_id")
    cases = pd.DataFrame({"value": np.linspace(0.1, 1.7, n), "fault": ""}, index=ids)
    for place, fault in faults.items():
        cases.iloc[place, 1] = fault
    return cases


def check(cases: pd.DataFrame, expected: dict[str, tuple[str, str]], **options: object) -> None:
    """The cases of `expected` failed with that error and words; all others have their values."""
    done = run_cases(cases, third, on_error="nan", **options)  # type: ignore[arg-type]
    assert dict(done.failures[["case_id", "error"]].to_numpy()) == {k: error for k, (error, _) in expected.items()}
    for case_id, message in done.failures[["case_id", "message"]].to_numpy():
        assert message.startswith(f"Case {case_id}: ") and expected[case_id][1] in message
    kept = cases.drop(list(expected))
    np.testing.assert_array_equal(done.features.loc[kept.index, "third"], kept["value"].to_numpy() / 3)
    assert done.features.loc[list(expected)].isna().all(axis=None)


DEATHS = {
    "003": ("WorkerDiedError", "was killed, most likely for want of memory"),
    "004": ("WorkerDiedError", "crashed in a library (SIGSEGV)"),
    "011": ("WorkerDiedError", "ended with status 3"),
}


@pytest.mark.parametrize("n_jobs", [1, 2])
def test_a_case_that_brings_its_process_down(n_jobs: int) -> None:
    check(table(16, {3: "killed", 4: "crash", 11: "exit"}), DEATHS, n_jobs=n_jobs, limits=Limits())


def test_several_workers_need_no_limits_for_that(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_workers, "START_SECONDS", -1.0)  # the first case runs here; then processes always pay
    check(table(16, {3: "killed", 4: "crash", 11: "exit"}), DEATHS, n_jobs=2)


@pytest.mark.parametrize("n_jobs", [1, 2])
def test_a_case_that_hangs(n_jobs: int) -> None:
    # Long enough for a process to start on a busy machine: only the work on a case counts.
    check(
        table(6, {2: "hang"}),
        {"002": ("CaseTimeoutError", "took longer than the limit of 1.5 s")},
        n_jobs=n_jobs,
        limits=Limits(timeout=1.5),
    )


@LINUX
def test_a_case_that_wants_too_much_memory() -> None:
    expected = {"001": ("CaseMemoryError", "more memory than there is, or than its limit allows")}
    check(table(4, {1: "memory"}), expected, limits=Limits(memory=2))


def test_what_a_library_prints_is_no_answer(capfd: pytest.CaptureFixture[str]) -> None:
    check(table(3, {1: "prints"}), {}, limits=Limits())
    captured = capfd.readouterr()
    assert captured.out == "" and "a library that prints" in captured.err and "below Python" in captured.err


def test_limits_change_neither_values_nor_warnings_nor_errors(tmp_path: Path) -> None:
    cases = table(6, {})
    cases.iloc[1, 0], cases.iloc[3, 0] = 0.0, -2.0
    found = []
    for limits in (None, Limits(timeout=60)):
        with pytest.warns(match=r"^flat region \(1 of 6 cases: 001\)$"):
            found.append(run_cases(cases, features, on_error="nan", limits=limits, n_jobs=2))
    for name in ("features", "failures"):
        pd.testing.assert_frame_equal(getattr(found[0], name), getattr(found[1], name), check_exact=True)
    with pytest.raises(GeometryError, match="Case 003: The mask is off"):
        run_cases(cases, features, limits=Limits(), n_jobs=2, cache=tmp_path, key=key_of)


def test_raise_stops_at_once_and_leaves_no_process() -> None:
    cases = table(4, {0: "killed", 1: "hang"})
    with pytest.raises(ExtractionError, match="Case 000: the process"):
        run_cases(cases, third, limits=Limits(timeout=600), n_jobs=2)
    with pytest.raises(CaseTimeoutError):
        run_cases(cases.iloc[1:], third, limits=Limits(timeout=0.5))
    assert wait_until(lambda: not children(), 10)  # idle ones wait for a next run, but not for long


def wait_until(holds: Callable[[], bool], seconds: float) -> bool:
    ends = time.monotonic() + seconds
    while not holds() and time.monotonic() < ends:
        time.sleep(0.02)
    return holds()


def children() -> list[str]:
    listed = subprocess.run(["ps", "-o", "args=", "--ppid", str(os.getpid())], capture_output=True, text=True).stdout
    return [line for line in listed.splitlines() if "_child" in line and "defunct" not in line]


def test_a_disk_that_is_full_stops_the_run(tmp_path: Path) -> None:
    script = tmp_path / "run.py"
    script.write_text(FULL)
    done = subprocess.run([sys.executable, script, tmp_path / "small"], capture_output=True, text=True, check=False)
    assert done.stdout.startswith("FileError: The cache folder"), done.stderr
    assert "Free space there" in done.stdout and all(f.suffix == ".case" for f in (tmp_path / "small").iterdir())


# No file may grow beyond 4 kB: the second case has more to store.
FULL = """
import resource, signal, sys
import pandas as pd
from radiokit.exceptions import FileError
from radiokit.utils import Limits, content_hash, run_cases
def compute(case_id, row):
    return {f"f{i}": 1.0 for i in range(int(row["n"]))}
if __name__ == "__main__":
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))
    cases = pd.DataFrame({"n": [3, 3000, 3]}, index=["a", "b", "c"])
    for limits in (None, Limits()):
        try:
            run_cases(cases, compute, cache=sys.argv[1], key=lambda row: content_hash(repr(row["n"])), limits=limits,
                      on_error="nan")
        except FileError as error:
            print("FileError:", error)
"""


RUN = """
import os, sys, time
import numpy as np, pandas as pd
from radiokit.utils import Limits, content_hash, run_cases
def compute(case_id, row):
    time.sleep(0.02)
    with open(os.environ["CASE_LOG"], "a") as log:
        log.write(case_id + " ")
    return {f"f{i}": row["value"] / (i + 3) for i in range(50)}
if __name__ == "__main__":
    cases = pd.DataFrame({"value": np.linspace(0.1, 1.7, 30)}, index=pd.Index([f"{i:03d}" for i in range(30)]))
    limits = Limits(timeout=60) if "limits" in sys.argv else None
    done = run_cases(cases, compute, cache=sys.argv[1], key=lambda row: content_hash(repr(row["value"])),
                     n_jobs=2 if "pool" in sys.argv else 1, limits=limits)
    print(int(done.provenance["cached"].sum()), done.features.to_numpy().tobytes().hex())
"""
EXPECTED = (np.linspace(0.1, 1.7, 30)[:, None] / (np.arange(50) + 3)).tobytes().hex()


def start(folder: Path, *modes: str) -> subprocess.Popen[str]:
    (folder / "run.py").write_text(RUN)
    environment = {**os.environ, "CASE_LOG": str(folder / "log")}
    command = [sys.executable, str(folder / "run.py"), str(folder / "cache"), *modes]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment, start_new_session=True)


@pytest.mark.parametrize("mode", ["alone", "pool", "limits"])
def test_a_whole_group_of_processes_is_killed(tmp_path: Path, mode: str) -> None:
    cache = tmp_path / "cache"
    with start(tmp_path, mode) as process:
        while process.poll() is None and len(list(cache.glob("*.case"))) < 5:
            time.sleep(0.005)
        os.killpg(process.pid, signal.SIGKILL)
    kept = len(list(cache.glob("*.case")))
    assert 5 <= kept < 30
    (tmp_path / "log").unlink()
    with start(tmp_path, mode) as again:
        assert again.communicate()[0].split() == [str(kept), EXPECTED]
    assert len((tmp_path / "log").read_text().split()) == 30 - kept


def test_two_runs_share_one_cache(tmp_path: Path) -> None:
    both = [start(tmp_path, "pool"), start(tmp_path, "limits")]
    for process in both:
        with process:
            assert process.communicate()[0].split()[1] == EXPECTED
    found = [path.suffix for path in (tmp_path / "cache").iterdir()]
    assert found == [".case"] * 30


STARTS = """
import os, sys, threading, time
import pandas as pd
from radiokit.utils import Limits, run_cases
def kill_starting(times):
    killed = set()
    while len(killed) < times:
        for pid in filter(str.isdigit, os.listdir("/proc")):
            try:
                parent = int(open(f"/proc/{pid}/stat").read().rpartition(")")[2].split()[1])
                command = open(f"/proc/{pid}/cmdline", "rb").read()
                if parent == os.getpid() and pid not in killed and b"_child" in command:
                    os.kill(int(pid), 9)
                    killed.add(pid)
            except (OSError, IndexError):
                pass
if __name__ == "__main__":
    threading.Thread(target=kill_starting, args=(int(sys.argv[1]),), daemon=True).start()
    cases = pd.DataFrame({"value": [1.0, 2.0, 3.0]}, index=["a", "b", "c"])
    done = run_cases(cases, lambda case_id, row: {"value": row["value"]}, limits=Limits(), on_error="nan")
    print(done.features["value"].tolist(), done.failures["case_id"].tolist(), done.failures["error"].tolist())
"""


@LINUX
@pytest.mark.parametrize(
    ("times", "said"), [(2, "[1.0, 2.0, 3.0] [] []"), (4, "[nan, 2.0, 3.0] ['a'] ['WorkerDiedError']")]
)
def test_a_worker_that_is_killed_while_it_starts_is_started_again(tmp_path: Path, times: int, said: str) -> None:
    (tmp_path / "run.py").write_text(STARTS)
    command = [sys.executable, tmp_path / "run.py", str(times)]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout.strip() == said


ENDS = """
import sys, time, re
import pandas as pd
from pathlib import Path
from radiokit.utils import Limits, run_cases_to
def busy(case_id, row):
    Path(row["file"] + ".begun").touch()
    if row["how"] == "lock":
        re.match(r"(a+)+$", "a" * 60 + "b")  # holds Python's lock for ages
    time.sleep(600)
if __name__ == "__main__":
    cases = pd.DataFrame({"file": [sys.argv[1] + "/a", sys.argv[1] + "/b"], "how": sys.argv[2]}, index=["a", "b"])
    run_cases_to(cases, busy, sys.argv[1] + "/f.parquet", columns=["x"], settings="", n_jobs=2, limits=Limits())
"""


@LINUX
@pytest.mark.parametrize(("how", "ending"), [("sleep", signal.SIGTERM), ("lock", signal.SIGKILL)])
def test_workers_end_with_their_parent(tmp_path: Path, how: str, ending: signal.Signals) -> None:
    (tmp_path / "run.py").write_text(ENDS)
    with subprocess.Popen([sys.executable, tmp_path / "run.py", tmp_path, how]) as parent:
        assert wait_until(lambda: len(list(tmp_path.glob("*.begun"))) == 2, 60)
        ours = descendants(parent.pid)
        assert len(ours) == 2
        parent.send_signal(ending)
        parent.wait()
    assert wait_until(lambda: not any(Path(f"/proc/{pid}/cmdline").exists() for pid in ours), 2.0)
    with alone_in(tmp_path / "f.parquet.parts"):
        pass  # the lock of the output is free


def descendants(pid: int) -> list[int]:
    listed = subprocess.run(["ps", "-o", "pid=", "--ppid", str(pid)], capture_output=True, text=True).stdout
    return [int(word) for word in listed.split()]


def test_inputs_are_never_touched(tmp_path: Path) -> None:
    from radiokit.features import RadiomicsExtractor
    from radiokit.io import Mask, Volume, write_volume

    folder = tmp_path / "data"
    folder.mkdir()
    random = np.random.default_rng(0)
    write_volume(Volume(random.normal(size=(4, 5, 6))), folder / "image.nii.gz")
    write_volume(Mask(random.random((4, 5, 6)) > 0.5), folder / "mask.nii.gz")
    (folder / "cases.csv").write_text("case_id,image,mask\na,image.nii.gz,mask.nii.gz\n")
    for path in (*folder.iterdir(), folder):
        path.chmod(0o555 if path.is_dir() else 0o444)
    before = {path.name: (path.read_bytes(), path.stat().st_mtime_ns) for path in folder.iterdir()}
    extractor = RadiomicsExtractor(families=["firstorder"], cache=tmp_path / "cache")
    assert extractor.extract(folder).failures.empty
    assert {path.name: (path.read_bytes(), path.stat().st_mtime_ns) for path in folder.iterdir()} == before
    folder.chmod(0o755)


@pytest.mark.parametrize("arguments", [{"timeout": 0}, {"timeout": "5"}, {"memory": -1.0}, {"timeout": float("nan")}])
def test_limits_are_positive_numbers(arguments: dict[str, float]) -> None:
    with pytest.raises(ParameterError, match="required: a positive number"):
        Limits(**arguments)
