"""A study result made by hand from a synthetic table: every section of the report has something to show."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest

from radiokit.datasets import make_feature_table
from radiokit.models import signature_pipeline
from radiokit.models.describe import describe_pipeline
from radiokit.stats import auc, calibration, compare_aucs, decision_curve, table_one, threshold_metrics
from radiokit.validation.evidence import Comparison, StudyEndpoint, StudyModel, Verdict, evidence_of
from radiokit.validation.facts import (
    CohortFacts,
    FlowStep,
    FormulaFacts,
    SampleSize,
    SignatureFacts,
    StudyFacts,
    StudySpec,
)

AGES = [("age", a, a - 30) for a in range(30, 100, 10)]
HOSTILE = "<script>alert('x')</script>"


def predictions() -> pd.DataFrame:
    """Four models, cross-validated in training (two repeats of five folds) and on external patients."""
    table = make_feature_table(160, n_features=12, n_informative=3, effect=1.2, random_state=3)
    rng = np.random.default_rng(0)
    noise = {"volume": 20.0, "clinical": 3.0, "radiomics": 1.5, "combined": 0.8}
    parts = []
    for repeat, cohort, rows in (
        (0, "training", slice(0, 110)),
        (1, "training", slice(0, 110)),
        (-1, "external", slice(110, 160)),
    ):
        lp = table.linear_predictor.to_numpy()[rows]
        for model, sd in noise.items():
            score = lp + sd * rng.normal(size=lp.size)
            part = pd.DataFrame({"case_id": table.X.index[rows], "cohort": cohort, "model": model})
            part["source"] = "external" if repeat < 0 else "out-of-fold"
            part["y_true"] = table.y.to_numpy()[rows]
            part["probability"] = 1 / (1 + np.exp(-score / (1 + sd / 3)))
            part["threshold"] = 0.45
            part["repeat"] = np.nan if repeat < 0 else repeat
            part["fold"] = np.nan if repeat < 0 else np.arange(lp.size) % 5
            parts.append(part)
    return pd.concat(parts, ignore_index=True)


def performance(frame: pd.DataFrame) -> pd.DataFrame:
    rows: list[dict[str, Any]] = []
    for (cohort, source, model), part in frame.groupby(["cohort", "source", "model"], sort=False):
        part = part.drop_duplicates("case_id")
        common = {"model": model, "cohort": cohort, "source": source, "n": len(part), "n_events": part["y_true"].sum()}
        area = auc(part["y_true"], part["probability"])
        rows.append({**common, "metric": "auc", "estimate": area.auc, "ci_low": area.ci_low, "ci_high": area.ci_high})
        metrics = threshold_metrics(part["y_true"], part["probability"], 0.45).iloc[:5]
        rows += [{**common, "metric": m, "threshold": 0.45, **values.to_dict()} for m, values in metrics.iterrows()]
        brier = calibration(part["y_true"], part["probability"]).brier
        rows.append({**common, "metric": "brier", "estimate": brier})
    return pd.DataFrame(rows)


def tables(frame: pd.DataFrame) -> dict[str, pd.DataFrame]:
    external = frame[frame["cohort"] == "external"]
    scores = {m: p["probability"].to_numpy() for m, p in external.groupby("model", sort=False)}
    y = external.loc[external["model"] == "combined", "y_true"].to_numpy()
    fit = calibration(y, scores["combined"]).to_frame().assign(model="combined", cohort="external")
    patients = frame.drop_duplicates("case_id")[["cohort", "y_true"]].reset_index(drop=True)
    rng = np.random.default_rng(1)
    patients["age"] = rng.normal(62, 10, len(patients)).round()
    patients[HOSTILE] = rng.choice(["I", "II", "III"], len(patients))
    penalty = np.logspace(-3, -0.5, 30)
    features = [f"original_glcm_Feature{k}" for k in range(5)] + [HOSTILE]
    path = pd.DataFrame({"model": "radiomics", "penalty": penalty, "deviance": 1.2 + np.log10(penalty / 0.03) ** 2 / 9})
    path = path.assign(se=0.04, chosen=np.arange(30) == 18, n_features=np.linspace(6, 0, 30).astype(int))
    coefficients = pd.concat(
        [
            pd.DataFrame(
                {
                    "model": "radiomics",
                    "penalty": penalty,
                    "feature": f,
                    "coef": np.clip(0.3 / (k + 1) - penalty, 0, None),
                }
            )
            for k, f in enumerate(features)
        ]
    )
    selected = pd.DataFrame({"model": "radiomics", "feature": features, "coef": [0.8, -0.5, 0.4, 0.2, -0.1, 0.05]})
    ratios = pd.DataFrame({"feature": features, "odds_ratio": np.exp(selected["coef"]), "p_value": 0.03})
    ratios = ratios.assign(ci_low=ratios["odds_ratio"] / 1.4, ci_high=ratios["odds_ratio"] * 1.4)
    rulers = pd.DataFrame(AGES + [("radscore", s, 25.0 * (s + 2)) for s in range(-2, 3)])
    total = np.linspace(0, 160, 50)
    km = pd.DataFrame(
        {"time": [6.0, 12.0, 24.0], "n_at_risk": [20, 15, 6], "n_events": [3, 4, 1], "n_censored": [2, 5, 5]}
    )
    km = km.assign(
        survival=[0.85, 0.62, 0.52],
        ci_low=[0.7, 0.45, 0.3],
        ci_high=[0.95, 0.8, 0.7],
        model="combined",
        cohort="external",
    )
    return {
        "table_one_cohort": table_one(patients.drop(columns="y_true"), by="cohort"),
        "flow": pd.DataFrame(
            {
                "step": ["in the case table", "excluded", "training", "external"],
                "n_patients": [163, 3, 110, 50],
                "n_cases": [170, 4, 110, 50],
                "reason": ["", f"outcome missing {HOSTILE}", "", ""],
            }
        ),
        "funnel": pd.DataFrame(
            {"model": "radiomics", "step": ["extracted", "variance", "LASSO"], "n_features": [107, 105, 6]}
        ),
        "selected": selected.assign(selection_frequency=[1, 0.9, 0.8, 0.5, 0.3, 0.2], volume_correlation=0.2),
        "formula": pd.DataFrame({"model": ["radiomics"], "formula": [f"0.8 × {features[0]} + 0.05 × {HOSTILE}"]}),
        "correlation": pd.DataFrame(np.eye(3), columns=[*features[:2], HOSTILE]).assign(
            feature=[*features[:2], HOSTILE]
        ),
        "lasso_path": path,
        "lasso_coefficients": coefficients,
        "performance": performance(frame),
        "delong": compare_aucs(y, scores).assign(cohort="external"),
        "univariable": ratios.assign(model="combined"),
        "calibration": fit,
        "calibration_curve": pd.DataFrame(
            {
                "model": "combined",
                "predicted": [0.1, 0.5, 0.9],
                "apparent": [0.1, 0.5, 0.9],
                "corrected": [0.2, 0.5, 0.8],
            }
        ),
        "decision_curve": decision_curve(y, scores, thresholds=np.arange(0.05, 0.8, 0.01)).assign(cohort="external"),
        "nomogram": rulers.set_axis(["variable", "value", "points"], axis=1),
        "nomogram_scale": pd.DataFrame({"total_points": total, "probability": 1 / (1 + np.exp(-(total - 80) / 20))}),
        "kaplan_meier": pd.concat(
            [km.assign(group="low risk"), km.assign(group="high risk", survival=km["survival"] / 2)]
        ),
        "logrank": pd.DataFrame(
            {"model": ["combined"], "cohort": ["external"], "statistic": [6.1], "p_value": [0.014]}
        ),
        "failures": pd.DataFrame(
            {"case_id": [HOSTILE], "error": ["MaskError"], "message": ["the mask is empty & <b>void</b>"]}
        ),
        "leak_guards": pd.DataFrame(
            {"guard": ["no patient in two cohorts"], "how": ["split by patient"], "status": ["passed"]}
        ),
    }


def comparisons(table: pd.DataFrame) -> tuple[Comparison, ...]:
    """Return the pairs of a table of DeLong's tests in the external cohort."""
    columns = ["model_a", "model_b", "difference", "ci_low", "ci_high", "p_value", "p_adjusted"]
    rows = table[columns].to_dict("records")
    return tuple(Comparison(**row, cohort="external", source="external", method="delong") for row in rows)


def endpoint(*, survival: bool = False, suffix: str = "") -> StudyEndpoint:
    """The four models of the predictions, as a study names and describes them."""
    name = "relapse" if survival else "node metastasis"
    models = (
        StudyModel(f"volume{suffix}", "volume", name),
        StudyModel(f"clinical{suffix}", "clinical", name, (), ("age", HOSTILE)),
        StudyModel(f"radiomics{suffix}", "signature", name, ("radiomics",)),
        StudyModel(f"combined{suffix}", "combined", name, ("radiomics",), ("age", HOSTILE)),
    )
    return StudyEndpoint(name, survival, models)


def facts(kind: str = "ridge", **changes: Any) -> StudyFacts:
    pipeline = describe_pipeline(signature_pipeline(kind))
    known: dict[str, Any] = {
        "cohorts": (CohortFacts("training", 110, ("Lyon", "Paris")), CohortFacts("external", 50, ("Nice",))),
        "signatures": (SignatureFacts("radiomics", "node metastasis", "table", 107, pipeline),),
        "sample_sizes": (SampleSize("node metastasis", 110, 55, 109, 110, 900.0),),
        "n_missing": 0,
        "n_predictors": 109,
        "flow": (
            FlowStep("in the case table", "stage", 163, 170),
            FlowStep("excluded", "excluded", 3, 4, f"outcome missing {HOSTILE}"),
            FlowStep("training", "cohort", 110, 110),
            FlowStep("external", "cohort", 50, 50),
        ),
        "formulas": (FormulaFacts("radiomics", (f"0.8 × original_glcm_Feature0 + 0.05 × {HOSTILE}",)),),
        "frozen": ("volume", "clinical", "radiomics", "combined"),
    }
    return StudyFacts(**{**known, **changes})


@pytest.fixture(scope="session")
def make_endpoint() -> Any:
    return endpoint


@pytest.fixture(scope="session")
def make_facts() -> Any:
    return facts


@pytest.fixture(scope="session")
def result() -> Any:
    frame = predictions()
    made = tables(frame)
    return SimpleNamespace(
        endpoints=(endpoint(),),
        evidence=tuple(evidence_of(made["performance"].assign(method="delong"), 0.95)),
        comparisons=comparisons(made["delong"]),
        calibrations=(),
        verdicts=(Verdict("combined", "It holds in other centres", "supported", "AUC 0.80 (0.70 to 0.90)"),),
        facts=facts(),
        tables=made,
        predictions=frame,
        warnings=["Events per parameter: 6.5. Fewer than 10 make estimates fragile.", f"A column is called {HOSTILE}."],
        provenance={"radiokit": "0.1", "seed": 0, "packages": {"numpy": "2.0"}, "note": HOSTILE},
        models={},
        spec=StudySpec(
            title=f"Lymph-node metastasis {HOSTILE}",
            outcome="node metastasis",
            survival={"event": "relapse", "time": "months"},
            clinical=["age", HOSTILE],
            signatures={"radiomics": "RadiomicsExtractor()"},
            options={"folds": 5, "repeats": 2, "bootstraps": 100, "correlation": 0.9, "alpha": 0.05, "rule": "min"},
        ),
    )
