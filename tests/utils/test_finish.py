"""The second step of the runner: batches across cases change nothing but the speed."""

from __future__ import annotations

import warnings
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from cohort_tasks import key_of, prepared

from radiokit.exceptions import DataWarning, GeometryError, InputError, ParameterError
from radiokit.utils import _runner, run_cases


@dataclass
class Doubled:
    """Doubles what was prepared, notes the batches it was given, and fails on a zero."""

    size: int = 3
    batches: list[int] = field(default_factory=list)

    def __call__(self, payloads):
        self.batches.append(len(payloads))
        return [{"double": 2 * p} if p else InputError("nothing to double.") for p in payloads]


def table(values) -> pd.DataFrame:
    ids = [f"P{k}" for k in range(len(values))]
    return pd.DataFrame({"value": np.asarray(values, dtype=float)}, index=pd.Index(ids, name="case_id"))


@pytest.mark.parametrize("n_jobs", [1, 2])
@pytest.mark.parametrize("size", [1, 3, 100])
def test_order_and_batches(n_jobs: int, size: int) -> None:
    finish = Doubled(size)
    done = run_cases(table(range(1, 8)), prepared, columns=["double"], finish=finish, n_jobs=n_jobs)
    assert done.features["double"].tolist() == [2.0 * k for k in range(1, 8)]
    assert done.provenance["half"].tolist() == [k / 2 for k in range(1, 8)]
    assert sum(finish.batches) == 7
    assert max(finish.batches) <= size


def test_a_case_fails_in_either_step_and_no_row_is_lost() -> None:
    cases = table([1, -1, 0, 2])
    done = run_cases(cases, prepared, columns=["double"], finish=Doubled(), on_error="nan")
    assert done.features["double"].fillna(-9).tolist() == [2, -9, -9, 4]
    assert done.failures[["case_id", "error"]].to_numpy().tolist() == [["P1", "GeometryError"], ["P2", "InputError"]]
    with pytest.raises(GeometryError, match="P1"):
        run_cases(cases, prepared, finish=Doubled())
    with pytest.raises(InputError, match="P2"):
        run_cases(cases.drop("P1"), prepared, finish=Doubled())


def test_finished_cases_are_kept_and_need_no_second_step(tmp_path: Path) -> None:
    first = run_cases(table([1, 2, 0]), prepared, key=key_of, cache=tmp_path, finish=Doubled(), on_error="nan")
    finish = Doubled()
    again = run_cases(table([1, 5, 2, 0]), prepared, key=key_of, cache=tmp_path, finish=finish, on_error="nan")
    assert again.provenance["cached"].tolist() == [True, False, True, False]
    assert again.features.loc[["P0", "P2"], "double"].tolist() == first.features.loc[["P0", "P1"], "double"].tolist()
    assert sum(finish.batches) == 2  # the new case and the one that failed


def test_warnings_of_both_steps_name_their_cases() -> None:
    class Warns(Doubled):
        def __call__(self, payloads):
            warnings.warn("from the network", DataWarning, stacklevel=1)
            return super().__call__(payloads)

    with pytest.warns(DataWarning) as caught:
        run_cases(table([1, 100, 2]), prepared, finish=Warns(2))
    texts = sorted(str(w.message) for w in caught)
    assert texts == ["from the network (3 of 3 cases: P0, P1, P2)", "large (1 of 3 cases: P1)"]


def test_an_error_of_the_second_step_itself_stops_the_run() -> None:
    class Full(Doubled):
        def __call__(self, payloads):
            raise ParameterError("out of memory: lower batch_size")

    with pytest.raises(ParameterError, match="batch_size"):
        run_cases(table([1, 2]), prepared, finish=Full(), on_error="nan")


def test_prepared_cases_do_not_pile_up(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No more than a window of cases is read ahead of the batch that the second step takes."""
    monkeypatch.setattr(_runner, "WINDOW", 4)
    ahead = []

    class Slow(Doubled):
        def __call__(self, payloads):
            ahead.append(len(list(tmp_path.iterdir())) - sum(self.batches))
            return super().__call__(payloads)

    run_cases(table(range(1, 21)), partial(prepared, folder=tmp_path), finish=Slow(2), n_jobs=2)
    assert len(ahead) == 10
    assert max(ahead) <= 4 + 2
