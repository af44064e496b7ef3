"""Paired calls, non-inferiority, several classes, imputations: values of R, written-out sums, and what is refused."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest

from radiokit import stats
from radiokit.exceptions import InputError, OutcomeError


def calls(both: int, only_a: int, only_b: int, neither: int, truth: int = 1) -> tuple[np.ndarray, ...]:
    """Outcome and two calls of the cases of one class, from how many are right."""
    right_a = np.repeat([1, 1, 0, 0], [both, only_a, only_b, neither])
    right_b = np.repeat([1, 0, 1, 0], [both, only_a, only_b, neither])
    y = np.full(right_a.size, truth)
    return y, np.where(right_a, y, 1 - y), np.where(right_b, y, 1 - y)


def test_mcnemar_as_in_r() -> None:
    """DTComPair's Paired1: mcnemar.test(matrix(c(319, 78, 22, 32)), correct=FALSE), and Tango's interval in R."""
    test = stats.mcnemar_test(*calls(319, 78, 22, 32))
    assert (test.n, test.n_only_a, test.n_only_b) == (451, 78, 22)
    assert (test.value_a, test.value_b) == pytest.approx((0.88026607538802659, 0.75609756097560976))
    assert (test.statistic, test.df, test.p_value) == pytest.approx((31.36, 1, 2.1435180516621823e-08), rel=1e-9)
    assert (test.ci_low, test.ci_high) == pytest.approx((0.082749569431622413, 0.16732044885425781), rel=1e-9)


def test_exact_and_corrected_as_in_r() -> None:
    exact = stats.mcnemar_test(*calls(60, 4, 2, 6, truth=0), metric="specificity", method="exact")
    assert exact.p_value == pytest.approx(0.68749999999999989, rel=1e-12)  # binom.test(4, 6)
    assert math.isnan(exact.statistic)
    corrected = stats.mcnemar_test(*calls(40, 42, 23, 8), metric="accuracy", method="continuity")
    assert (corrected.statistic, corrected.p_value) == pytest.approx((4.9846153846153847, 0.025573669368214664))
    even = stats.mcnemar_test(*calls(4, 3, 3, 1), method="exact")
    assert even.p_value == 1
    assert stats.mcnemar_test(*calls(4, 3, 3, 1), method="continuity").statistic == 0


def test_metric_chooses_the_cases() -> None:
    sick, well = calls(5, 3, 1, 1), calls(6, 0, 2, 2, truth=0)
    y, a, b = (np.concatenate(pair) for pair in zip(sick, well, strict=True))
    found = {m: stats.mcnemar_test(y, a, b, metric=m) for m in ("sensitivity", "specificity", "accuracy")}
    assert [(t.n, t.n_only_a, t.n_only_b) for t in found.values()] == [(10, 3, 1), (10, 0, 2), (20, 3, 3)]
    assert found["specificity"].difference == pytest.approx(-0.2)
    back = stats.mcnemar_test(y, b, a)
    there = found["sensitivity"]
    assert (back.difference, back.ci_low, back.ci_high) == pytest.approx(
        (-there.difference, -there.ci_high, -there.ci_low)
    )


def test_calls_that_never_differ() -> None:
    test = stats.mcnemar_test(*calls(5, 0, 0, 3))
    assert (test.difference, test.statistic, test.p_value) == (0, 0, 1)
    assert test.ci_low < 0 < test.ci_high  # eight cases prove no equality
    assert stats.mcnemar_test(*calls(5, 0, 0, 3), method="exact").p_value == 1
    only = stats.mcnemar_test(*calls(0, 6, 0, 0))
    assert only.difference == 1
    assert only.ci_high == 1
    assert 0 < only.ci_low < 1


def test_tango_limits_solve_the_score_equation() -> None:
    """At a limit the score statistic of the constrained maximum likelihood is the normal quantile: by grid search."""
    b, c, n, z = 9, 2, 40, 1.2815515655446004
    test = stats.mcnemar_test(*calls(20, b, c, n - 20 - b - c), confidence_level=0.8)
    for limit in (test.ci_low, test.ci_high):
        p21 = np.linspace(max(0.0, -limit) + 1e-9, (1 - limit) / 2 - 1e-9, 2_000_001)
        likelihood = b * np.log(p21 + limit) + c * np.log(p21) + (n - b - c) * np.log(1 - 2 * p21 - limit)
        best = p21[np.argmax(likelihood)]
        score = (b - c - n * limit) / np.sqrt(n * (2 * best + limit * (1 - limit)))
        assert abs(score) == pytest.approx(z, rel=1e-4)


@pytest.fixture
def asah(shared) -> pd.DataFrame:
    return pd.read_csv(shared / "oracles" / "data2" / "asah.csv")


@pytest.mark.parametrize(
    ("method", "ppv", "npv"),
    [
        ("score", (6.2164486263140653, 0.012656874425394819), (1.4236680351757738, 0.23280060478646755)),
        ("weighted-score", (6.1469775339162185, 0.013163688238868907), (1.48040273793463, 0.22371152084974338)),
        ("relative", (6.1524460018439413, 0.013123048060861536), (1.3839417860331431, 0.23943085727228619)),
    ],
)
def test_predictive_values_as_dtcompair(asah: pd.DataFrame, method: str, ppv: tuple, npv: tuple) -> None:
    table = stats.predictive_value_test(asah["poor"], asah["call_s100b"], asah["call_ndka"], method=method)
    for name, right in (("ppv", ppv), ("npv", npv)):
        assert tuple(table.loc[name, ["statistic", "p_value"]]) == pytest.approx(right, rel=1e-9)
    assert table.loc["ppv", ["value_a", "value_b"]].tolist() == pytest.approx([0.65, 0.43859649122807015])
    if method == "relative":
        limits = [1.4820000000000002, 1.0860453098045244, 2.0223134156302494]
        assert table.loc["ppv", ["ratio", "ratio_ci_low", "ratio_ci_high"]].tolist() == pytest.approx(limits)


@pytest.mark.parametrize("method", ["score", "weighted-score", "relative"])
def test_predictive_values_without_calls_or_spread(method: str) -> None:
    y = np.array([0, 0, 1, 1])
    nobody = stats.predictive_value_test(y, [0, 0, 0, 0], [0, 1, 1, 1], method=method)
    assert nobody.loc["ppv", ["value_a", "difference", "statistic", "p_value"]].isna().all()
    same = stats.predictive_value_test(y, [0, 1, 1, 1], [0, 1, 1, 1], method=method)
    assert same["p_value"].tolist() == [1, 1]
    assert same["statistic"].tolist() == [0, 0]
    sure = stats.predictive_value_test([0, 0, 0, 1, 1, 1], [0, 0, 0, 1, 0, 0], [0, 0, 0, 0, 1, 0], method=method)
    assert sure.loc["ppv", "p_value"] == 1  # both are right in all: no difference


def test_noninferiority_as_in_r(asah: pd.DataFrame) -> None:
    test = stats.auc_noninferiority(asah["poor"], asah["s100b"], asah["ndka"], margin=0.1)
    assert (test.difference, test.se) == pytest.approx((0.11941056910569103, 0.085859320301740663))
    assert (test.statistic, test.p_value) == pytest.approx((2.555465945160095, 0.0053022868672056326))
    assert (test.ci_low, test.ci_high) == pytest.approx((-0.048870606422809326, 0.28769174463419139))
    narrow = stats.auc_noninferiority(asah["poor"], asah["s100b"], asah["ndka"], margin=0.1, confidence_level=0.8)
    assert narrow.ci_high - narrow.difference == pytest.approx(1.2815515655446004 * test.se)


def test_noninferiority_without_a_standard_error_says_nothing() -> None:
    y = [0, 0, 1, 1]
    same = stats.auc_noninferiority(y, [1, 2, 3, 4], [1, 2, 3, 4], margin=0.1)
    assert np.isnan([same.statistic, same.p_value]).all()
    one = stats.auc_noninferiority([0, 0, 1], [1, 2, 3], [2, 1, 3], margin=0.1)
    assert np.isnan([one.se, one.statistic, one.p_value]).all()
    lesions = stats.auc_noninferiority([0, 0, 1, 1], [1, 3, 2, 4], [1, 2, 3, 4], margin=0.1, groups=[0, 1, 2, 2])
    assert math.isnan(lesions.p_value)  # the positives are one patient's
    for margin in (0, 1, -0.1, "a"):
        with pytest.raises(InputError, match="margin"):
            stats.auc_noninferiority(y, [1, 2, 3, 4], [1, 3, 2, 4], margin=margin)


def test_hand_and_till_by_loops() -> None:
    rng = np.random.default_rng(0)
    y = np.array(list("abcd"))[rng.integers(0, 4, 80)]
    p = pd.DataFrame(rng.dirichlet(np.ones(4), 80).round(2), columns=list("abcd"))
    areas = []
    for i in "abcd":
        for j in "abcd":
            if i != j:
                own, other = p[i][y == i].to_numpy(), p[i][y == j].to_numpy()
                areas.append(np.mean((own[:, None] > other) + 0.5 * (own[:, None] == other)))
    result = stats.multiclass_auc(y, p)
    assert result.auc == pytest.approx(np.mean(areas), rel=1e-12)
    assert (result.n_classes, result.n) == (4, 80)
    rest = stats.multiclass_auc(y, p, method="ovr", confidence_level=0.9)
    for name in "abcd":
        own = stats.auc(y == name, p[name], confidence_level=0.9)
        assert rest.loc[name, ["auc", "se", "ci_low", "ci_high"]].tolist() == [own.auc, own.se, own.ci_low, own.ci_high]
        assert rest.loc[name, "n"] == (y == name).sum()


def test_hand_and_till_as_proc(shared) -> None:
    d = pd.read_csv(shared / "oracles" / "data2" / "veteran_p.csv")
    area = stats.multiclass_auc(d["celltype"], d[["adeno", "large", "smallcell", "squamous"]])
    assert area.auc == pytest.approx(0.62129333643608331, rel=1e-10)


def test_classes_and_columns_have_to_fit() -> None:
    p = pd.DataFrame({"a": [0.5, 0.2, 0.1], "b": [0.5, 0.8, 0.9]})
    assert stats.multiclass_auc(["a", "b", "b"], p).auc == 1
    assert stats.multiclass_auc([1, 2, 2], p.set_axis([1, 2], axis=1)).auc == 1
    with pytest.raises(OutcomeError, match=r"\['c'\] have no column"):
        stats.multiclass_auc(["a", "b", "c"], p)
    with pytest.raises(InputError, match=r"without a case: \['b'\]"):
        stats.multiclass_auc(["a", "a", "a"], p)
    with pytest.raises(OutcomeError, match="1 missing"):
        stats.multiclass_auc(["a", "b", None], p)
    with pytest.raises(InputError, match="DataFrame"):
        stats.multiclass_auc(["a", "b", "b"], p.to_numpy())
    with pytest.raises(InputError, match="two or more"):
        stats.multiclass_auc(["a", "a", "a"], p[["a"]])


def test_pool_as_mice() -> None:
    """mice::pool.scalar(Q, U, n = 20, k = 4), and the t distribution."""
    found = stats.pool([1.0, 3.0, 2.0], [1.0, 1.2, 0.9], df_complete=16)
    right = {
        "estimate": 2, "se": 1.53839743456191, "df": 3.1379003062843549, "riv": 1.2903225806451615,
        "fmi": 0.70565034034939322, "ci_low": -2.7763705956889737, "ci_high": 6.7763705956889737,
        "p_value": 0.28083753935810435,
    }  # fmt: skip
    for name, value in right.items():
        assert getattr(found, name) == pytest.approx(value, rel=1e-9), name
    assert found.n_imputations == 3


def test_pool_of_a_table_is_pool_of_its_columns() -> None:
    rng = np.random.default_rng(0)
    q = pd.DataFrame(rng.normal(size=(5, 2)), columns=["age", "cea"])
    u = pd.DataFrame(rng.uniform(0.1, 0.2, (5, 2)), columns=["age", "cea"])
    table = stats.pool(q, u, confidence_level=0.9)
    for name in q:
        one = stats.pool(q[name], u[name], confidence_level=0.9)
        assert table.loc[name].to_dict() == pytest.approx(one.to_frame().iloc[0].to_dict())
    total = u["age"].mean() + 1.2 * q["age"].var()
    assert table.loc["age", "se"] == pytest.approx(np.sqrt(total))
    assert table.loc["age", "df"] == pytest.approx(4 * (total / (1.2 * q["age"].var())) ** 2)  # complete data: infinite
    alike = stats.pool([1.0, 1.0, 1.0], [0.2, 0.2, 0.2])
    assert (alike.riv, alike.se) == pytest.approx((0, np.sqrt(0.2)))


@pytest.mark.parametrize(
    ("q", "u", "options", "text"),
    [
        ([1.0], [1.0], {}, "two or more"),
        ([1.0, 2.0], [1.0], {}, "shape"),
        ([1.0, np.nan], [1.0, 1.0], {}, "missing"),
        ([1.0, 2.0], [1.0, 0.0], {}, "above 0"),
        ([1.0, 2.0], [1.0, 1.0], {"df_complete": 0}, "df_complete"),
        (pd.DataFrame({"a": [1.0, 2]}), pd.DataFrame({"b": [1.0, 2]}), {}, "different columns"),
    ],
)
def test_what_cannot_be_pooled(q, u, options, text) -> None:
    with pytest.raises(InputError, match=text):
        stats.pool(q, u, **options)


def test_bad_calls() -> None:
    with pytest.raises(OutcomeError, match="call_a"):
        stats.mcnemar_test([0, 1], [0.3, 0.8], [0, 1])
    with pytest.raises(InputError, match="call_b has 1 values"):
        stats.mcnemar_test([0, 1], [0, 1], [0])
    with pytest.raises(InputError, match="No case"):
        stats.mcnemar_test([0, 0], [0, 1], [0, 1])
    with pytest.raises(InputError, match="metric"):
        stats.mcnemar_test([0, 1], [0, 1], [0, 1], metric="ppv")
    with pytest.raises(InputError, match="method"):
        stats.predictive_value_test([0, 1], [0, 1], [0, 1], method="mcnemar")


@pytest.mark.parametrize("method", ["score", "relative"])
def test_a_call_that_is_never_made_has_no_value_and_leaves_the_columns(method: str) -> None:
    table = stats.predictive_value_test([1, 1, 0, 0], [0, 0, 0, 0], [0, 1, 1, 1], method=method)
    ratio = ["ratio", "ratio_ci_low", "ratio_ci_high"] if method == "relative" else []
    assert list(table.columns) == ["value_a", "value_b", "difference", "statistic", "p_value", *ratio]
    assert table.loc["ppv"].notna().tolist() == [c == "value_b" for c in table.columns]
    assert table.loc["ppv", "value_b"] == 1 / 3
    assert table["value_a"].tolist()[1] == 0.5
