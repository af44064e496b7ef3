"""ComBat: equal to sva (reference values), sound laws, and doors that stay shut."""

from __future__ import annotations

import json
import warnings

import numpy as np
import pandas as pd
import pytest
from sklearn.utils.estimator_checks import check_estimator

from radiokit.exceptions import DataWarning, InputError, LeakageError, ParameterError
from radiokit.harmonization import ComBat


def cohort(n: int = 60, p: int = 8, seed: int = 0) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    X = pd.DataFrame(rng.normal(10, 2, size=(n, p)), columns=[f"f{j}" for j in range(p)])
    X["center"] = rng.permutation(np.repeat(["A", "B", "C"], n // 3))
    shift = X["center"].map({"A": 0.0, "B": 4.0, "C": -3.0}).to_numpy()[:, None]
    scale = X["center"].map({"A": 1.0, "B": 2.0, "C": 0.5}).to_numpy()[:, None]
    features = X.columns[:-1]
    X[features] = X[features].to_numpy() * scale + shift
    return X


def combat(**parameters) -> ComBat:
    return ComBat(batch="center", **parameters).set_output(transform="pandas")


@pytest.mark.parametrize(
    ("variant", "parameters"),
    [
        ("parametric", {}),
        ("nonparametric", {"parametric": False}),
        ("mean_only", {"mean_only": True}),
        ("ref_batch", {"reference": "b2"}),
    ],
)
def test_equals_sva(shared, variant, parameters) -> None:
    oracle = json.loads((shared / "oracles/values/shared_08_agreement_combat.json").read_text())["results"]
    data = pd.read_csv(shared / "oracles/data/shared_combat.csv")
    features = oracle["radiomics.features"]["value"]
    value = oracle[f"radiomics.nocov.{variant}"]["value"]
    expected = np.array(value["data"]).T
    X = data[["batch", *features]]
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "ComBat.mean_only=True. leaves", DataWarning)
        got = ComBat(batch="batch", **parameters).fit(X).transform(X)
    # sva stops its iteration at a relative change of 1e-4
    loose = 5e-5 if variant in ("parametric", "ref_batch") else 1e-8
    np.testing.assert_allclose(got, expected, atol=loose * expected.std(axis=0).max(), rtol=loose)


def test_order_of_cases_does_not_matter() -> None:
    X = cohort()
    shuffled = X.sample(frac=1, random_state=1)
    pd.testing.assert_frame_equal(combat().fit_transform(shuffled).loc[X.index], combat().fit_transform(X))


def test_affine_change_of_a_feature_commutes() -> None:
    """Units are arbitrary: a feature in other units is harmonised to the same values in those units."""
    X = cohort()
    changed = X.assign(f0=3 * X["f0"] + 7)
    expected = 3 * combat().fit_transform(X)["f0"] + 7
    np.testing.assert_allclose(combat().fit_transform(changed)["f0"], expected, rtol=1e-9)


def test_later_cases_do_not_change_what_was_learnt() -> None:
    X = cohort(90)
    train, later = X.iloc[:60], X.iloc[60:]
    model = combat().fit(train)
    together = model.transform(X)
    pd.testing.assert_frame_equal(together.iloc[60:], model.transform(later))
    pd.testing.assert_frame_equal(together.iloc[60:61], model.transform(later.iloc[:1]))


def test_the_reference_batch_stays_as_it_is() -> None:
    X = cohort()
    result = combat(reference="B").fit_transform(X)
    rows = X["center"] == "B"
    pd.testing.assert_frame_equal(result[rows], X.loc[rows, result.columns])


def test_a_covariate_keeps_its_effect() -> None:
    X = cohort(120)
    X["grade"] = np.where(np.arange(len(X)) % 2, "high", "low")
    X["f0"] += np.where(X["grade"] == "high", 5.0, 0.0)
    y = np.random.default_rng(1).permutation(np.arange(len(X)) % 2)
    result = combat(covariates=("grade",)).fit_transform(X, y)
    difference = result["f0"].groupby(X["grade"]).mean()
    assert difference["high"] - difference["low"] > 4


def test_unseen_batch() -> None:
    X = cohort()
    train, other = X[X["center"] != "C"], X[X["center"] == "C"]
    with pytest.raises(InputError, match="batch C was not in training"):
        combat().fit(train).transform(other)
    model = combat(unseen="estimate").fit(train)
    moved = model.transform(other).mean() - model.transform(train).mean()
    before = other[moved.index].mean() - train[moved.index].mean()
    assert (moved.abs() < 0.2 * before.abs()).all()


def test_a_feature_without_variance_in_a_batch_is_left_alone() -> None:
    X = cohort()
    X.loc[X["center"] == "A", "f1"] = 1.0
    result = combat().fit_transform(X)
    pd.testing.assert_series_equal(result["f1"], X["f1"])
    without = combat().fit_transform(X.drop(columns="f1"))
    pd.testing.assert_frame_equal(result.drop(columns="f1"), without)


def test_the_outcome_is_no_covariate() -> None:
    X = cohort()
    y = np.arange(len(X)) % 2
    X["response"] = np.where(y == 1, "yes", "no")
    with pytest.raises(LeakageError, match="'response' is the outcome"):
        combat(covariates=("response",)).fit(X, y)
    with pytest.warns(DataWarning, match="response, and was given no outcome"):
        combat(covariates=("response",)).fit(X)


def test_the_outcome_is_no_batch() -> None:
    """Where each centre has one class, ComBat would take the outcome out of the features, of test cases too."""
    X = cohort()
    with pytest.raises(LeakageError, match="batch 'center' is the outcome"):
        combat().fit(X, (X["center"] == "A").to_numpy().astype(int))


@pytest.mark.parametrize(
    ("change", "parameters", "error", "message"),
    [
        (lambda X: X.drop(columns="center"), {}, InputError, "no column 'center'"),
        (
            lambda X: X.assign(center=X["center"].where(X.index > 0)),
            {},
            InputError,
            "missing values in 1 of 60 cases .0.",
        ),
        (lambda X: X.assign(center=X["center"].where(X.index != 4, " ")), {}, InputError, "1 of 60 cases .4."),
        (lambda X: X.assign(f0=X["f0"].where(X.index > 0)), {}, ValueError, "NaN"),
        (lambda X: X.assign(center=["Z", *X["center"][1:]]), {}, InputError, "batch Z has one case"),
        (lambda X: X.assign(f0="text"), {}, InputError, "hold text"),
        (lambda X: X, {"mean_only": "yes"}, ParameterError, "mean_only is 'yes'"),
        (lambda X: X, {"reference": "Q"}, ParameterError, "reference is 'Q'"),
        (lambda X: X, {"unseen": "guess"}, ParameterError, "unseen is 'guess'"),
    ],
)
def test_bad_input_says_what_is_wrong(change, parameters, error, message) -> None:
    with pytest.raises(error, match=message):
        combat(**parameters).fit(change(cohort()))


def test_a_covariate_that_is_the_centre_is_refused() -> None:
    X = cohort()
    with pytest.raises(InputError, match="confounded"):
        combat(covariates=("site",)).fit(X.assign(site=X["center"]), np.arange(len(X)) % 2)


def test_one_batch_passes_unchanged_and_says_so() -> None:
    X = cohort().assign(center="A")
    with pytest.warns(DataWarning, match="one batch only"):
        result = combat().fit_transform(X)
    pd.testing.assert_frame_equal(result, X[result.columns])


class BatchOfFirstColumn(ComBat):
    """A test-only shim: scikit-learn's checks know no batches, so the first column's last digits name one of two."""

    def __init__(self) -> None:
        super().__init__(batch=0, unseen="estimate", mean_only=True)

    def get_params(self, deep: bool = True) -> dict:
        return {}

    def _split(self, table: pd.DataFrame):
        batch, values = super()._split(table)
        return np.floor(np.abs(np.asarray(batch, dtype=float)) * 1000).astype(int) % 2, values


def test_scikit_learn_checks() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        check_estimator(BatchOfFirstColumn(), on_skip=None)


def test_a_number_that_differs_in_every_case_is_no_outcome() -> None:
    """Age and follow-up time both differ in every patient; that makes neither the other."""
    rng = np.random.default_rng(0)
    X = cohort().assign(age=rng.normal(60, 9, 60))
    y = pd.DataFrame({"event": rng.random(60) < 0.5, "time": rng.exponential(size=60)})
    combat(covariates=("age",)).fit(X, y)
    with pytest.raises(LeakageError, match="'age' is the outcome"):
        combat(covariates=("age",)).fit(X.assign(age=y["time"]), y)


def noise(n: int, p: int = 30, shift: float = 1.0) -> pd.DataFrame:
    """Noise with a different shift of every feature in the second centre, and no difference in spread."""
    rng = np.random.default_rng(4)
    X = pd.DataFrame(rng.normal(size=(n, p)), columns=[f"f{j}" for j in range(p)])
    X["center"] = np.repeat(["A", "B"], n // 2)
    X.loc[X["center"] == "B", X.columns[:-1]] += rng.normal(0, shift, p)
    return X


@pytest.mark.parametrize("n", [40, 400])
def test_mean_only_says_what_it_leaves_and_with_n_takes_it_out(n: int) -> None:
    """sva's shrinkage leaves (1 + prior) / (1 + tau2) of a difference whatever n is; n tau2 in its place removes it."""
    X = noise(n)
    before = X.groupby("center").mean().diff().iloc[1]
    with pytest.warns(DataWarning, match=r"leaves \d\d to \d\d % of the differences between batches.*'with_n'"):
        sva = combat(mean_only=True).fit(X)
    left = sva.transform(X).groupby(X["center"]).mean().diff().iloc[1]
    assert 0.4 < np.sqrt((left**2).mean() / (before**2).mean()) < 0.98
    with_n = combat(mean_only="with_n").fit(X)
    after = with_n.transform(X).groupby(X["center"]).mean().diff().iloc[1]
    assert np.sqrt((after**2).mean() / (before**2).mean()) < (0.2 if n == 40 else 0.02)
    assert with_n.left_.max() < (0.2 if n == 40 else 0.02)
    # What `left_` says is what the features show, on the standardised scale.
    z = (sva.transform(X) - sva.grand_mean_) / sva.pooled_sd_
    z0 = (X[z.columns] - sva.grand_mean_) / sva.pooled_sd_
    for center, share in sva.left_.items():
        rows = X["center"] == center
        want = np.sqrt((z[rows].mean() ** 2).mean() / (z0[rows].mean() ** 2).mean())
        assert share == pytest.approx(want, rel=1e-9)


def test_full_combat_leaves_little_and_keeps_silent() -> None:
    assert combat().fit(noise(200)).left_.max() < 0.1


def test_the_shrinkage_with_n_is_that_of_full_combat_for_equal_spread() -> None:
    """Posterior mean of a location, n cases of unit variance, prior N(m, tau2): (n tau2 x + m) / (n tau2 + 1)."""
    X = noise(60)
    model = combat(mean_only="with_n").fit(X)
    z = (X[X["center"] == "B"].drop(columns="center") - model.grand_mean_) / model.pooled_sd_
    location = z.mean()
    tau2, prior = location.var(), location.mean()
    np.testing.assert_allclose(model.gamma_.loc["B"], (30 * tau2 * location + prior) / (30 * tau2 + 1), rtol=1e-10)


def test_two_spellings_are_one_batch_and_said() -> None:
    X = cohort()
    spelt = X.assign(center=X["center"].where(X.index % 3 > 0, X["center"].str.lower() + " "))
    with pytest.warns(DataWarning, match="in several ways, read as one"):
        model = combat().fit(spelt)
    plain = combat().fit(X)
    assert model.batches_.tolist() == ["A", "B", "C"]
    pd.testing.assert_frame_equal(model.transform(spelt), plain.transform(X))
    pd.testing.assert_frame_equal(plain.transform(spelt), plain.transform(X))
    numbered = X.assign(center=X["center"].map({"A": 1, "B": 2, "C": 3}))
    text = numbered.assign(center=numbered["center"].astype(float).astype(str).str.removesuffix(".0"))
    pd.testing.assert_frame_equal(combat().fit(numbered).transform(text), plain.transform(X))
    same = combat(reference="b").fit_transform(X)
    pd.testing.assert_frame_equal(same, combat(reference="B").fit_transform(X))


def test_a_covariate_of_dtype_object_is_a_number() -> None:
    rng = np.random.default_rng(0)
    X = cohort().assign(age=rng.normal(60, 9, 60))
    y = np.arange(60) % 2
    want = combat(covariates=("age",)).fit_transform(X, y)
    pd.testing.assert_frame_equal(combat(covariates=("age",)).fit_transform(X.astype({"age": object}), y), want)
    with pytest.raises(InputError, match="'age' mixes numbers"):
        combat(covariates=("age",)).fit(X.assign(age=["unknown", *X["age"][1:]]), y)
    graded = X.assign(grade=np.where(np.arange(60) % 2, "high", "low")).drop(columns="age")
    outcome = rng.permutation(y)
    model = combat(covariates=("grade",)).fit(graded, outcome)
    pd.testing.assert_frame_equal(
        model.transform(graded.assign(grade=graded["grade"].str.upper())), model.transform(graded)
    )
    with pytest.raises(InputError, match="covariate 'grade' holds none"):
        model.transform(graded.assign(grade="none"))


def test_ids_and_counters_are_not_harmonised() -> None:
    rng = np.random.default_rng(0)
    X = pd.DataFrame(rng.normal(size=(24, 2)), columns=["a", "b"]).assign(center=np.resize(["L", "M"], 24))
    with pytest.warns(DataWarning, match="PatientID, nr, which names cases or counts rows"):
        model = ComBat(batch="center").fit(X.assign(PatientID=rng.permutation(900)[:24], nr=range(24)))
    assert list(model.get_feature_names_out()) == ["a", "b"]
    with pytest.raises(ParameterError, match="batch is a Series; required: the name of a column of X"):
        ComBat(batch=X["center"]).fit(X)  # type: ignore[arg-type]
