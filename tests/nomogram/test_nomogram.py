"""Nomograms: rms' points, predictions equal to the model's, foreign models, and the page in a browser."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.base import BaseEstimator
from sklearn.linear_model import LogisticRegression, RidgeClassifier
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.svm import SVC

from radiokit.exceptions import FileError, InputError
from radiokit.models import LogisticModel
from radiokit.nomogram import Nomogram
from radiokit.nomogram._pretty import pretty
from radiokit.plotting import NomogramDisplay
from radiokit.survival import CoxModel, as_target
from radiokit.survival.competing_risks import FineGray


@pytest.fixture(scope="module")
def oracle(shared: Path) -> dict[str, Any]:
    return json.loads((shared / "oracles/values/shared_05_logistic_nomogram.json").read_text())["results"]


@pytest.fixture
def data() -> pd.DataFrame:
    rng = np.random.default_rng(0)
    table = pd.DataFrame({"age": rng.normal(60, 10, 150), "size <mm>": rng.gamma(4, 8, 150)})
    table["stage"] = rng.choice(["I", "II", "III & IV"], 150)
    risk = 0.05 * (table["age"] - 60) + 0.03 * (table["size <mm>"] - 30) + (table["stage"] == "II")
    table["y"] = (risk + rng.logistic(size=150) > 0).astype(int)
    table["time"] = np.ceil(rng.exponential(30 * np.exp(-risk)))
    table["event"] = rng.random(150) < 0.8
    return table


FORMULA = "y ~ rcs(age, 4) + `size <mm>` + C(stage)"


@pytest.mark.parametrize("name", ["linear", "rcs4", "catonly"])
def test_points_as_rms(name: str, oracle: dict[str, Any], shared: Path) -> None:
    birthwt = pd.read_csv(shared / "oracles/data/shared_logit.csv", float_precision="round_trip")
    formula = re.search(r"lrm\((.*?)(, eps.*)?\)$", oracle[f"{name}.lrm.coef"]["call"]).group(1)  # type: ignore[union-attr]
    nomogram = Nomogram.from_model(LogisticModel.from_formula(formula, birthwt))
    for variable, axis in oracle[f"{name}.nomogram"]["value"]["axes"].items():
        rows = nomogram.table[nomogram.table["variable"] == variable]
        if len(rows):
            assert [str(v).removesuffix(".0") for v in rows["value"]] == [str(v) for v in axis[variable]]
            np.testing.assert_allclose(rows["points"], axis["points"], atol=1e-6)
    total = oracle[f"{name}.patient_points"]["value"]
    np.testing.assert_allclose(nomogram.total_points(birthwt), total, rtol=1e-8)


@pytest.mark.parametrize(
    ("low", "high", "want"),
    [
        (14, 45, [10, 15, 20, 25, 30, 35, 40, 45]),
        (0, 1, [0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0]),
        (-0.013, 0.0072, [-0.014, -0.012, -0.01, -0.008, -0.006, -0.004, -0.002, 0, 0.002, 0.004, 0.006, 0.008]),
        (80, 250, [80, 100, 120, 140, 160, 180, 200, 220, 240, 260]),
    ],
)
def test_ticks_as_pretty(low: float, high: float, want: list[float]) -> None:
    assert pretty(low, high).tolist() == want


def test_the_sum_predicts_what_the_model_predicts(data: pd.DataFrame) -> None:
    model = LogisticModel.from_formula(FORMULA, data)
    nomogram = Nomogram.from_model(model, max_points=10)
    total = nomogram.total_points(data)
    np.testing.assert_allclose(nomogram.predict(total), model.predict_proba(data)[:, 1], atol=1e-10)
    points = nomogram.points(data).unstack()
    np.testing.assert_allclose(points.sum(axis=1), total, atol=1e-10)
    for table in (data, data[["age"]], data[["age"]].to_numpy()):  # ages would be taken for points
        with pytest.raises(InputError, match=r"predict\(nomogram\.total_points\(X\)\)"):
            nomogram.predict(table)
    assert list(points.columns) == ["age", "size <mm>", "stage"]
    assert nomogram.table["points"].max() == pytest.approx(10)
    assert nomogram.table["points"].min() == 0
    scale = nomogram.scale
    np.testing.assert_allclose(nomogram.predict(scale["total_points"]), scale["probability"], atol=1e-12)


def test_cox_survival_and_median_are_the_models(data: pd.DataFrame) -> None:
    model = CoxModel.from_formula("Surv(time, event) ~ age + stage", data)
    at = [5.0, 20.0]
    nomogram = Nomogram.from_model(model, times=at)
    total = nomogram.total_points(data)
    np.testing.assert_allclose(nomogram.predict(total), model.predict_survival(data, at), atol=1e-10)
    assert nomogram.scale.columns.tolist() == ["total_points", "linear_predictor", "survival_5", "survival_20"]
    median = Nomogram.from_model(model)
    np.testing.assert_array_equal(median.predict(median.total_points(data)), model.predict_median(data))
    assert np.isnan(Nomogram.from_model(model, times=1e6).predict(total)).all()


def test_competing_risks_give_cumulative_incidence(data: pd.DataFrame, tmp_path: Path) -> None:
    cause = np.where(data["event"], 1 + (data["age"] > data["age"].median()), 0)
    X = data[["age", "size <mm>"]]
    model = FineGray(cause=1).fit(X, pd.DataFrame({"time": data["time"], "cause": cause}))
    at = [5.0, 20.0]
    scales = {name: [float(X[name].min()), float(X[name].max())] for name in X}
    nomogram = Nomogram.from_model(model, times=at, scales=scales)
    assert nomogram.scale.columns[2:].tolist() == ["cumulative_incidence_5", "cumulative_incidence_20"]
    expected = model.predict_cumulative_incidence(X, at)
    np.testing.assert_allclose(nomogram.predict(nomogram.total_points(X)), expected, atol=1e-12)
    rulers = [ruler.label for ruler in NomogramDisplay.from_nomogram(nomogram)._rulers()]
    assert rulers[-2:] == ["Cumulative incidence at 5", "Cumulative incidence at 20"]
    nomogram.to_html(tmp_path / "page.html")
    assert '"incidence": true' in (tmp_path / "page.html").read_text()
    with pytest.raises(InputError, match="no median"):
        Nomogram.from_model(model, scales=scales)
    # A model from a formula knows its ranges, splines and levels.
    by_formula = FineGray("Surv(time, cause) ~ rcs(age, 3) + stage").fit(data.assign(cause=cause))
    drawn = Nomogram.from_model(by_formula, times=at)
    expected = by_formula.predict_cumulative_incidence(data, at)
    np.testing.assert_allclose(drawn.predict(drawn.total_points(data)), expected, atol=1e-12)


def test_models_fitted_to_columns_know_their_ranges(data: pd.DataFrame) -> None:
    X = data[["age", "size <mm>"]]
    plain = Nomogram.from_model(LogisticModel().fit(X, data["y"]))
    by_formula = Nomogram.from_model(LogisticModel.from_formula("y ~ age + `size <mm>`", data))
    pd.testing.assert_frame_equal(plain.table, by_formula.table)
    cox = CoxModel().fit(X, as_target(data["event"], data["time"]))
    assert set(Nomogram.from_model(cox).table["variable"]) == {"age", "size <mm>"}


def test_scikit_learn_needs_scales(data: pd.DataFrame) -> None:
    X = data[["age", "size <mm>"]]
    model = LogisticRegression(max_iter=5000).fit(X, data["y"])
    with pytest.raises(InputError, match="range of age, size"):
        Nomogram.from_model(model)
    nomogram = Nomogram.from_model(model, scales={"age": [30, 60, 90], "size <mm>": [0, 50, 100]})
    np.testing.assert_allclose(nomogram.predict(nomogram.total_points(X)), model.predict_proba(X)[:, 1], atol=1e-10)
    with pytest.raises(InputError, match="Pipeline"):
        Nomogram.from_model(make_pipeline(model))


@pytest.mark.filterwarnings("ignore")
def test_lifelines(data: pd.DataFrame) -> None:
    from lifelines import CoxPHFitter

    table = data[["age", "size <mm>", "time", "event"]]
    fitter = CoxPHFitter().fit(table, "time", "event")
    scales = {"age": [20, 100], "size <mm>": [0, 120]}
    nomogram = Nomogram.from_model(fitter, times=[10.0], scales=scales)
    got = nomogram.predict(nomogram.total_points(table))[:, 0]
    want = fitter.predict_survival_function(table, times=[10.0]).to_numpy()[0]
    np.testing.assert_allclose(got, want, atol=1e-10)


@pytest.mark.filterwarnings("ignore")
def test_statsmodels(data: pd.DataFrame) -> None:
    import statsmodels.api as sm

    X = data[["age", "size <mm>"]]
    design = sm.add_constant(X)
    for result in (
        sm.Logit(data["y"], design).fit(disp=0),
        sm.GLM(data["y"], design, family=sm.families.Binomial()).fit(),
    ):
        nomogram = Nomogram.from_model(result)
        np.testing.assert_allclose(nomogram.predict(nomogram.total_points(X)), result.predict(design), atol=1e-10)
    phreg = sm.PHReg(data["time"], X, status=data["event"]).fit()
    assert Nomogram.from_model(phreg, times=[10.0]).predict([0.0, 100.0]).shape == (2, 1)
    with pytest.raises(InputError, match="family"):
        Nomogram.from_model(sm.GLM(data["y"], design).fit())


def test_what_cannot_be_a_nomogram_is_refused(data: pd.DataFrame) -> None:
    model = LogisticModel.from_formula("y ~ age", data)
    for arguments, message in (
        ({"times": [5]}, "survival models"),
        ({"max_points": 0}, "max_points"),
        ({"scales": {"weight": [1, 2]}}, "weight"),
        ({"scales": {"age": [1]}}, "two or more"),
    ):
        with pytest.raises(InputError, match=message):
            Nomogram.from_model(model, **arguments)
    with pytest.raises(InputError, match="cannot be made from dict"):
        Nomogram.from_model({})
    stratified = CoxModel(strata="stage").fit(data[["age", "stage"]], as_target(data["event"], data["time"]))
    with pytest.raises(InputError, match="stratified"):
        Nomogram.from_model(stratified)


@pytest.mark.parametrize(
    ("model", "message"),
    [
        (SVC(kernel="rbf"), "cannot be made from SVC"),  # its class defines coef_, which only a linear kernel has
        (GridSearchCV(SVC(), {"C": [1.0]}, cv=2), "cannot be made from GridSearchCV"),
        (make_pipeline(SVC()), "Pipeline"),
        (SVC(kernel="linear"), "SVC predicts no probabilities"),
        (RidgeClassifier(), "RidgeClassifier predicts no probabilities"),
    ],
)
def test_a_classifier_without_log_odds_is_refused(data: pd.DataFrame, model: BaseEstimator, message: str) -> None:
    model.fit(data[["age"]], data["y"])
    with pytest.raises(InputError, match=message):
        Nomogram.from_model(model, scales={"age": [30, 90]})


CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")


def shown(page: Path) -> str:
    command = [str(CHROMIUM), "--headless", "--no-sandbox", "--disable-gpu", "--dump-dom", page.as_uri()]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=True).stdout


@pytest.mark.skipif(CHROMIUM is None, reason="needs Chromium")
def test_the_page_computes_what_python_computes(data: pd.DataFrame, tmp_path: Path) -> None:
    model = LogisticModel.from_formula(FORMULA, data)
    nomogram = Nomogram.from_model(model)
    page = tmp_path / "nomogram.html"
    nomogram.to_html(page, title="<script>alert(1)</script>")
    text = page.read_text()
    assert "<script>alert" not in text
    assert "http://" not in text
    assert "https://" not in text
    dom = shown(page)
    values = re.findall(r'type="number" step="any" value="([^"]+)"', dom)
    case = pd.DataFrame({"age": [float(values[0])], "size <mm>": [float(values[1])], "stage": ["I"]})
    total = float(re.search(r'data-total="([^"]+)"', dom).group(1))  # type: ignore[union-attr]
    probability = float(re.search(r'data-prediction="([^"]+)"', dom).group(1))  # type: ignore[union-attr]
    assert total == pytest.approx(nomogram.total_points(case).iloc[0], abs=1e-9)
    assert probability == pytest.approx(model.predict_proba(case)[0, 1], abs=1e-12)
    assert "size &lt;mm&gt;" in dom


@pytest.mark.skipif(CHROMIUM is None, reason="needs Chromium")
@pytest.mark.parametrize("times", [None, [5.0, 1e6]])
def test_the_page_of_a_cox_model(times: list[float] | None, data: pd.DataFrame, tmp_path: Path) -> None:
    model = CoxModel.from_formula("Surv(time, event) ~ age + stage", data)
    nomogram = Nomogram.from_model(model, times=times)
    nomogram.to_html(tmp_path / "cox.html")
    dom = shown(tmp_path / "cox.html")
    age = float(re.search(r'type="number" step="any" value="([^"]+)"', dom).group(1))  # type: ignore[union-attr]
    want = nomogram.predict(nomogram.total_points(pd.DataFrame({"age": [age], "stage": ["I"]})))[0]
    got = json.loads(re.search(r'data-prediction="([^"]+)"', dom).group(1))  # type: ignore[union-attr]
    if times is None:
        assert got == want
    else:
        assert got[0] == pytest.approx(want[0], abs=1e-12)
        assert got[1] is None
        assert "not known" in dom


def test_a_page_that_cannot_be_written_is_said(data: pd.DataFrame, tmp_path: Path) -> None:
    with pytest.raises(FileError, match="cannot be written"):
        Nomogram.from_model(LogisticModel.from_formula("y ~ age", data)).to_html(tmp_path / "no" / "page.html")


def test_a_notebook_shows_the_points_escaped(data: pd.DataFrame) -> None:
    named = data.rename(columns={"age": "<b>age</b>"})
    model = LogisticModel().fit(named[["<b>age</b>"]], named["y"])
    text = Nomogram.from_model(model)._repr_html_()
    assert "&lt;b&gt;age&lt;/b&gt;" in text and "<b>age" not in text
    assert "<td>100</td>" in text
