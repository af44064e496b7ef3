"""Every line of the table of usual mistakes, tried: it must be impossible, refused, or said aloud."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedKFold
from sklearn.pipeline import make_pipeline

from radiokit.datasets import make_feature_table
from radiokit.exceptions import DataWarning, InputError, LeakageError
from radiokit.harmonization import ComBat
from radiokit.models import FusionClassifier
from radiokit.selection import CorrelationSelector, LassoSelector, MRMRSelector, RepeatabilitySelector
from radiokit.stats import auc
from radiokit.study import Options, Study
from radiokit.utils import as_survival_target
from radiokit.validation import (
    Predictions,
    compare_models,
    evaluate,
    leave_one_center_out,
    nested_cv,
    net_benefit,
    optimism_bootstrap,
    performance,
)

FAST = Options(pipeline="lasso", folds=3, repeats=1, bootstraps=0, penalty_folds=3, subsamples=2)


def noise(n: int = 60, p: int = 200, seed: int = 0) -> tuple[pd.DataFrame, np.ndarray]:
    rng = np.random.default_rng(seed)
    X = pd.DataFrame(rng.normal(size=(n, p)), columns=[f"f{j}" for j in range(p)])
    X.index = pd.Index([f"case{i}" for i in range(n)])
    return X, rng.permutation(np.arange(n) % 2)


def cohort(n: int = 60) -> tuple[pd.DataFrame, pd.DataFrame]:
    made = make_feature_table(n, n_features=8, n_informative=2, effect=1.5, centers=3, random_state=0)
    age = np.round(60 + 10 * np.random.default_rng(0).standard_normal(n))
    cases = pd.DataFrame({"outcome": made.y, "center": made.center, "age": age})
    cases["patient"] = [f"P{i}" for i in range(n)]
    return cases, made.X


def study(cases: pd.DataFrame, features: pd.DataFrame, **changes: Any) -> Study:
    arguments = {
        "outcome": "outcome", "clinical": ["age"], "signatures": {"ct": features}, "center": "center",
        "groups": "patient", "split": {"random": 0.3}, "options": FAST,
    }  # fmt: skip
    return Study(cases, **{**arguments, **changes})


@pytest.fixture(scope="module")
def result() -> Any:
    return study(*cohort()).run()


@pytest.mark.parametrize("selector", [LassoSelector(cv=3, random_state=0), MRMRSelector(n_features=5)])
def test_selection_before_the_split(selector: Any) -> None:
    """A table chosen with everybody's outcome is refused; the same selector in the pipeline finds nothing in noise."""
    X, y = noise()
    chosen = selector.set_output(transform="pandas").fit_transform(X, y)
    for validate in (nested_cv, optimism_bootstrap):
        with pytest.raises(LeakageError, match="put the selector into the pipeline"):
            validate(LogisticRegression(), chosen, y)
    with pytest.raises(LeakageError, match="put the selector into the pipeline"):
        leave_one_center_out(LogisticRegression(), chosen.iloc[:, :2] * 2, y, np.arange(60) % 3)
    with pytest.raises(LeakageError, match="a study would find them good"):
        Study(pd.DataFrame({"y": y}, index=X.index), outcome="y", signatures={"ct": chosen}).run()
    inside = nested_cv(make_pipeline(selector, LogisticRegression()), X, y, outer=3, random_state=0).summary.iloc[0]
    assert inside["ci_low"] < 0.5 < inside["ci_high"]


def test_selectors_fitted_on_others_are_welcome() -> None:
    X, y = noise()
    selector = MRMRSelector(n_features=3).set_output(transform="pandas").fit(X[:30], y[:30])
    assert nested_cv(LogisticRegression(), selector.transform(X[30:]), y[30:], outer=2, random_state=0)
    fitted = MRMRSelector(n_features=3).fit(X, y)
    whole = nested_cv(make_pipeline(fitted, LogisticRegression()), X, y, outer=3, random_state=0)
    fresh = nested_cv(make_pipeline(MRMRSelector(n_features=3), LogisticRegression()), X, y, outer=3, random_state=0)
    pd.testing.assert_frame_equal(whole.summary, fresh.summary)


def test_without_the_outcome_nothing_leaks_and_nothing_is_refused() -> None:
    X, y = noise(p=5)
    thinned = CorrelationSelector(keep="first").set_output(transform="pandas").fit_transform(X)
    assert nested_cv(LogisticRegression(), thinned, y, outer=3, random_state=0)


def test_copies_of_a_case_before_the_split() -> None:
    """Oversampling first puts copies on both sides: as cases of one patient they cannot be."""
    X, y = noise(p=3)
    rows = np.concatenate([np.arange(60), np.flatnonzero(y)])
    with pytest.raises(InputError, match="repeats ids"):
        nested_cv(LogisticRegression(), X.iloc[rows], y[rows])
    copies = X.iloc[rows].reset_index(drop=True)
    with pytest.raises(LeakageError, match="in training and test at once"):
        nested_cv(LogisticRegression(), copies, y[rows], groups=rows, outer=StratifiedKFold(3))
    folds = nested_cv(LogisticRegression(), copies, y[rows], groups=rows, outer=3, random_state=0).predictions
    assert (pd.Series(folds.fold).groupby(folds.groups).nunique() == 1).all()


SPELLINGS = {
    "itself": lambda y, t: y,
    "the other way round": lambda y, t: 1 - y,
    "words": lambda y, t: np.where(y == 1, "yes", "no"),
    "truth values": lambda y, t: y == 1,
    "other numbers": lambda y, t: np.where(y == 1, 7.5, -2.0),
    "three levels": lambda y, t: np.where(y == 1, "dead", np.where(np.arange(y.size) % 2, "alive", "lost")),
    "jittered": lambda y, t: y + 0.001 * np.sin(np.arange(y.size)),
}


@pytest.mark.parametrize("spelling", SPELLINGS)
def test_combat_with_the_outcome_as_covariate(spelling: str) -> None:
    X, y = noise(p=4)
    table = X.assign(center=np.arange(60) // 30, covariate=SPELLINGS[spelling](y, None))
    with pytest.raises(LeakageError, match="is the outcome"):
        ComBat(batch="center", covariates=["covariate"]).fit(table, y)
    cases = pd.DataFrame({"y": y, "other": table["covariate"]}, index=X.index)
    with pytest.raises(LeakageError, match="in another spelling"):
        Study(cases, outcome="y", clinical=["other"], signatures={"ct": X}).run()


@pytest.mark.parametrize("change", [lambda t: t, lambda t: t * 30.4, np.log, lambda t: -t])
def test_combat_with_the_follow_up_as_covariate(change: Any) -> None:
    X, y = noise(p=4)
    time = np.random.default_rng(1).exponential(size=60)
    table = X.assign(center=np.arange(60) // 30, covariate=change(time))
    with pytest.raises(LeakageError, match="is the outcome"):
        ComBat(batch="center", covariates=["covariate"]).fit(table, as_survival_target(y, time))
    cases = pd.DataFrame({"e": y, "t": time, "months": change(time)}, index=X.index)
    with pytest.raises(LeakageError, match="'months' is the time"):
        Study(cases, outcome=None, survival={"event": "e", "time": "t"}, clinical=["months"], signatures={}).run()


def test_an_honest_covariate_passes() -> None:
    X, y = noise(p=4)
    rng = np.random.default_rng(2)
    table = X.assign(center=np.arange(60) // 30, age=rng.normal(size=60) + y, stage=rng.choice(["I", "II"], 60))
    combat = ComBat(batch="center", covariates=["age", "stage"]).set_output(transform="pandas").fit(table, y)
    before, after = (
        t[X.columns].groupby(table["center"]).mean().diff().abs().iloc[1] for t in (table, combat.transform(table))
    )
    assert after.sum() < before.sum()  # less of it is the centre


def test_combat_on_all_data() -> None:
    """It is fitted on training centres; a centre it has not seen is an error."""
    X, y = noise(p=4)
    table = X.assign(center=np.repeat(["A", "B", "C"], 20))
    combat = ComBat(batch="center").fit(table[:40], y[:40])
    with pytest.raises(InputError, match="C"):
        combat.transform(table[40:])


def test_imputation_or_scaling_before_the_split() -> None:
    """What the test patients look like changes nothing that was learnt."""
    cases, features = cohort()
    features.iloc[::7, 0] = np.nan
    held_out = (cases["center"] == "center_3").to_numpy()
    changed = features.copy()
    changed[held_out] = changed[held_out] * 100 + 7
    changes = {"split": {"external": ["center_3"]}}
    one, other = (study(cases, f, **changes).run().models["combined"].model for f in (features, changed))
    assert one == other


def test_two_lesions_of_a_patient_across_sets() -> None:
    cases, features = cohort()
    cases["patient"] = [f"P{i // 2}" for i in range(60)]
    cases["outcome"] = np.repeat(cases["outcome"].to_numpy()[::2], 2)
    cases["center"] = np.repeat(cases["center"].to_numpy()[::2], 2)
    features = features.assign(volume=1.0 + 1.5 * np.arange(60))
    predictions = study(cases, features, clinical=[]).run().predictions
    assert (predictions.groupby("group")["cohort"].nunique() == 1).all()
    assert (predictions.groupby("group")["case_id"].nunique() == 1).all()
    cases["set"] = np.where(np.arange(60) % 2, "train", "test")
    by_column = study(cases, features, clinical=[], split={"column": "set"}).run()
    assert (by_column.predictions.groupby("group")["cohort"].nunique() == 1).all()
    assert any("cases of 30 patients (P0, P1" in text for text in by_column.warnings)


def test_a_score_fitted_and_fused_on_the_same_patients() -> None:
    """On noise a refitted score would look strong beside age; cross-fitted, its weight is about nothing, or below 0."""
    X, y = noise(80, 300)
    cases = pd.DataFrame({"y": y, "age": np.random.default_rng(1).normal(size=80)}, index=X.index)
    options = Options(folds=2, repeats=1, bootstraps=0, subsamples=2)
    done = Study(cases, outcome="y", clinical=["age"], signatures={"ct": X}, options=options).run()
    table = done.tables["multivariable"].set_index("feature")
    assert table.loc["ct", "statistic"] < 2.6
    train = done.tables["performance"].query("model == 'ct' and source == 'train' and metric == 'auc'")
    assert train["estimate"].iloc[0] > 0.9  # what fusing on the same patients would have seen


def test_a_fusion_behind_a_selector() -> None:
    """Features chosen with the outcome of all cases would make cross-fitted scores as good as refitted ones."""
    X, y = noise()
    outside = make_pipeline(MRMRSelector(n_features=5), FusionClassifier(random_state=0)).set_output(transform="pandas")
    with pytest.raises(LeakageError, match="cross-fitted scores would find them good"):
        outside.fit(X, y)
    inside = make_pipeline(MRMRSelector(n_features=5), LogisticRegression()).set_output(transform="pandas")
    assert abs(FusionClassifier({"ct": inside}, random_state=0).fit(X, y).final_estimator_.coef_[0]) < 1


def test_a_threshold_learnt_again_on_the_test_set(result: Any) -> None:
    """Other outcomes in the test patients change their accuracy, never the threshold."""
    cases, features = cohort()
    tested = result.predictions.query("source == 'test'")["case_id"].unique()
    other = cases.copy()
    first = other.index.isin(tested[: len(tested) // 2])
    other.loc[first, "outcome"] = 1 - other.loc[first, "outcome"]
    other["set"] = np.where(other.index.isin(tested), "test", "train")
    again = study(other, features, split={"column": "set"}).run()
    for name, model in result.models.items():
        assert again.models[name].model.threshold == model.model.threshold
    methods = result.tables["performance"].query("source == 'test' and metric == 'sensitivity'")["method"]
    assert (methods == "Wilson's interval; threshold from training").all()


def test_training_predictions() -> None:
    X, y = noise(p=3)
    p = Predictions(y, probability=np.linspace(0.1, 0.9, 60), source="train")
    for judge in (performance, lambda q: compare_models({"a": q, "b": q}), lambda q: net_benefit({"a": q})):
        with pytest.raises(LeakageError, match="nothing about new patients"):
            judge(p)
    with pytest.raises(LeakageError, match="nested_cv"):
        evaluate(LogisticRegression().fit(X, y), X, y, source="train")
    with pytest.raises(LeakageError, match="were in training"):
        evaluate(LogisticRegression().fit(X, y), X, y, training_ids=X.index)


def test_calibration_or_decision_curves_of_a_refitted_model(result: Any) -> None:
    """They take frozen predictions, and none of training."""
    with pytest.raises((TypeError, AttributeError)):
        net_benefit(LogisticRegression(), *noise())  # type: ignore[arg-type]
    for name in ("calibration", "decision_curve"):
        frame = result.tables[name]
        assert "train" not in set(frame.get("source", pd.Series(dtype=str)))


def test_pooled_folds_in_delong(result: Any) -> None:
    with pytest.raises(LeakageError, match="different models"):
        Predictions([0, 1], probability=[0.2, 0.8], source="out-of-fold")
    folds = Predictions([0, 1], probability=[0.2, 0.8], source="out-of-fold", fold=[0, 1])
    with pytest.raises(LeakageError, match="performance and compare_models"):
        auc(folds, folds)
    table = result.tables["delong"]
    assert set(table.loc[table["source"] == "out-of-fold", "method"]) == {"within-fold pairs"}
    assert set(table["source"]) == {"out-of-fold", "test"}


def test_decision_curves_have_a_range_and_an_interval(result: Any) -> None:
    curve = result.tables["decision_curve"]
    share = cohort()[0]["outcome"].mean()
    assert 0.02 < curve["threshold"].min() < share < curve["threshold"].max() < 0.95
    difference = result.tables["decision_curve_difference"]
    assert (difference["ci_low"] <= difference["difference"]).all()


def test_calibration_is_more_than_one_p_value(result: Any) -> None:
    assert {"slope", "intercept", "ici", "calibration_in_the_large"} <= set(result.tables["calibration"].columns)


def test_few_events_are_said_aloud(result: Any) -> None:
    said = " ".join(result.warnings)
    assert "events in training for 9 candidate predictors" in said
    assert "Riley" in said


def test_p_values_are_counted_and_adjusted(result: Any) -> None:
    from radiokit.report._headline import count_tests, headline

    assert "p_adjusted" in result.tables["delong"]
    assert any(f"{count_tests(result):,} p-values" in text for text in headline(result).cautions)


def test_a_random_split_called_external() -> None:
    cases, features = cohort()
    cases["set"] = np.where(np.arange(60) < 40, "train", "external")
    with pytest.raises(LeakageError, match="call them test"):
        study(cases, features, split={"column": "set"}).run()
    X, y = noise(p=3)
    model = LogisticRegression().fit(X[:40], y[:40])
    with pytest.raises(LeakageError, match="`centers` of these cases"):
        evaluate(model, X[40:], y[40:], source="external")
    centers = np.repeat(["A", "B"], 10)
    with pytest.raises(LeakageError, match=r"to training too \(B\)"):
        evaluate(model, X[40:], y[40:], source="external", centers=centers, training_centers=["B", "C"])
    assert len(evaluate(model, X[40:], y[40:], source="external", centers=centers, training_centers=["C"]))


def test_the_word_external_stands_nowhere_without_an_external_cohort(result: Any, tmp_path: Path) -> None:
    from radiokit.report._methods import methods_text

    assert "external" not in set(result.predictions["source"])
    assert "external" not in " ".join(methods_text(result)).lower()


def test_no_clinical_baseline(result: Any) -> None:
    models = set(result.tables["performance"]["model"])
    assert {"clinical", "prevalence"} <= models
    assert {"clinical", "ct"} <= set(result.tables["delong"][["model_a", "model_b"]].to_numpy().ravel())
    cases, features = cohort()
    without = study(cases, features, clinical=[]).run()
    assert any("No clinical columns" in w for w in without.warnings)


def test_volume_or_scanner_confounding() -> None:
    cases, features = cohort()
    volume = np.exp(features["feature_00"])
    done = study(cases, features.assign(volume=volume)).run()
    selected = done.tables["selected"]
    assert selected.loc[selected["feature"] == "feature_00", "volume_correlation"].iloc[0] == pytest.approx(1)
    assert any("go with the volume" in w for w in done.warnings)
    assert done.tables["confounding"]["center_p_value"].notna().all()


def test_a_centre_that_tells_the_outcome() -> None:
    """Cases from one hospital, controls from another: any difference between scanners predicts."""
    cases, features = cohort()
    cases["center"] = np.where(cases["outcome"] == 1, "A", "B")
    done = study(cases, features, split=None).run()
    assert any("The centre alone predicts the outcome with an AUC of 1.00" in w for w in done.warnings)
    fair = study(cohort()[0], features, split=None).run()
    assert not any("The centre alone" in w for w in fair.warnings)


def test_settings_not_reported(result: Any) -> None:
    assert {"python", "radiokit", "packages", "random_state"} <= set(result.provenance)
    # What is only installed took no part in the numbers.
    assert set(result.provenance["packages"]) == {"numpy", "scipy", "pandas", "scikit-learn", "numba"}
    assert result.models["ct"].card["provenance"] == result.provenance


def test_repeats_of_test_patients(recwarn: Any) -> None:
    """A repeatability selector that holds the test patients' repeats never looks at them; a fold knows its own only."""
    X, y = noise(p=6)
    rng = np.random.default_rng(3)
    repeat = X + 0.1 * rng.normal(size=X.shape)
    selector = RepeatabilitySelector(repeat).fit(X[:40], y[:40])
    spoilt = repeat.copy()
    spoilt[40:] = rng.normal(size=(20, 6))
    again = RepeatabilitySelector(spoilt).fit(X[:40], y[:40])
    pd.testing.assert_frame_equal(selector.scores_, again.scores_)
    assert set(selector.case_ids_) <= set(X.index[:40])
    assert not [w for w in recwarn if issubclass(w.category, DataWarning)]


def test_a_resample_finds_the_repeats_of_its_cases() -> None:
    """Ids are kept in a bootstrap: whole numbers as ids must not be taken for positions."""
    X, y = noise(p=4)
    X.index = pd.Index(np.arange(60)[::-1] + 10, name="case_id")
    repeat = X + 0.1 * np.random.default_rng(0).normal(size=X.shape)
    repeat["f3"] = np.random.default_rng(1).normal(size=60)
    kept = make_pipeline(RepeatabilitySelector(repeat), LogisticRegression())
    table = optimism_bootstrap(kept, X, y, n_bootstraps=5, random_state=0)
    assert table["n_bootstraps"].iloc[0] == 5
    plain = optimism_bootstrap(LogisticRegression(), X[["f0", "f1", "f2"]], y, n_bootstraps=5, random_state=0)
    np.testing.assert_allclose(table["corrected"], plain["corrected"])
