"""The optimism bootstrap and the corrected calibration curve, against rms::validate on the shared tables."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest
from sklearn.feature_selection import SelectKBest
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline

from radiokit.exceptions import DataWarning, OutcomeError, ParameterError
from radiokit.validation import calibration_curve_corrected, optimism_bootstrap

RNG = np.random.default_rng(0)
Y = np.arange(50) % 2
NOISE = pd.DataFrame(RNG.normal(size=(50, 200)))


def rms_validate(shared) -> dict[str, np.ndarray]:
    """Rows of rms::validate(lrm, B=1000), five seeds: index.orig and index.corrected."""
    results = json.loads((shared / "oracles" / "values" / "shared_03_calibration.json").read_text())["results"]
    runs = [v["value"] for k, v in results.items() if k.startswith("validate_B1000.seed")]
    table = {}
    for run in runs:
        for name, row in zip(run["rows"], run["data"], strict=True):
            table.setdefault(name, []).append([row[0], row[4]])
    return {name: np.array(values, dtype=float) for name, values in table.items()}


@pytest.mark.shared
def test_rms_validate(shared) -> None:
    data = pd.read_csv(shared / "oracles" / "data" / "shared_calib_dev.csv")
    X, y = data.filter(regex=r"^x\d+$"), data["y"]
    oracle = rms_validate(shared)
    model = LogisticRegression(C=np.inf, tol=1e-10, max_iter=2000, solver="newton-cholesky")
    table = optimism_bootstrap(model, X, y, n_bootstraps=400, random_state=0).set_index("metric")
    rows = {"dxy": "Dxy", "brier": "B", "calibration_slope": "Slope", "calibration_intercept": "Intercept", "r2": "R2"}
    for ours, theirs in rows.items():
        original, corrected = oracle[theirs].mean(axis=0)
        # R's Dxy and Brier here are exact, its fit stops at 1e-8.
        assert table.loc[ours, "apparent"] == pytest.approx(original, abs=1e-5), ours
        spread = max(oracle[theirs][:, 1].std(ddof=1), 1e-4)
        assert abs(table.loc[ours, "corrected"] - corrected) < 5 * spread * np.sqrt(1000 / 400), ours


def test_selection_belongs_inside() -> None:
    """On noise the apparent AUC is high and the corrected one falls, if selection is repeated in each resample."""
    whole = make_pipeline(SelectKBest(k=5), LogisticRegression())
    inside = optimism_bootstrap(whole, NOISE, Y, n_bootstraps=60, random_state=0).set_index("metric")
    chosen = SelectKBest(k=5).fit_transform(NOISE, Y)
    outside = optimism_bootstrap(LogisticRegression(), chosen, Y, n_bootstraps=60, random_state=0).set_index("metric")
    assert inside.loc["auc", "apparent"] == pytest.approx(outside.loc["auc", "apparent"])
    assert inside.loc["auc", "corrected"] < outside.loc["auc", "corrected"] - 0.1


def test_workers_change_nothing_and_resamples_survive_a_kill(tmp_path) -> None:
    model = LogisticRegression()
    X = NOISE.iloc[:, :3]
    one = optimism_bootstrap(model, X, Y, n_bootstraps=8, random_state=3, cache=tmp_path)
    two = optimism_bootstrap(model, X, Y, n_bootstraps=8, random_state=3, n_jobs=2)
    pd.testing.assert_frame_equal(one, two)
    for entry in sorted(tmp_path.glob("*.case"))[:4]:
        entry.unlink()
    pd.testing.assert_frame_equal(one, optimism_bootstrap(model, X, Y, n_bootstraps=8, random_state=3, cache=tmp_path))


def test_patients_are_resampled_whole() -> None:
    """Rows given three times, by patient, are the same cohort: the same optimism as each once."""
    X = NOISE.iloc[:, :4]
    once = optimism_bootstrap(LogisticRegression(C=np.inf), X, Y, n_bootstraps=30, random_state=1)
    tripled = pd.concat([X] * 3, ignore_index=True)
    groups = np.tile(np.arange(50), 3)
    thrice = optimism_bootstrap(
        LogisticRegression(C=np.inf), tripled, np.tile(Y, 3), groups=groups, n_bootstraps=30, random_state=1
    )
    np.testing.assert_allclose(once["corrected"], thrice["corrected"], atol=1e-3)


def test_copies_of_a_patient_stay_in_one_inner_fold() -> None:
    model = GridSearchCV(LogisticRegression(), {"C": [0.1, 1.0]}, cv=3)
    table = optimism_bootstrap(model, NOISE.iloc[:, :3], Y, n_bootstraps=3, random_state=0)
    assert table["corrected"].notna().all()


def test_survival() -> None:
    from sklearn.base import BaseEstimator

    from radiokit.utils import as_survival_target

    class FirstColumn(BaseEstimator):
        def fit(self, X, y):
            self.n_features_in_ = X.shape[1]
            return self

        def predict(self, X):
            return X.to_numpy()[:, 0]

    rng = np.random.default_rng(1)
    X = pd.DataFrame({"risk": rng.normal(size=60)})
    y = as_survival_target(rng.random(60) < 0.7, rng.exponential(np.exp(-X["risk"])) + 0.01)
    table = optimism_bootstrap(FirstColumn(), X, y, n_bootstraps=40, random_state=0).set_index("metric")
    assert table.index.tolist() == ["c_index", "dxy", "calibration_slope"]
    assert abs(table.loc["c_index", "optimism"]) < 0.03  # nothing is fitted, so nothing is optimistic


def test_small_cohorts_lose_resamples_openly() -> None:
    X = pd.DataFrame({"x": np.arange(6.0)})
    with pytest.warns(DataWarning, match="resamples could not be fitted"):
        table = optimism_bootstrap(LogisticRegression(), X, [0, 0, 0, 0, 0, 1], n_bootstraps=20, random_state=0)
    assert (table["n_bootstraps"] < 20).all()
    with pytest.raises(OutcomeError, match="one class"):
        optimism_bootstrap(LogisticRegression(), X, [0] * 6)
    with pytest.raises(ParameterError, match="at least 1"):
        optimism_bootstrap(LogisticRegression(), X, [0, 1] * 3, n_bootstraps=0)


def test_calibration_curve_of_an_overfitted_model_is_corrected_towards_the_mean() -> None:
    X = NOISE.iloc[:, :8]
    grid = [0.2, 0.8]
    curve = calibration_curve_corrected(LogisticRegression(C=np.inf), X, Y, grid=grid, n_bootstraps=40, random_state=0)
    assert curve["predicted"].tolist() == grid
    assert curve.loc[0, "corrected"] > curve.loc[0, "apparent"]
    assert curve.loc[1, "corrected"] < curve.loc[1, "apparent"]
