"""Delta features: alignment by case, three kinds, and what they refuse."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from radiokit.exceptions import CaseTableError, InputError, ParameterError
from radiokit.features import delta_features

RNG = np.random.default_rng(0)
BEFORE = pd.DataFrame(RNG.normal(5, 2, (4, 3)), index=list("abcd"), columns=["x", "y", "z"])
AFTER = pd.DataFrame(RNG.normal(5, 2, (4, 3)), index=list("abcd"), columns=["x", "y", "z"])
SHUFFLED = AFTER.loc[list("cadb"), ["z", "x", "y"]]


def test_cases_and_columns_are_matched_by_name() -> None:
    found = delta_features(BEFORE, SHUFFLED)
    assert list(found.columns) == ["delta_x", "delta_y", "delta_z"]
    assert (found.to_numpy() == (AFTER - BEFORE).to_numpy()).all()
    relative = delta_features(BEFORE, SHUFFLED, kind="relative")
    assert np.allclose(relative, (AFTER - BEFORE) / BEFORE)
    assert list(relative.columns) == ["relative-delta_x", "relative-delta_y", "relative-delta_z"]


def test_days_by_case_or_for_all() -> None:
    days = pd.Series({"d": 40, "c": 30, "b": 20, "a": 10, "e": 99})
    found = delta_features(BEFORE, AFTER, kind="per_day", days=days)
    assert np.allclose(found, (AFTER - BEFORE).to_numpy() / [[10], [20], [30], [40]])
    assert np.allclose(delta_features(BEFORE, AFTER, kind="per_day", days=7), (AFTER - BEFORE) / 7)


def test_missing_values_stay_missing() -> None:
    hole = AFTER.copy()
    hole.loc["b", "y"] = np.nan
    found = delta_features(BEFORE, hole, kind="relative")
    assert found.isna().sum().sum() == 1
    assert np.isnan(found.loc["b", "relative-delta_y"])


@pytest.mark.parametrize(
    ("change", "options", "error", "match"),
    [
        (lambda a: a.drop("b"), {}, CaseTableError, "1 cases not in after: b"),
        (lambda a: pd.concat([a, a.loc[["b"]]]), {}, CaseTableError, "repeats 1 case ids: b"),
        (lambda a: a.rename(index={"b": "q"}), {}, CaseTableError, "not in after: b; 1 cases not in before: q"),
        (lambda a: a.drop(columns="z"), {}, CaseTableError, "features not in after: z"),
        (lambda a: a.assign(z="high"), {}, InputError, "values of after hold text in z"),
        (lambda a: a, {"kind": "percent"}, ParameterError, "kind='percent'"),
        (lambda a: a, {"kind": "per_day"}, ParameterError, "'per_day' needs them"),
        (lambda a: a, {"days": 3}, ParameterError, "'per_day' needs them"),
        (lambda a: a, {"kind": "per_day", "days": {"a": 1}}, CaseTableError, "days lacks 3 cases: b, c, d"),
        (lambda a: a, {"kind": "per_day", "days": dict.fromkeys("abcd", 0)}, InputError, "not above 0"),
        (lambda a: a, {"kind": "per_day", "days": -4}, InputError, "order of the examinations"),
    ],
)
def test_what_is_refused(change, options: dict, error, match: str) -> None:
    with pytest.raises(error, match=match):
        delta_features(BEFORE, change(AFTER), **options)


def test_a_relative_change_from_zero_has_no_value() -> None:
    zero = BEFORE.copy()
    zero.loc["c", "y"] = 0.0
    with pytest.raises(InputError, match=r"1 features \(y\) are 0 before in 1 cases \(c\)"):
        delta_features(zero, AFTER, kind="relative")
    assert delta_features(zero, AFTER).loc["c", "delta_y"] == AFTER.loc["c", "y"]


def test_examinations_are_joined_by_case_id_never_by_row_labels() -> None:
    right = delta_features(BEFORE, AFTER)
    flat = [
        t.rename_axis("case_id").reset_index().sample(frac=1, random_state=k) for k, t in enumerate((BEFORE, AFTER))
    ]
    pd.testing.assert_frame_equal(delta_features(*flat).loc[list("abcd")], right, check_names=False)
    with pytest.raises(CaseTableError, match="row labels"):
        delta_features(*(t.reset_index(drop=True) for t in (BEFORE, AFTER)))
