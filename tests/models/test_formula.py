"""A formula is a parameter of a model: cloned, pickled, learnt anew in every fit; and the test of two nested models."""

from __future__ import annotations

import pickle
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.model_selection import cross_val_score

from radiokit.exceptions import DataWarning, InputError, OutcomeError, ParameterError
from radiokit.models import CalibratedModel, LogisticModel, likelihood_ratio, multivariable_table, univariable_table
from radiokit.stats import format_model_table
from radiokit.survival import CoxModel, RiskStratifier, as_target
from radiokit.survival.competing_risks import FineGray
from radiokit.validation import calibration_curve_corrected, nested_cv, optimism_bootstrap
from radiokit.validation.metrics import rank_auc

RIGHT = "rcs(age, 4) + C(stage) + `size <mm>`"
RAW = ["age", "stage", "size <mm>"]


@pytest.fixture(scope="module")
def data() -> pd.DataFrame:
    rng = np.random.default_rng(5)
    n = 240
    age, stage = rng.normal(60, 10, n), rng.choice(["I", "II", "III"], n)
    risk = 0.08 * (age - 60) + 0.8 * (stage == "III")
    time, other = rng.exponential(np.exp(-risk)), rng.exponential(2, n)
    censored = rng.exponential(3, n)
    cause = np.where(censored < np.minimum(time, other), 0, np.where(time < other, 1, 2))
    return pd.DataFrame(
        {
            "size <mm>": rng.gamma(9, 3, n),
            "age": age,
            "stage": stage,
            "y": (risk + rng.logistic(size=n) > 0).astype(int),
            "time": np.minimum(np.minimum(time, other), censored),
            "cause": cause,
            "event": cause == 1,
            "center": rng.choice(list("AB"), n),
        },
        index=[f"P{i:03d}" for i in range(n)],
    )


def outcome(data: pd.DataFrame, kind: type) -> object:
    if kind is LogisticModel:
        return data["y"]
    return data[["time", "cause"]] if kind is FineGray else as_target(data["event"], data["time"])


LEFT = {LogisticModel: "y", CoxModel: "Surv(time, event)", FineGray: "Surv(time, cause)"}
KINDS = pytest.mark.parametrize("kind", list(LEFT), ids=lambda k: k.__name__)


@KINDS
def test_every_way_to_fit_is_one_model(data: pd.DataFrame, kind: type) -> None:
    formula = f"{LEFT[kind]} ~ {RIGHT}"
    want = kind(formula).fit(data)
    shuffled = data.sample(frac=1, random_state=0)
    y = outcome(data, kind)
    ways = {
        "short form": kind.from_formula(formula, data),
        "X and y": kind(formula).fit(data[RAW], y),
        "columns in another order, and others": kind(formula).fit(data[RAW[::-1]].assign(more="text"), y),
        "right side only": kind(f"~ {RIGHT}").fit(data[RAW], y),
        "rows in another order": kind(formula).fit(shuffled),
        "set_params": kind().set_params(formula=formula).fit(data),
        "pickled": pickle.loads(pickle.dumps(kind(formula))).fit(data),
        "cloned when fitted": clone(want).fit(data),
    }
    for way, model in ways.items():
        pd.testing.assert_frame_equal(model.summary_, want.summary_, rtol=1e-8, obj=way)
    score = "decision_function" if kind is LogisticModel else "predict"
    loaded = pickle.loads(pickle.dumps(want))
    np.testing.assert_allclose(getattr(loaded, score)(data[RAW]), getattr(want, score)(data[RAW[::-1]]), rtol=1e-12)
    assert clone(want).get_params() == want.get_params()
    assert want.feature_names_in_.tolist() == RAW or sorted(want.feature_names_in_) == sorted(RAW)


@KINDS
def test_knots_and_levels_are_learnt_in_each_fit(data: pd.DataFrame, kind: type) -> None:
    model = kind(f"{LEFT[kind]} ~ {RIGHT}").fit(data)
    knots = model.design_.terms[0].knots
    older = data[(data["age"] > 60) & (data["stage"] != "I")]
    model.fit(older)
    assert model.design_.terms[0].knots[0] > knots[0]
    assert model.design_.terms[1].levels == ("II", "III")
    with pytest.raises(InputError, match="levels \\['I'\\]"):
        model.predict(data)


@KINDS
def test_an_outcome_is_needed_and_a_given_one_counts(data: pd.DataFrame, kind: type) -> None:
    with pytest.raises(ParameterError, match="required on its left"):
        kind("~ age").fit(data)
    with pytest.raises(InputError, match="names wrong"):
        kind(f"{LEFT[kind]} ~ wrong").fit(data)
    with pytest.raises(ValueError, match="y"):
        kind().fit(data[["age"]])
    other = outcome(data.iloc[::-1].set_axis(data.index), kind)
    given = kind(f"{LEFT[kind]} ~ age").fit(data, other).summary_
    assert not np.isclose(given["coef"].iloc[-1], kind(f"{LEFT[kind]} ~ age").fit(data).summary_["coef"].iloc[-1])


@KINDS
def test_incomplete_rows_leave_with_all_that_is_beside_them(data: pd.DataFrame, kind: type) -> None:
    holes = data.copy()
    holes.loc[holes.index[:40], "age"] = np.nan
    formula = f"{LEFT[kind]} ~ age + stage"
    with pytest.warns(DataWarning, match="40 of 240 rows"):
        model = kind(formula).fit(holes)
    pd.testing.assert_frame_equal(model.summary_, kind(formula).fit(data.iloc[40:]).summary_, rtol=1e-9)
    with pytest.warns(DataWarning, match="40 of 240 rows"):
        model = kind(formula).fit(holes[["age", "stage"]], outcome(holes, kind))
    pd.testing.assert_frame_equal(model.summary_, kind(formula).fit(data.iloc[40:]).summary_, rtol=1e-9)


def test_weights_and_clusters_stay_with_their_rows(data: pd.DataFrame) -> None:
    weights = np.random.default_rng(0).integers(1, 4, len(data))
    holes = data.assign(age=data["age"].where(np.arange(len(data)) >= 40))
    with pytest.warns(DataWarning, match="40 of 239"):  # the case of weight 0 has gone before
        model = LogisticModel("y ~ age + stage").fit(holes, sample_weight=np.r_[weights[:40], 0, weights[41:]])
    want = LogisticModel("y ~ age + stage").fit(data.iloc[41:], sample_weight=weights[41:])
    pd.testing.assert_frame_equal(model.summary_, want.summary_, rtol=1e-9)
    cox, formula = CoxModel("Surv(time, event) ~ age", strata="center"), np.arange(len(data)) // 2
    with pytest.warns(DataWarning, match="40 of 240"):
        model = clone(cox).fit(holes, sample_weight=weights, cluster=formula)
    want = clone(cox).fit(data.iloc[40:], sample_weight=weights[40:], cluster=formula[40:])
    pd.testing.assert_frame_equal(model.summary_, want.summary_, rtol=1e-9)
    assert want.design_.names == ["age"]


def test_a_dot_leaves_outcome_and_strata_out(data: pd.DataFrame) -> None:
    model = CoxModel("Surv(time, event) ~ .", strata="center").fit(data.drop(columns=["y", "cause"]))
    assert model.design_.names == ["size <mm>", "age", "stage=II", "stage=III"]


def test_a_factor_may_start_from_another_level(data: pd.DataFrame) -> None:
    model = LogisticModel("y ~ C(stage, reference='III')").fit(data)
    assert model.design_.names == ["stage=I", "stage=II"]
    plain = LogisticModel("y ~ stage").fit(data).summary_["coef"]
    assert model.summary_.loc["stage=I", "coef"] == pytest.approx(-plain["stage=III"], rel=1e-9)
    with pytest.raises(InputError, match="no level 'IV'"):
        LogisticModel("y ~ C(stage, reference='IV')").fit(data)


# R 4.2.2, rms 6.5: validate(lrm(y ~ rcs(u, 5), x = TRUE, y = TRUE), B = 200) on the same file: Dxy gives AUC 0.8930
# apparent, 0.8824 corrected, slope 0.923. The corrected values are means of 200 resamples.
def test_bootstrap_of_a_spline_as_rms(shared: Path) -> None:
    d = pd.read_csv(shared / "data/faults/stats/spline_outcome.csv")
    model = LogisticModel.from_formula("y ~ rcs(u, 5)", d)
    table = optimism_bootstrap(model, d[["u"]], d["y"], n_bootstraps=100, random_state=0).set_index("metric")
    assert table.loc["auc", "apparent"] == pytest.approx(0.8930, abs=5e-4)
    assert table.loc["auc", "corrected"] == pytest.approx(0.8824, abs=0.006)
    assert table.loc["calibration_slope", "corrected"] == pytest.approx(0.923, abs=0.03)
    assert cross_val_score(model, d[["u"]], d["y"], scoring="roc_auc", cv=5).mean() > 0.85


@pytest.mark.parametrize("kind", [LogisticModel, CoxModel])
def test_factors_and_splines_can_be_validated(data: pd.DataFrame, kind: type) -> None:
    model, y = kind(f"{LEFT[kind]} ~ {RIGHT}"), outcome(data, kind)
    table = optimism_bootstrap(model, data[RAW], y, n_bootstraps=5, random_state=0)
    assert np.isfinite(table["corrected"]).all()
    assert np.isfinite(nested_cv(model, data[RAW], y, outer=3, repeats=1, random_state=0).summary["estimate"]).all()
    if kind is CoxModel:
        assert np.isfinite(RiskStratifier(model).fit(data[RAW], y).thresholds_).all()
    if kind is LogisticModel:
        calibrated = CalibratedModel(model, cv=3, random_state=0).fit(data[RAW], y)
        assert rank_auc(data["y"].to_numpy() == 1, calibrated.predict_proba(data[RAW])[:, 1]) > 0.6
        curve = calibration_curve_corrected(model, data[RAW], y, grid=[0.3, 0.6], n_bootstraps=5, random_state=0)
        assert np.isfinite(curve["corrected"]).all()


def test_a_resample_that_lost_a_level_is_left_out_and_counted(data: pd.DataFrame) -> None:
    rare = data.assign(stage=data["stage"].where(np.arange(len(data)) != 7, "IV"))
    model = LogisticModel("y ~ age + stage", penalty=0.01)  # one case alone in its level would be separated
    with pytest.warns(DataWarning, match=r"of 20 resamples could not be fitted"):
        table = optimism_bootstrap(model, rare[["age", "stage"]], rare["y"], n_bootstraps=20, random_state=0)
    # The patient is absent from a resample with probability (1 - 1/240)^240 = 0.367.
    assert 8 <= table["n_bootstraps"].iloc[0] <= 18
    assert "IV" in " ".join(table.attrs["warnings"])


def test_a_declared_level_that_no_row_has_is_scored_as_the_reference(data: pd.DataFrame) -> None:
    rare = data.assign(stage=data["stage"].where(np.arange(len(data)) != 7, "IV").astype("category"))
    model = LogisticModel("y ~ age + stage").fit(rare.drop(index="P007"))
    assert model.design_.names == ["age", "stage=II", "stage=III"]
    with pytest.warns(DataWarning, match="1 rows hold the levels .'IV'.*reference level 'I'"):
        found = model.decision_function(rare.loc[["P007"]])
    assert found[0] == model.decision_function(rare.loc[["P007"]].assign(stage="I"))[0]
    with pytest.raises(InputError, match="'V'"):
        model.predict(rare.loc[["P007"]].assign(stage="V"))
    with pytest.warns(DataWarning, match="one level only"):
        assert LogisticModel("y ~ age + stage").fit(rare[rare["stage"] == "II"]).design_.names == ["age"]


def test_numbers_in_object_columns_are_numbers(data: pd.DataFrame) -> None:
    want = LogisticModel("y ~ age + stage").fit(data).summary_
    for same in (data["age"].astype(object), data["age"].astype("Float64"), data["age"].map(lambda v: np.float64(v))):
        pd.testing.assert_frame_equal(LogisticModel("y ~ age + stage").fit(data.assign(age=same)).summary_, want)
    table = univariable_table(data[["age"]].astype(object), data["y"])
    assert table.index.tolist() == ["age"]
    mixed = data.assign(age=["unknown", *data["age"].iloc[1:]])
    with pytest.raises(InputError, match="'age' mixes numbers with other values"):
        LogisticModel("y ~ age").fit(mixed)
    with pytest.raises(InputError, match="'age' mixes numbers"):
        univariable_table(mixed[["age"]], data["y"])
    with pytest.raises(InputError, match="written as text"):
        LogisticModel("y ~ age").fit(data.assign(age=data["age"].astype(str)))
    with pytest.raises(InputError, match="dates"):
        LogisticModel("y ~ seen").fit(data.assign(seen=pd.Timestamp("2020-01-01")))


def test_labels_in_another_order_are_an_error(data: pd.DataFrame) -> None:
    for kind in LEFT:
        y = outcome(data, kind)
        y = pd.DataFrame(y, index=data.index) if kind is CoxModel else y
        with pytest.raises(InputError, match="another order"):
            kind().fit(data[["age"]], y.sample(frac=1, random_state=0))


def test_what_cannot_be_fitted_is_named(data: pd.DataFrame) -> None:
    hole = data.assign(age=data["age"].where(data.index != "P003"))
    for kind in LEFT:
        y = outcome(data, kind)
        with pytest.raises(InputError, match="1 of 240 rows: age"):
            kind().fit(hole[["age"]], y)
        with pytest.raises(InputError, match="repeats the column 'age'"):
            kind().fit(data[["age", "age"]], y)
        with pytest.raises(InputError, match=r"stage.*hold text"):
            kind().fit(data[["age", "stage"]], y)
        with pytest.raises(InputError, match="x0"):
            kind().fit(hole[["age"]].to_numpy(), y)


# R 4.2.2: anova(glm(y ~ age), glm(y ~ age + cea), test = "LRT") on the 160 rows that have cea: 3.4233, p 0.0643.
def test_likelihood_ratio_needs_the_same_cases(shared: Path) -> None:
    d = pd.read_csv(shared / "data/faults/stats/missing_cea.csv")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DataWarning)
        whole = LogisticModel("y ~ age").fit(d), LogisticModel("y ~ age + cea").fit(d)
    with pytest.raises(InputError, match="200 and 160 cases"):
        likelihood_ratio(*whole)
    common = d.dropna(subset=["cea"])
    small, large = LogisticModel("y ~ age").fit(common), LogisticModel("y ~ age + cea").fit(common)
    test = likelihood_ratio(small, large)
    assert test.statistic == pytest.approx(3.4233, abs=5e-5)
    assert test.p_value == pytest.approx(0.0643, abs=5e-5)
    shuffled = LogisticModel("y ~ age + cea").fit(common.sample(frac=1, random_state=0))
    assert likelihood_ratio(small, shuffled).statistic == pytest.approx(test.statistic, rel=1e-9)


def test_likelihood_ratio_refuses_what_is_not_comparable(data: pd.DataFrame) -> None:
    small, large = LogisticModel("y ~ age"), LogisticModel("y ~ age + stage")
    other = data.assign(y=1 - data["y"])
    cases = {
        "240 and 200 cases": (clone(small).fit(data), clone(large).fit(data.iloc[:200])),
        "different cases": (small.fit(data.iloc[:200]), clone(large).fit(data.iloc[40:])),
        "different outcome": (clone(small).fit(data), clone(large).fit(other)),
        "different weights": (clone(small).fit(data), clone(large).fit(data, sample_weight=np.r_[2, np.ones(239)])),
        "of one class": (clone(small).fit(data), CoxModel("Surv(time, event) ~ age + stage").fit(data)),
        "without a penalty": (clone(small).fit(data), LogisticModel("y ~ age + stage", firth=True).fit(data)),
        "not nested": (LogisticModel("y ~ rcs(age, 3)").fit(data), LogisticModel("y ~ rcs(age, 5)").fit(data)),
    }
    for message, pair in cases.items():
        with pytest.raises(InputError, match=message):
            likelihood_ratio(*pair)
    cox = "Surv(time, event) ~ age", "Surv(time, event) ~ age + stage"
    pairs = {
        "different strata": (CoxModel(cox[0]).fit(data), CoxModel(cox[1], strata="center").fit(data)),
        "ties='efron'": (CoxModel(cox[0]).fit(data), CoxModel(cox[1], ties="breslow").fit(data)),
        "robust": (CoxModel(cox[0]).fit(data), CoxModel(cox[1], robust=True).fit(data)),
        "different outcome": (CoxModel(cox[0]).fit(data), CoxModel(cox[1]).fit(data.assign(time=data["time"] + 1))),
    }
    for message, pair in pairs.items():
        with pytest.raises(InputError, match=message):
            likelihood_ratio(*pair)
    clustered = CoxModel(cox[1]).fit(data, cluster=np.arange(240) // 2)
    with pytest.raises(InputError, match="robust"):
        likelihood_ratio(CoxModel(cox[0]).fit(data), clustered)


# R 4.2.2, survival 3.5: anova(coxph(Surv(time, status) ~ age), coxph(Surv(time, status) ~ age + ecog + sex)) and with
# rcs(age, 4), on the lung data: the values of the oracles.
def test_likelihood_ratio_of_cox_models_as_r(shared: Path) -> None:
    values = pd.read_csv(shared / "oracles/values2.csv").set_index(["id", "field"])["value"]
    lung = pd.read_csv(shared / "oracles/data2/lung.csv")
    for name, small, large in (("main", "age", "age + ecog + sex"), ("spline", "age", "rcs(age, 4)")):
        models = [CoxModel(f"Surv(time, status) ~ {right}").fit(lung) for right in (small, large)]
        test = likelihood_ratio(*models)
        assert test.statistic == pytest.approx(values[f"lrt.cox.{name}", "statistic"], rel=1e-6)
        assert test.df == values[f"lrt.cox.{name}", "df"]
        assert test.p_value == pytest.approx(values[f"lrt.cox.{name}", "p_value"], rel=1e-6)


def test_likelihood_ratio_of_fine_and_gray_says_what_it_is(data: pd.DataFrame) -> None:
    small, large = FineGray("Surv(time, cause) ~ age").fit(data), FineGray("Surv(time, cause) ~ age + stage").fit(data)
    with pytest.warns(DataWarning, match="pseudo-likelihood"):
        test = likelihood_ratio(small, large)
    assert test.df == 2
    gain = large.likelihood_ratio_.statistic - small.likelihood_ratio_.statistic
    assert test.statistic == pytest.approx(gain, rel=1e-9)
    with pytest.raises(InputError, match="cause=1 and 2"):
        likelihood_ratio(small, FineGray("Surv(time, cause) ~ age + stage", cause=2).fit(data))


def test_tables_of_a_survival_outcome_are_cox_models(data: pd.DataFrame) -> None:
    """Each row is the Cox model of its variable (Efron's ties), a factor against its first level; as coxph."""
    X, y = data[["age", "stage"]].assign(flat=1.0), as_target(data["event"], data["time"])
    holes = X.assign(age=X["age"].where(np.arange(len(X)) >= 30))
    table = univariable_table(holes, y)
    assert table.index.tolist() == ["age", "stage=II", "stage=III", "flat"]
    assert table["n"].tolist() == [210, 240, 240, 240]
    assert table["n_events"].tolist()[0] == y["event"][30:].sum()
    assert table.loc["flat", ["coef", "hazard_ratio"]].isna().all()
    for formula, rows in (("age", ["age"]), ("C(stage)", ["stage=II", "stage=III"])):
        part = data.iloc[30:] if formula == "age" else data
        want = CoxModel(f"Surv(time, event) ~ {formula}").fit(part).summary_
        pd.testing.assert_frame_equal(table.loc[rows, want.columns], want, rtol=1e-10)
    together = multivariable_table(X[["age", "stage"]], y)
    want = CoxModel("Surv(time, event) ~ age + stage").fit(data).summary_
    pd.testing.assert_frame_equal(together[want.columns], want, rtol=1e-10)
    assert together["reference"].tolist() == ["", "I", "I"]
    assert format_model_table(together).columns.tolist() == ["Characteristic", "HR (95% CI)", "p"]
    for direction in ("forward", "backward", "both"):
        with pytest.warns(DataWarning, match="Stepwise"):
            kept = multivariable_table(data[["age", "size <mm>"]], y, stepwise=direction)
        assert kept.index.tolist() == ["age"]
    with pytest.raises(ParameterError, match="firth"):
        univariable_table(X, y, firth=True)
    with pytest.raises(OutcomeError, match="no event"):
        univariable_table(X, as_target(np.zeros(len(X)), data["time"]))


def test_numbered_columns_are_named_as_text(data: pd.DataFrame) -> None:
    numbered = data.rename(columns={"age": 7})
    model = LogisticModel("y ~ `7` + stage").fit(numbered)
    pd.testing.assert_series_equal(
        model.summary_["coef"], LogisticModel("y ~ age + stage").fit(data).summary_["coef"].rename({"age": "7"})
    )
    np.testing.assert_array_equal(model.predict(numbered), model.predict(data.rename(columns={"age": "7"})))


def test_a_missing_class_is_counted(data: pd.DataFrame) -> None:
    y = data["y"].astype(float).where(data.index != "P001")
    with pytest.raises(OutcomeError, match="1 missing values of 240"):
        LogisticModel("y ~ age").fit(data, y)
    with pytest.raises(ValueError, match="NaN"):
        LogisticModel().fit(data[["age"]], y)
