"""What results have in common: a table of one row, a short text, and no way to change them."""

from __future__ import annotations

import dataclasses
import pickle

import numpy as np
import pytest

from radiokit.stats import Test, auc, calibration, fleiss_kappa, optimal_threshold


def test_frame_has_a_column_a_number_at_full_precision() -> None:
    result = auc([0, 0, 1, 1, 1], [1, 3, 2, 4, 5])
    frame = result.to_frame()
    assert len(frame) == 1
    assert frame.loc[0, "auc"] == result.auc
    assert frame.columns.tolist() == [field.name for field in dataclasses.fields(result)]
    assert "ties" not in optimal_threshold([0, 1], [1, 2]).to_frame()


def test_text_is_short_and_names_what_it_leaves_out() -> None:
    assert (
        repr(Test(np.float64(1.23456789), 1_000_000, float("nan"))) == "Test(statistic=1.235, df=1000000, p_value=nan)"
    )
    assert "categories=<DataFrame>" in repr(fleiss_kappa([[0, 0], [1, 1]]))


def test_results_are_values() -> None:
    result = calibration([0, 1, 0, 1, 1, 0], [0.2, 0.6, 0.4, 0.7, 0.3, 0.5])
    with pytest.raises(dataclasses.FrozenInstanceError):
        result.slope = 1.0  # type: ignore[misc]
    assert pickle.loads(pickle.dumps(result)) == result
