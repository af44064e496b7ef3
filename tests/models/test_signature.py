"""Signatures and fusion: the written formula is the score, scores are cross-fitted, nothing found is said so."""

from __future__ import annotations

import re

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import GroupKFold
from sklearn.pipeline import make_pipeline

from radiokit.exceptions import DataWarning, InputError, OutcomeError
from radiokit.models import (
    FusionClassifier,
    FusionSurvival,
    LogisticModel,
    RadiomicsSignature,
    SurvivalSignature,
    default_pipeline,
)
from radiokit.utils import as_survival_target


def cohort(n: int = 120, p: int = 30, seed: int = 0) -> tuple[pd.DataFrame, np.ndarray]:
    rng = np.random.default_rng(seed)
    X = pd.DataFrame(rng.normal(size=(n, p)) * 5 + 2, columns=[f"f {j} <mm>" for j in range(p)])
    signal = (X.iloc[:, 0] - X.iloc[:, 1]) / 5
    return X, (signal + rng.normal(size=n) > 0).astype(int)


def times(X: pd.DataFrame, seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return as_survival_target(rng.random(len(X)) < 0.7, rng.exponential(np.exp(-X.iloc[:, 0] / 5)))


def evaluated(formula: str, X: pd.DataFrame) -> np.ndarray:
    """The written formula, computed as a reader would."""
    start, *terms = re.split(r" (?=[+-] )", formula.removeprefix("radscore = "))
    total = np.full(len(X), float(start))
    for term in terms:
        sign, number, name = re.fullmatch(r"([+-]) (\S+) \* (.*)", term).groups()  # type: ignore[union-attr]
        total += float(sign + number) * X[name].to_numpy()
    return total


def test_the_written_formula_is_the_score() -> None:
    X, y = cohort()
    binary = RadiomicsSignature(cv=5, random_state=0).fit(X, y)
    np.testing.assert_allclose(evaluated(binary.formula_, X), binary.decision_function(X), atol=1e-10)
    survival = SurvivalSignature(cv=5, random_state=0).fit(X, times(X))
    np.testing.assert_allclose(evaluated(survival.formula_, X), survival.predict(X), atol=1e-10)
    assert abs(survival.predict(X).mean()) < 1e-10


def test_planted_features_lead_and_chosen_row_is_the_model() -> None:
    X, y = cohort()
    signature = RadiomicsSignature(cv=5, random_state=0).fit(X, y)
    assert set(signature.coefficients_.index[:2]) == set(X.columns[:2])
    row = signature.path_.loc[signature.path_["chosen"]]
    assert row["lambda"].tolist() == [signature.lambda_]
    assert row["n_features"].tolist() == [len(signature.coefficients_)]
    np.testing.assert_array_equal(signature.coef_path_[row.index[0]], signature.coef_[0])


def test_one_se_is_sparser() -> None:
    X, y = cohort()
    smallest, sparse = (RadiomicsSignature(cv=5, rule=r, random_state=0).fit(X, y) for r in ("min", "1se"))
    assert sparse.lambda_ > smallest.lambda_
    assert len(sparse.coefficients_) < len(smallest.coefficients_)


def test_no_signal_can_leave_the_intercept_alone() -> None:
    X, y = cohort()
    signature = RadiomicsSignature(cv=5, lambdas=[10.0], random_state=0).fit(X, y)
    assert signature.coefficients_.empty
    np.testing.assert_allclose(signature.predict_proba(X)[:, 1], y.mean(), atol=1e-10)
    assert signature.transform(X).shape == (len(X), 1)


def test_two_events_are_fitted_and_one_is_refused() -> None:
    X, y = cohort()
    y[:] = 0
    y[:2] = 1
    with pytest.warns(DataWarning, match="2 folds"):
        RadiomicsSignature(random_state=0).fit(X, y)
    y[1] = 0
    with pytest.raises(OutcomeError, match="1 case of the rarer"):
        RadiomicsSignature().fit(X, y)


def test_pandas_output_is_called_radscore() -> None:
    X, y = cohort()
    signature = RadiomicsSignature(cv=3, random_state=0).set_output(transform="pandas").fit(X, y)
    out = signature.transform(X)
    assert out.columns.tolist() == ["radscore"]
    assert out.index.equals(X.index)


def test_a_signature_that_fits_noise_gets_no_weight() -> None:
    X, y = cohort(n=80, p=400, seed=3)
    noise = X.iloc[:, 5:].assign(age=(y * 1.2 + np.random.default_rng(1).normal(size=80)))
    overfit = {"radiomics": (LogisticModel(penalty=0.01), list(X.columns[5:]))}
    fusion = FusionClassifier(overfit, clinical=["age"], random_state=0).fit(noise, y)
    apparent = fusion.signatures_["radiomics"].decision_function(noise[list(X.columns[5:])])
    assert roc_auc_score(y, apparent) > 0.99
    assert roc_auc_score(y, fusion.cross_fitted_["radiomics"]) < 0.7
    weights = fusion.final_estimator_.summary_["p_value"]
    assert weights["age"] < 0.01 < weights["radiomics"]


def test_fusion_takes_gaps_text_and_pipelines() -> None:
    X, y = cohort()
    X = X.assign(sex=np.resize(["f", "m", "m"], len(X)), age=np.arange(len(X), dtype=float))
    X.loc[3, ["sex", "age"]] = [None, np.nan]
    features = list(X.columns[:30])
    parts = {"one": (default_pipeline(), features[:15]), "two": (RadiomicsSignature(cv=3), features[15:])}
    fusion = FusionClassifier(parts, clinical=["sex", "age"], random_state=0).fit(X, y)
    assert fusion.final_columns_ == ["one", "two", "sex=m", "age"]
    assert fusion.clinical_.fill == {"sex": "m", "age": 60.0}
    p = fusion.predict_proba(X.tail(5))
    np.testing.assert_allclose(p.sum(axis=1), 1)
    again = FusionClassifier(parts, clinical=["sex", "age"], random_state=0).fit(X, y)
    np.testing.assert_array_equal(again.predict_proba(X), fusion.predict_proba(X))


def test_fusion_keeps_patients_together() -> None:
    X, y = cohort(60, 5)
    X = pd.concat([X, X], ignore_index=True)  # every patient twice: their scores may not come from each other
    y, patient = np.r_[y, y], np.r_[np.arange(60), np.arange(60)]
    fusion = FusionClassifier(cv=4, random_state=0).fit(X, y, groups=patient)
    scores = fusion.cross_fitted_["radscore"].to_numpy()
    np.testing.assert_allclose(scores[:60], scores[60:])
    FusionClassifier(cv=GroupKFold(4)).fit(X, y, groups=patient)


def test_fusion_for_survival_ranks() -> None:
    X, _ = cohort()
    y = times(X)
    fusion = FusionSurvival(clinical=[X.columns[2]], random_state=0).fit(X, y)
    assert np.corrcoef(fusion.predict(X), X.iloc[:, 0])[0, 1] > 0.8
    empty = FusionSurvival({"none": SurvivalSignature(cv=3, lambdas=[50.0])}, random_state=0).fit(X, y)
    assert (empty.predict(X) == 0).all()


def test_fusion_says_what_is_missing() -> None:
    X, y = cohort()
    with pytest.raises(InputError, match="age"):
        FusionClassifier(clinical=["age"]).fit(X, y)
    with pytest.raises(InputError, match="mapping"):
        FusionClassifier([RadiomicsSignature()]).fit(X, y)


def test_fusion_leaves_a_constant_clinical_column_out_and_says_so() -> None:
    X, y = cohort()
    with pytest.warns(DataWarning, match="'flat' has 1 different values"):
        fusion = FusionClassifier(clinical=["flat"], random_state=0).fit(X.assign(flat=1.0), y)
    assert fusion.final_columns_ == ["radscore"]


def test_what_is_no_value_is_filled() -> None:
    X, y = cohort()
    sex = pd.Series(np.resize(["f", " m", "m"], len(X)), dtype=object)
    size = pd.Series(np.arange(len(X), dtype=float))
    sex[0], size[0] = "", np.inf
    fusion = FusionClassifier({}, clinical=["sex", "size"]).fit(pd.DataFrame({"sex": sex, "size": size}), y)
    assert fusion.final_columns_ == ["sex=m", "size"]
    assert fusion.design_.iloc[0].tolist() == [1.0, 60.0]


def test_fusion_tunes_its_signatures_by_patient_where_patients_repeat() -> None:
    X, y = cohort(60, 5)
    X, y, patient = pd.concat([X, X], ignore_index=True), np.r_[y, y], np.r_[np.arange(60), np.arange(60)]
    fusion = FusionClassifier(cv=4, random_state=0).fit(X, y, groups=patient)
    assert fusion.signatures_["radscore"].cv.get_n_splits() == 4
    folds = fusion.signatures_["radscore"].cv.test_fold
    np.testing.assert_array_equal(folds[:60], folds[60:])


@pytest.mark.parametrize("task", ["classification", "survival"])
def test_default_pipeline_takes_a_table_as_it_is(task: str) -> None:
    X, y = cohort()
    X = X.assign(flat=1.0, empty=np.nan)
    X.iloc[::7, 2] = np.nan
    target = y if task == "classification" else times(X)
    model = default_pipeline(task, random_state=0).fit(X, target)
    got = model.predict(X.head(3))
    assert np.isfinite(got).all()
    make_pipeline(default_pipeline(task)).get_params()
