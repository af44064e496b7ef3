"""Calibration of scores, and models by name: probabilities are honest, also after class weights."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score

from radiokit.engine.logistic import expit
from radiokit.exceptions import InputError, ParameterError
from radiokit.models import CalibratedModel, FusionClassifier, signature_pipeline
from radiokit.models.calibration import METHODS, learn_calibration
from radiokit.models.kinds import KINDS, WEIGHTED
from radiokit.stats import calibration
from radiokit.utils import as_survival_target


def cohort(n: int = 400, seed: int = 0) -> tuple[pd.DataFrame, np.ndarray]:
    """Features of which two tell an outcome that one case in five has."""
    rng = np.random.default_rng(seed)
    X = pd.DataFrame(rng.normal(size=(n, 8)), columns=[f"f{j}" for j in range(8)])
    p = expit(-2 + 1.2 * X["f0"].to_numpy() + 1.2 * X["f1"].to_numpy())
    X.iloc[::17, 3] = np.nan
    return X, (rng.random(n) < p).astype(int)


@pytest.mark.parametrize("method", METHODS)
def test_a_distorted_score_is_put_right(method: str) -> None:
    rng = np.random.default_rng(0)
    truth = rng.normal(-1, 1.5, 5000)
    y = rng.random(5000) < expit(truth)
    distorted = truth + 1 if method == "intercept" else 3 * truth + 1
    corrected = learn_calibration(method, distorted, y)(distorted)
    np.testing.assert_allclose(expit(corrected).mean(), y.mean(), atol=0.002)
    assert np.abs(expit(corrected) - expit(truth)).mean() < 0.02


def test_platt_and_intercept_are_logistic_regressions() -> None:
    rng = np.random.default_rng(1)
    score = rng.normal(size=3000)
    y = rng.random(3000) < expit(2 * score - 1)
    a, b = learn_calibration("platt", score, y).coef
    reference = LogisticRegression(C=1e10, tol=1e-10).fit(score[:, None], y)
    assert a == pytest.approx(reference.intercept_[0], abs=5e-3)  # Firth's bias correction is of order 1/n
    assert b == pytest.approx(reference.coef_[0, 0], abs=1e-2)
    (shift, one) = learn_calibration("intercept", score, y).coef
    assert one == 1.0
    assert expit(score + shift).mean() == pytest.approx(y.mean(), abs=1e-10)


@pytest.mark.parametrize("method", ["platt", "beta", "isotonic"])
def test_a_score_that_points_the_wrong_way_is_not_turned_round(method: str) -> None:
    rng = np.random.default_rng(2)
    score = rng.normal(size=400)
    y = rng.random(400) < expit(-2 * score)
    found = learn_calibration(method, score, y)(np.sort(score))
    assert (np.diff(found) >= 0).all()
    assert np.ptp(expit(found)) < 0.1


def test_isotonic_never_promises_certainty() -> None:
    y = np.arange(40) >= 20
    p = expit(learn_calibration("isotonic", np.arange(40.0), y)(np.array([-100.0, 100.0])))
    np.testing.assert_allclose(p, [1 / 42, 41 / 42])


def test_a_constant_score_gives_the_share_of_events() -> None:
    y = np.arange(40) < 10
    np.testing.assert_allclose(expit(learn_calibration("platt", np.ones(40), y)(np.ones(3))), 0.25)


@pytest.mark.parametrize("weight", [None, "balanced"])
@pytest.mark.parametrize("kind", KINDS["classification"])
def test_models_by_name_rank_and_their_probabilities_hold(kind: str, weight: str | None) -> None:
    if weight and kind not in WEIGHTED:
        pytest.skip("takes no weights")
    X, y = cohort()
    new, truth = cohort(600, seed=1)
    p = signature_pipeline(kind, class_weight=weight, random_state=0).fit(X, y).predict_proba(new)[:, 1]
    assert roc_auc_score(truth, p) > 0.7
    assert abs(p.mean() - truth.mean()) < 0.05
    assert 0.6 < calibration(truth, p).slope < 2.5


def test_class_weights_without_recalibration_promise_too_much() -> None:
    X, y = cohort()
    X = X.fillna(0)
    bare = LogisticRegression(class_weight="balanced")
    assert bare.fit(X, y).predict_proba(X)[:, 1].mean() > y.mean() + 0.1
    mended = CalibratedModel(bare, method="intercept", random_state=0).fit(X, y)
    assert mended.predict_proba(X)[:, 1].mean() == pytest.approx(y.mean(), abs=0.03)


@pytest.mark.parametrize("kind", KINDS["survival"])
def test_survival_models_by_name(kind: str) -> None:
    X, _ = cohort(200)
    rng = np.random.default_rng(0)
    y = as_survival_target(rng.random(200) < 0.8, rng.exponential(np.exp(-1.5 * X["f0"])))
    risk = signature_pipeline(kind, "survival", random_state=0).fit(X[:150], y[:150]).predict(X[150:])
    assert np.corrcoef(risk, X["f0"][150:])[0, 1] > 0.5


def test_models_that_do_not_exist_are_refused() -> None:
    with pytest.raises(ParameterError, match="required for survival: one of ridge"):
        signature_pipeline("forest", "survival")
    with pytest.raises(ParameterError, match="class_weight"):
        signature_pipeline("ridge", class_weight="balanced")
    with pytest.raises(InputError, match="task"):
        signature_pipeline("ridge", "regression")


def test_a_named_model_is_a_part_of_a_fusion() -> None:
    X, y = cohort(150)
    parts = {"trees": signature_pipeline("xgboost"), "kernel": signature_pipeline("svm_rbf")}
    fusion = FusionClassifier(parts, cv=3, random_state=0).fit(X, y)
    assert fusion.final_columns_ == ["trees", "kernel"]
    assert np.isfinite(fusion.predict_proba(X)).all()
