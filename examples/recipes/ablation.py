"""Liver-tumour ablation: clinical, tumour and imaging features; a model selected, frozen, and used on new patients.

    python examples/recipes/ablation.py [folder] [--patients 150] [--jobs 2]

A synthetic cohort whose truth is known stands for the hospital's. The study writes `combined.rk`; with
it `radiokit predict` gives each new patient a probability, which is compared with what happened to them later.
"""

from __future__ import annotations

from pathlib import Path

import pandas as pd
from _pictures import save
from _recipe import draw, honest, options, pictures, run_study, show, with_interval
from _truth import best_possible, parts, reading, with_best

from radiokit import stats
from radiokit.cli import main as radiokit
from radiokit.datasets import Cohort
from radiokit.plotting import CalibrationDisplay, RocDisplay

PLANTED = {"centers": ["clinic"], "effect": 1.0, "necrosis": 0.0}  # texture and form, which features measure


def main() -> None:
    chosen = options(__file__, __doc__.splitlines()[0])
    folder = chosen.folder
    cohort = draw(chosen, 150, seed=3, **PLANTED)
    result = run_study(__file__, chosen.folder, chosen.jobs, study=chosen.study, quickly=chosen.quick)

    table = honest(result, ["auc", "sensitivity", "specificity"])
    show("How well the models do: cross-validated, and in patients set aside", with_best(table, result, cohort.truth))
    selected = result.tables.get("selected", pd.DataFrame(columns=["model", "feature", "coef", "selection_frequency"]))
    show("Features that were selected", selected[["model", "feature", "coef", "selection_frequency"]])
    multivariable = result.tables["multivariable"]
    show("What the combined model weighs", multivariable[multivariable["model"] == "combined"].drop(columns="model"))
    print(reading(result, cohort.truth, "imaging", "test"))

    chosen.patients = chosen.patients and min(chosen.patients, 60)
    new = draw(chosen, 60, seed=4, folder=folder / "new-patients", **PLANTED)
    apply(folder / "combined.rk", new)
    names = ("roc_test.png", "decision_curve_test.png", "nomogram_combined.png", "new_roc.png", "new_calibration.png")
    pictures(folder / "figures", *names)


def apply(model: Path, new: Cohort) -> None:
    """Predict new patients by the frozen model, as another hospital would, and compare with what happened."""
    case_table, output = new.folder / "cases.csv", new.folder / "predictions.csv"
    print(f"\n$ radiokit predict {model} {case_table} -o {output}")
    if radiokit(["predict", str(model), str(case_table), "-o", str(output)]):
        raise SystemExit("the frozen model could not be applied")
    predicted = pd.read_csv(output, index_col="case_id")
    show("The first of them", predicted.iloc[:5, :5].reset_index())

    y = new.cases["outcome"].reindex(predicted.index).astype(int)
    p, threshold = predicted["probability"], float(predicted["threshold"].iloc[0])
    auc = stats.auc(y, p)
    best = best_possible("combined", y, parts(new.truth))
    print(
        f"\nWhat happened to the {len(y)} new patients ({y.sum()} with the outcome): "
        f"AUC {auc.auc:.3f} ({auc.ci_low:.3f}-{auc.ci_high:.3f}) of {best:.3f} possible"
    )
    at = stats.threshold_metrics(y, p, threshold).loc[["sensitivity", "specificity"]]
    at["value"] = with_interval(at)
    show(f"At the threshold learnt in training ({threshold:.3f})", at[["value"]].reset_index())
    figures = model.parent / "figures"
    roc = RocDisplay.from_predictions(y, {"combined": p}, thresholds={"combined": threshold})
    save(roc.plot(), figures / "new_roc.png")
    save(CalibrationDisplay.from_predictions(y, {"combined": p}, bins=4).plot(), figures / "new_calibration.png")


if __name__ == "__main__":
    main()
