"""Displays draw the numbers they were given, where they were told, and leave matplotlib alone."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from pathlib import Path

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from matplotlib.axes import Axes
from sklearn.linear_model import LogisticRegression

from radiokit import plotting
from radiokit.datasets import make_feature_table
from radiokit.exceptions import InputError
from radiokit.plotting import (
    AttributionDisplay,
    BlandAltmanDisplay,
    CalibrationDisplay,
    CoefficientDisplay,
    CorrelationDisplay,
    CumulativeIncidenceDisplay,
    CutpointDisplay,
    DecisionCurveDisplay,
    Display,
    FeatureMapDisplay,
    FlowDisplay,
    ForestDisplay,
    FunnelDisplay,
    KaplanMeierDisplay,
    LassoPathDisplay,
    NomogramDisplay,
    RocDisplay,
    ScoreDisplay,
    SubgroupDisplay,
    TimeAucDisplay,
)
from radiokit.stats import auc, threshold_metrics
from radiokit.survival import optimal_cutpoint

HOSTILE = "_a $x_1$ <b>&amp; \\frac{ %s {0}"
TABLE = make_feature_table(120, n_features=12, n_informative=2, random_state=0)
Y = TABLE.y.to_numpy()
IMAGE = np.arange(60.0).reshape(3, 4, 5)
P = 1 / (1 + np.exp(-TABLE.linear_predictor.to_numpy()))


@pytest.fixture(autouse=True)
def closed() -> Iterator[None]:
    yield
    plt.close("all")


def nomogram_tables() -> tuple[pd.DataFrame, pd.DataFrame]:
    rulers = {
        "Age (years)": (range(20, 100, 10), 35),
        "Carcinoembryonic antigen before any treatment (ng/ml)": ([0, 5, 10, 20, 50, 100], 60),
        "Sex": (["female", "male"], 6),
        "T stage": (["T1", "T2", "T3", "T4a", "T4b"], 28),
        "Histological type of the tumour": (
            [
                "adenocarcinoma, well differentiated",
                "adenocarcinoma, poorly differentiated",
                "mucinous",
                "signet-ring cell",
            ],
            22,
        ),
        "Radiomics score": (np.arange(-3, 3.5, 0.5).tolist(), 100),
        "Tumour location": (["right", "left", "rectum"], 4),
        HOSTILE: (np.arange(0.4, 0.95, 0.05).round(2).tolist(), 12),
    }
    rows = [
        (name, value, weight * k / (len(values) - 1))
        for name, (values, weight) in rulers.items()
        for k, value in enumerate(values)
    ]
    total = np.linspace(0, 267, 100)
    scale = pd.DataFrame({"total_points": total, "probability": 1 / (1 + np.exp(-(total - 130) / 30))})
    return pd.DataFrame(rows, columns=["variable", "value", "points"]), scale


def km_curve() -> pd.DataFrame:
    low = pd.DataFrame(
        {"time": [5.0, 10.0, 20.0], "n_at_risk": [4, 3, 1], "n_events": [1, 0, 1], "n_censored": [0, 2, 0]}
    )
    high = pd.DataFrame({"time": [2.0, 7.0], "n_at_risk": [2, 1], "n_events": [1, 1], "n_censored": [0, 0]})
    low["survival"], high["survival"] = [0.75, 0.75, 0.0], [0.5, 0.0]
    curve = pd.concat([low.assign(group=HOSTILE), high.assign(group="high")], ignore_index=True)
    return curve.assign(ci_low=(curve["survival"] - 0.2).clip(0), ci_high=(curve["survival"] + 0.1).clip(upper=1))


def lasso_tables() -> tuple[pd.DataFrame, pd.DataFrame]:
    penalty = np.logspace(-3, 0, 20)
    path = pd.DataFrame(
        {
            "penalty": penalty,
            "n_features": np.arange(20)[::-1] // 7,
            "deviance": 1.1 + np.log10(penalty / 0.05) ** 2,
            "se": 0.05,
            "chosen": np.arange(20) == 8,
        }
    )
    parts = [
        pd.DataFrame({"penalty": penalty, "feature": name, "coef": sign * np.clip(top - penalty, 0, None)})
        for name, sign, top in ((HOSTILE, 1, 0.9), ("b", -1, 0.4), ("c", 1, 0.001))
    ]
    return path, pd.concat(parts)


def ratios() -> pd.DataFrame:
    return pd.DataFrame(
        {
            "feature": [HOSTILE, "wide", "broken"],
            "odds_ratio": [1.4, 300.0, np.nan],
            "ci_low": [1.1, 3.0, np.nan],
            "ci_high": [1.8, 1e6, np.inf],
            "p_value": [0.01, 1e-9, np.nan],
        }
    )


FLOW = pd.DataFrame(
    {
        "step": ["Read", HOSTILE, "train", "test"],
        "n_patients": [10, 9, 6, 3],
        "n_cases": [12, 10, 7, 3],
        "reason": ["", HOSTILE, "", ""],
        "cohort": [None, None, "train", "test"],
    }
)


def subgroups() -> pd.DataFrame:
    rows = [
        ("all", "", 0.72, 0.62, 0.81, np.nan),
        (HOSTILE, "low", 0.8, 0.66, 0.9, 0.04),
        (HOSTILE, HOSTILE, 0.65, 0.38, 0.78, np.nan),
        ("centre", "few", np.nan, np.nan, np.nan, np.nan),
    ]
    columns = ["variable", "level", "estimate", "ci_low", "ci_high", "interaction_p_value"]
    return pd.DataFrame(rows, columns=columns).assign(n=60, n_events=20, metric="auc")


def attributions() -> pd.DataFrame:
    values = TABLE.X.iloc[:, :3].rename(columns={"feature_00": HOSTILE})
    rows = values.stack().rename("value").rename_axis(["case_id", "feature"]).reset_index()
    rows["attribution"] = rows["value"] * rows["feature"].map({HOSTILE: 2.0, "feature_01": 0.5, "feature_02": 0.0})
    base = pd.DataFrame({"case_id": values.index, "feature": "(base value)", "attribution": 9.0})
    return pd.concat([rows, base], ignore_index=True)


MAKERS: dict[str, Callable[[], Display]] = {
    "subgroups": lambda: SubgroupDisplay.from_frame(subgroups()),
    "subgroups_ratio": lambda: SubgroupDisplay.from_frame(subgroups().assign(metric="odds_ratio"), metric="odds_ratio"),
    "attributions": lambda: AttributionDisplay.from_frame(attributions()),
    "attributions_plain": lambda: AttributionDisplay.from_frame(attributions().drop(columns="value")),
    "roc": lambda: RocDisplay.from_predictions(Y, {HOSTILE: P, "other": -P}, thresholds={HOSTILE: 0.4}),
    "calibration": lambda: CalibrationDisplay.from_predictions(Y, {HOSTILE: P}),
    "calibration_two": lambda: CalibrationDisplay.from_predictions(Y, {"a": P, "b": P**2}),
    "calibration_constant": lambda: CalibrationDisplay.from_predictions(Y, np.full(Y.size, 0.4)),
    "decision": lambda: DecisionCurveDisplay.from_predictions(Y, {HOSTILE: P}, thresholds=[0.1, 0.3, 0.5]),
    "nomogram": lambda: NomogramDisplay.from_frame(*nomogram_tables()),
    "kaplan_meier": lambda: KaplanMeierDisplay.from_frame(km_curve(), p_value=0.03, time_unit="months"),
    "forest": lambda: ForestDisplay.from_frame(ratios()),
    "score": lambda: ScoreDisplay.from_predictions(Y, P, threshold=0.4, labels=("no", HOSTILE)),
    "correlation": lambda: CorrelationDisplay.from_frame(TABLE.X.rename(columns={"feature_00": HOSTILE})),
    "coefficients": lambda: CoefficientDisplay.from_frame(
        pd.DataFrame({"feature": [HOSTILE, "b"], "coef": [0.4, -1.2], "selection_frequency": [0.9, np.nan]})
    ),
    "decision_band": lambda: DecisionCurveDisplay.from_frame(
        pd.DataFrame({"model": HOSTILE, "threshold": [0.1, 0.2], "net_benefit": 0.1, "ci_low": 0.0, "ci_high": 0.2})
    ),
    "time_auc": lambda: TimeAucDisplay.from_predictions(TABLE.survival, {HOSTILE: P, "b": -P}, times=[6.0, 12.0, 24.0]),
    "bland_altman": lambda: BlandAltmanDisplay.from_predictions(P, P + 0.01 * Y),
    "cutpoint": lambda: CutpointDisplay.from_cutpoint(optimal_cutpoint(TABLE.survival, P)),
    "incidence": lambda: CumulativeIncidenceDisplay.from_predictions(
        TABLE.survival["time"], np.where(TABLE.survival["event"], 1 + Y, 0), groups=np.where(P > 0.5, HOSTILE, "b")
    ),
    "feature_map": lambda: FeatureMapDisplay(IMAGE, IMAGE, IMAGE > 40, spacing=(3.0, 1.0, 1.0), label=HOSTILE),
    "flow": lambda: FlowDisplay.from_frame(FLOW),
    "funnel": lambda: FunnelDisplay.from_frame(
        pd.DataFrame({"model": "a", "step": [HOSTILE, "b"], "n_features": [100, 0]})
    ),
}


@pytest.mark.parametrize("name", MAKERS)
def test_draws_in_a_figure_of_its_own_or_in_given_axes(name: str, tmp_path: Path) -> None:
    before = dict(mpl.rcParams)
    display = MAKERS[name]()
    assert display.plot() is display
    assert display.ax_.get_figure(root=True) is display.figure_
    display.save(tmp_path / "figure.png", dpi=50)
    assert (tmp_path / "figure.png").read_bytes()[:4] == b"\x89PNG"
    figure, axes = plt.subplots()
    again = MAKERS[name]().plot(ax=axes)
    assert again.ax_ is axes
    assert again.figure_ is figure
    again.svg()
    assert dict(mpl.rcParams) == before


def test_every_display_is_drawn_here() -> None:
    drawn = {type(make()).__name__ for make in MAKERS.values()} | {"LassoPathDisplay", "Display", "style"}
    assert drawn == set(plotting.__all__)


@pytest.mark.parametrize("name", ["roc", "nomogram"])
def test_svg_is_the_same_each_time(name: str) -> None:
    one, two = (MAKERS[name]().plot().svg() for _ in range(2))
    assert one == two
    assert "<script" not in one


def test_roc_shows_the_numbers_of_stats() -> None:
    display = RocDisplay.from_predictions(Y, {"m": P}, thresholds={"m": 0.4}).plot()
    expected = auc(Y, P)
    text = display.ax_.get_legend().get_texts()[0].get_text()
    assert f"{expected.auc:.2f} ({expected.ci_low:.2f}–{expected.ci_high:.2f})" in text
    metrics = threshold_metrics(Y, P, 0.4)["estimate"]
    assert display.points is not None
    assert display.points["sensitivity"].item() == pytest.approx(metrics["sensitivity"])
    assert display.points["fpr"].item() == pytest.approx(1 - metrics["specificity"])


def test_roc_from_frame_takes_cohorts_of_their_own() -> None:
    frame = pd.DataFrame({"cohort": np.where(np.arange(120) < 80, "train", "test"), "y_true": Y, "probability": P})
    frame["threshold"] = 0.5
    areas = RocDisplay.from_frame(frame, by="cohort").areas.set_index("model")["auc"]
    assert areas["test"] == auc(Y[80:], P[80:]).auc
    assert list(areas.index) == ["train", "test"]


def test_from_estimator_equals_from_predictions() -> None:
    model = LogisticRegression().fit(TABLE.X, Y)
    score = model.predict_proba(TABLE.X)[:, 1]
    by_model, by_score = RocDisplay.from_estimator(model, TABLE.X, Y), RocDisplay.from_predictions(Y, score)
    pd.testing.assert_frame_equal(by_model.curves.drop(columns="model"), by_score.curves.drop(columns="model"))
    assert by_model.areas["model"].item() == "LogisticRegression"
    with pytest.raises(InputError, match="neither predict_proba"):
        RocDisplay.from_estimator(object(), TABLE.X, Y)


def test_calibration_groups_and_corrected_curve() -> None:
    groups = CalibrationDisplay.from_predictions(Y, {"m": P}, bins=4).groups
    assert groups is not None
    assert groups["n"].sum() == Y.size
    assert (groups["ci_low"] <= groups["observed"]).all()
    grid = np.linspace(0.1, 0.9, 5)
    curve = pd.DataFrame({"predicted": grid, "apparent": grid, "corrected": grid / 2})
    curves = CalibrationDisplay.from_frame(curve).plot().curves
    assert curves.loc[curves["model"] == "Bias-corrected", "observed"].tolist() == (grid / 2).tolist()


def test_numbers_at_risk_are_those_just_before_the_tick() -> None:
    display = KaplanMeierDisplay.from_frame(km_curve(), time_unit="months").plot()
    table = display.ax_.child_axes[0]
    written = {(t.get_position()[0], t.get_position()[1]): t.get_text() for t in table.texts}
    assert written[(0.0, 0)] == "4"
    assert written[(5.0, 0)] == "4"
    assert written[(10.0, 0)] == "3"
    assert written[(15.0, 0)] == "1"
    assert written[(15.0, 1)] == "0"


def overlaps(ax: Axes) -> list[tuple[str, str]]:
    figure = ax.get_figure(root=True)
    assert figure is not None
    renderer = figure.canvas.get_renderer()  # type: ignore[attr-defined]
    boxes = [(t.get_text(), t.get_window_extent(renderer)) for t in ax.texts if t.get_text()]
    return [(a, b) for (a, x), (b, y) in itertools.combinations(boxes, 2) if x.overlaps(y)]


def test_nomogram_labels_never_overlap_and_stay_on_the_paper() -> None:
    display = NomogramDisplay.from_frame(*nomogram_tables()).plot()
    assert overlaps(display.ax_) == []
    paper = display.figure_.bbox
    renderer = display.figure_.canvas.get_renderer()  # type: ignore[attr-defined]
    for text in display.ax_.texts:
        box = text.get_window_extent(renderer)
        assert paper.x0 <= box.x0
        assert box.x1 <= paper.x1
        assert paper.y0 <= box.y0
        assert box.y1 <= paper.y1


def test_nomogram_places_probabilities_where_the_scale_says() -> None:
    table, scale = nomogram_tables()
    *_, totals, ruler = NomogramDisplay.from_frame(table, scale)._rulers()
    at = dict(zip(ruler.ticks, ruler.at, strict=True))
    points = [float(t) for t in totals.ticks]
    assert np.interp(at["0.5"], totals.at, points) == pytest.approx(130, abs=0.3)
    assert points[0] <= scale["total_points"].min()
    assert points[-1] >= scale["total_points"].max()


def test_lasso_marks_the_penalty_and_names_what_was_kept() -> None:
    path, coefficients = lasso_tables()
    display = LassoPathDisplay.from_frame(path, coefficients).plot()
    named = [text.get_text() for text in display.figure_.legends[0].get_texts()]
    assert len(named) == 2
    assert display.axes_[0].get_figure(root=True) is display.axes_[1].get_figure(root=True)
    with pytest.raises(InputError, match="a pair"):
        LassoPathDisplay.from_frame(path, coefficients).plot(ax=plt.gca())


def test_forest_says_what_cannot_be_estimated() -> None:
    display = ForestDisplay.from_frame(ratios()).plot()
    texts = display._numbers(*(ratios()[c].to_numpy() for c in ("odds_ratio", "ci_low", "ci_high")))
    assert texts[0] == "1.40 (1.10–1.80)   p = 0.010"
    assert texts[1].endswith("p < 0.001")
    assert texts[2].startswith("not estimable")
    low, high = display.ax_.get_xlim()
    assert low > 0.009
    assert high < 104


def test_subgroups_show_the_test_once_and_what_cannot_be_estimated() -> None:
    display = SubgroupDisplay.from_frame(subgroups()).plot()
    left = [t.get_text() for t in display.ax_.get_yticklabels()]
    assert left[0] == "All patients"
    assert len(left) == 6  # four rows and two headings
    axis = display.ax_.child_axes[0]
    right = [t.get_text() for t in axis.get_yticklabels()]
    assert right[1] == "interaction p = 0.040"
    assert right[-1].startswith("not estimable")
    assert right[0].endswith("20/60")


def test_attributions_rank_by_mean_size_and_leave_the_base_out() -> None:
    display = AttributionDisplay.from_frame(attributions(), n_features=2).plot()
    assert display.features == [HOSTILE, "feature_01"]
    x = display.ax_.collections[0].get_offsets()[:, 0]
    np.testing.assert_allclose(np.sort(x), np.sort(2 * TABLE.X["feature_00"]))
    with pytest.raises(InputError, match="no predictor"):
        AttributionDisplay.from_frame(attributions().query("feature == '(base value)'"))


def test_correlation_takes_missing_and_constant_features() -> None:
    X = TABLE.X.copy()
    X.iloc[:5, 0] = np.nan
    X["constant"] = 1.0
    display = CorrelationDisplay.from_frame(X).plot()
    assert set(display.matrix.columns) == set(X.columns)


def test_feature_map_shows_the_slice_with_most_of_the_region() -> None:
    display = FeatureMapDisplay(IMAGE, IMAGE, IMAGE > 40).plot()
    assert display.ax_.get_xlabel() == "z = 2"
    assert FeatureMapDisplay(IMAGE, IMAGE).plot(axis=2, index=4).ax_.get_images()[0].get_array().shape == (3, 4)
    with pytest.raises(InputError, match="one grid"):
        FeatureMapDisplay(IMAGE, IMAGE[1:])
    with pytest.raises(InputError, match="0 to 4"):
        FeatureMapDisplay(IMAGE, IMAGE).plot(axis=2, index=5)


def test_feature_map_slices_share_one_scale() -> None:
    display = FeatureMapDisplay(IMAGE, IMAGE / 2, IMAGE > 40).plot_slices(count=9)
    *slices, _bar = display.figure_.axes
    assert [ax.get_xlabel() for ax in slices] == ["z = 2"] or len(slices) > 1
    assert {ax.get_images()[1].get_clim() for ax in slices} == {(IMAGE.min() / 2, IMAGE.max() / 2)}
    fixed = FeatureMapDisplay(IMAGE, IMAGE).plot_slices(axis=2, count=2, limits=(0.0, 7.0))
    assert [ax.get_xlabel() for ax in fixed.figure_.axes[:2]] == ["x = 0", "x = 4"]
    assert {ax.get_images()[1].get_clim() for ax in fixed.figure_.axes[:2]} == {(0.0, 7.0)}
    with pytest.raises(InputError, match="count is 0"):
        FeatureMapDisplay(IMAGE, IMAGE).plot_slices(count=0)
    with pytest.raises(InputError, match="no slice to show"):
        FeatureMapDisplay(IMAGE, IMAGE, np.zeros_like(IMAGE, dtype=bool)).plot_slices()


def test_flow_counts_what_was_left_out() -> None:
    texts = [t.get_text() for t in FlowDisplay.from_frame(FLOW).plot().ax_.texts]
    assert any("1 patient, 2 cases" in text for text in texts)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: DecisionCurveDisplay.from_frame(pd.DataFrame({"model": ["a"]})), "threshold, net_benefit"),
        (lambda: ForestDisplay.from_frame(ratios().drop(columns="odds_ratio")), "odds_ratio or hazard_ratio"),
        (lambda: FlowDisplay.from_frame(FLOW.iloc[:0]), "no rows"),
        (
            lambda: NomogramDisplay.from_frame(nomogram_tables()[0], pd.DataFrame({"total_points": [0.0]})),
            "probabilities",
        ),
        (lambda: CorrelationDisplay.from_frame(TABLE.X[["feature_00"]]), "two features"),
        (lambda: ScoreDisplay.from_predictions(Y, [0.1]), "one for each case"),
        (lambda: RocDisplay.from_predictions(Y, {}), "at least one model"),
    ],
)
def test_wrong_tables_are_refused(make: Callable[[], Display], message: str) -> None:
    with pytest.raises(InputError, match=message):
        make()


def test_frames_are_left_as_they_were() -> None:
    table, funnel = ratios(), pd.DataFrame({"step": ["a"], "n_features": [3]})
    ForestDisplay.from_frame(table).plot()
    FunnelDisplay.from_frame(funnel).plot()
    pd.testing.assert_frame_equal(table, ratios())
    assert list(funnel.columns) == ["step", "n_features"]
