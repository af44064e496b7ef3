"""Synchronous liver metastases of rectal cancer: a residual network on MRI, with and without clinical factors.

    python examples/recipes/rectal.py [folder] [--patients 180] [--jobs 2]

In the style of BMC Medical Imaging 2025 (doi 10.1186/s12880-025-01692-3): T2, DWI and ADC as channels, five-fold
cross-validation, an external hospital, AUC with intervals, decision curves. The published table is printed beside ours:
other patients (ours are synthetic, their truth known), so only the order of the models can be compared.
"""

from __future__ import annotations

import pandas as pd
from _recipe import add_volume, draw, honest, options, pictures, run_study, show
from _truth import reading, with_best

from radiokit import stats

PUBLISHED = pd.DataFrame(
    [
        ("clinical", "training", "0.816 (0.750-0.881)"),
        ("mri", "training", "0.788 (0.720-0.857)"),
        ("combined", "training", "0.887 (0.834-0.940)"),
        ("clinical", "external", "0.824"),
        ("mri", "external", "0.662"),
        ("combined", "external", "0.876 (0.728-1.000)"),
    ],
    columns=["model", "cohort", "published"],
)


def main() -> None:
    chosen = options(__file__, __doc__.splitlines()[0])
    cohort = draw(chosen, 180, centers=["A", "B", "C"], sequences=("t2", "dwi", "adc"), seed=2)
    add_volume(cohort, "image_t2", "mask_t2")
    result = run_study(__file__, chosen.folder, chosen.jobs, study=chosen.study, quickly=chosen.quick)

    table = with_best(honest(result, ["auc"], ["clinical", "mri", "combined"]), result, cohort.truth)
    table = table.assign(
        pooled=[_pooled(result.predictions, m, c) for m, c in zip(table["model"], table["cohort"], strict=True)]
    )
    show("AUC (95 % interval): ours on synthetic patients, the publication's on its own", table.merge(PUBLISHED))
    print("auc: in training of pairs within a fold; external DeLong. pooled: DeLong on the pooled folds, as published.")
    pairs = result.tables["delong"][["cohort", "model_a", "model_b", "difference", "ci_low", "ci_high", "p_adjusted"]]
    show("Differences", pairs[~pairs[["model_a", "model_b"]].isin(["volume"]).any(axis=1)])
    show("Calibration", result.tables["calibration"][["model", "cohort", "intercept", "slope", "brier"]])
    pictures(
        chosen.folder / "figures",
        "roc_training.png",
        "roc_external.png",
        "decision_curve_external.png",
        "calibration_external.png",
    )
    print(reading(result, cohort.truth, "mri"))


def _pooled(predictions: pd.DataFrame, model: str, cohort: str) -> str:
    """AUC of all folds ranked together with DeLong's interval, which forgets that the folds have different models."""
    own = predictions[(predictions["model"] == model) & (predictions["source"] == "out-of-fold")]
    if cohort != "training":
        return ""
    auc = stats.auc(own["y_true"], own["probability"])
    return f"{auc.auc:.3f} ({auc.ci_low:.3f}-{auc.ci_high:.3f})"


if __name__ == "__main__":
    main()
