"""How good the best possible model would be: what nobody knows of real patients, and the recipes know of theirs."""

from __future__ import annotations

import pandas as pd

from radiokit import stats
from radiokit.datasets import CohortTruth
from radiokit.study import StudyResult

IMAGE = ["heterogeneity", "irregularity"]
# What a model sees of the truth; every other one sees the whole image.
SEEN = {"clinical": "clinical", "volume": "nothing", "tumor": "irregularity", "combined": "both"}


def parts(truth: CohortTruth) -> pd.DataFrame:
    """Return the true log-odds of each case, and the parts that the image and the clinical columns know of them.

    The drivers are independent of each other, so that no score of the image separates patients better than its part.
    """
    seen = truth.cases[IMAGE] * truth.coefficients.loc[IMAGE, "log_odds"]
    image, both = seen.sum(axis=1), truth.cases["linear_predictor"]
    return seen.assign(image=image, clinical=both - truth.intercept - image, both=both, nothing=0.0)


def best_possible(model: str, y: pd.Series, known: pd.DataFrame) -> float:
    """Return the AUC, in these very patients, of the truth that the model can see."""
    return stats.auc(y, known.loc[y.index, SEEN.get(model, "image")]).auc


def with_best(
    table: pd.DataFrame, result: StudyResult, truth: CohortTruth, center: pd.Series | None = None
) -> pd.DataFrame:
    """Add the best possible AUC to a table with one row for each model and cohort, or model and centre."""
    known, seen = parts(truth), result.predictions.drop_duplicates(["case_id", "cohort"]).set_index("case_id")
    place = seen["cohort"] if center is None else pd.Series(seen.index.map(center), seen.index)
    column = "cohort" if center is None else "center"
    best = [
        best_possible(m, seen.loc[place == at, "y_true"], known)
        for m, at in zip(table["model"], table[column], strict=True)
    ]
    wide = table.copy()
    wide.insert(list(wide).index("auc") + 1 if "auc" in wide else wide.shape[1], "best possible", best)
    return wide


def reading(result: StudyResult, truth: CohortTruth, model: str, cohort: str = "external") -> str:
    """Say in one line what the numbers show, and what they do not."""
    table = result.tables["performance"].query("metric == 'auc' and cohort == @cohort and source == @cohort")
    areas = with_best(table.dropna(subset="ci_low"), result, truth).set_index("model")
    areas_text = [
        f"{name} {a['estimate']:.2f} ({a['ci_low']:.2f}-{a['ci_high']:.2f}) of {a['best possible']:.2f} possible"
        for name, a in areas.loc[[model, "combined"]].iterrows()
    ]
    test = (
        result.tables["delong"].query("cohort == @cohort and model_a == 'clinical' and model_b == 'combined'").iloc[0]
    )
    gain = f"{-test['difference']:+.2f} ({-test['ci_high']:+.2f} to {-test['ci_low']:+.2f})"
    verdict = "a gain" if test["p_adjusted"] < 0.05 and test["difference"] < 0 else "no gain is shown"
    patients = f"{cohort}, {int(areas['n'].iloc[0])} patients"
    return f"\nReading ({patients}): {'; '.join(areas_text)}; combined less clinical {gain}: {verdict}."
