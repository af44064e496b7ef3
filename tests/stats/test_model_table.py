"""Univariable and multivariable tables in print: what stands in which cell, in every format."""

from __future__ import annotations

import zipfile
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pandas as pd
import pytest

from radiokit.exceptions import InputError
from radiokit.models import LogisticModel, multivariable_table, univariable_table
from radiokit.plotting import ForestDisplay
from radiokit.stats import coefficient_table, format_model_table, write_table
from radiokit.survival import CoxModel


@pytest.fixture(scope="module")
def data() -> pd.DataFrame:
    rng = np.random.default_rng(0)
    age, stage = rng.normal(60, 9, 200).round(), rng.choice(["I", "II", "III"], 200)
    risk = 0.15 * (age - 60) + (stage == "III")
    return pd.DataFrame(
        {"age": age, "stage": stage, "flat": 1.0, "y": rng.random(200) < 1 / (1 + np.exp(-risk))}
    ).assign(time=rng.exponential(np.exp(-risk / 2)), event=rng.random(200) < 0.7)


def test_side_by_side(data: pd.DataFrame) -> None:
    X, y = data[["age", "stage", "flat"]], data["y"]
    alone, together = univariable_table(X, y), multivariable_table(X[["age", "stage"]], y)
    printed = format_model_table({"Univariable": alone, "Multivariable": together}, decimals=2)
    assert printed.columns.tolist() == [
        "Characteristic", "Univariable OR (95% CI)", "Univariable p", "Multivariable OR (95% CI)", "Multivariable p",
    ]  # fmt: skip
    assert printed["Characteristic"].tolist() == ["age", "stage", "  I", "  II", "  III", "flat"]
    row = together.loc["stage=III"]
    text = f"{row['odds_ratio']:.2f} ({row['ci_low']:.2f}, {row['ci_high']:.2f})"
    assert printed.loc[4, "Multivariable OR (95% CI)"] == text
    assert printed.loc[0, "Univariable p"] == "<0.001"
    assert printed.loc[[1, 2], "Univariable OR (95% CI)"].tolist() == ["", "reference"]
    assert printed.iloc[5, 1:].tolist() == ["not estimable", "", "", ""]


def test_of_fitted_models(data: pd.DataFrame) -> None:
    cox = CoxModel.from_formula("Surv(time, event) ~ rcs(age, 3) + C(stage)", data)
    printed = format_model_table(cox, confidence_level=0.95)
    assert printed.columns.tolist() == ["Characteristic", "HR (95% CI)", "p"]
    assert printed["Characteristic"].tolist() == ["age", "age'", "stage", "  I", "  II", "  III"]
    logistic = LogisticModel().fit(data[["age"]], data["y"])
    assert format_model_table(logistic)["Characteristic"].tolist() == ["age"]
    assert format_model_table(logistic.summary_).equals(format_model_table(logistic))


def test_ratios_beyond_print() -> None:
    table = pd.DataFrame(
        {"odds_ratio": [1e9, 0.0004], "ci_low": [0.0, 1e-5], "ci_high": [np.inf, 3.0], "p_value": [0.99, np.nan]},
        index=["a", "b"],
    )
    assert format_model_table(table).iloc[:, 1].tolist() == ["1.0e+09 (0.00, inf)", "4.0e-04 (1.0e-05, 3.00)"]
    assert format_model_table(table)["p"].tolist() == ["0.990", ""]


@pytest.mark.parametrize("suffix", [".html", ".tex", ".docx", ".csv"])
def test_every_format(data: pd.DataFrame, tmp_path: Path, suffix: str) -> None:
    printed = format_model_table(univariable_table(data[["age", "stage"]], data["y"]))
    path = write_table(printed, tmp_path / f"table{suffix}", title="Table 2")
    if suffix == ".docx":
        root = ElementTree.fromstring(zipfile.ZipFile(path).read("word/document.xml"))
        text = "|".join(node.text or "" for node in root.iter() if node.tag.endswith("}t"))
    else:
        text = path.read_text()
    assert "reference" in text and "III" in text and printed.iloc[0, 1] in text


@pytest.mark.parametrize("wrong", [pd.DataFrame({"a": [1]}), None, 3, {"a": pd.DataFrame()}], ids=str)
def test_what_is_no_model(wrong: object) -> None:
    with pytest.raises(InputError, match="required"):
        format_model_table(wrong)


def test_models_of_other_packages(data: pd.DataFrame) -> None:
    import statsmodels.api as sm
    from lifelines import CoxPHFitter
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import GridSearchCV
    from sklearn.pipeline import make_pipeline
    from sklearn.svm import SVC

    X = data[["age"]].assign(late=(data["stage"] == "III") * 1.0)
    X["age"] -= 60
    ours = coefficient_table(LogisticModel().fit(X, data["y"]))
    design, y = sm.add_constant(X), data["y"].astype(float)
    for theirs in (sm.Logit(y, design).fit(disp=0), sm.GLM(y, design, family=sm.families.Binomial()).fit(tol=1e-12)):
        pd.testing.assert_frame_equal(coefficient_table(theirs), ours, rtol=1e-5, check_index_type=False)
        assert format_model_table(theirs).equals(format_model_table(ours))
    y = data[["event", "time"]].rename(columns=str)
    ours = coefficient_table(CoxModel().fit(X, y))
    options = {"fit_options": {"precision": 1e-12}}
    lifelines = CoxPHFitter().fit(X.join(y), "time", "event", **options)
    pd.testing.assert_frame_equal(coefficient_table(lifelines), ours, rtol=1e-5, check_index_type=False)
    phreg = sm.PHReg(data["time"], X, status=data["event"], ties="efron").fit()
    pd.testing.assert_frame_equal(coefficient_table(phreg), ours, rtol=1e-5, check_index_type=False)
    for foreign in (lifelines, phreg):
        ForestDisplay.from_frame(coefficient_table(foreign)).plot().close()
    with pytest.raises(InputError, match="standard errors"):
        coefficient_table(LogisticRegression().fit(X, data["y"]))
    for other in (SVC(), make_pipeline(SVC()), GridSearchCV(SVC(), {"C": [1.0]}, cv=2)):
        with pytest.raises(InputError, match=f"cannot be made from {type(other).__name__}"):
            coefficient_table(other.fit(X, data["y"]))
    with pytest.raises(InputError, match="required"):
        coefficient_table(sm.OLS(data["time"], X).fit())
