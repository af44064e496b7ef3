"""Liver-tumour ablation: clinical, tumour and imaging features; a model selected, frozen, and used on new patients.

    python examples/recipes/ablation.py [folder] [--patients 150] [--jobs 2]

A synthetic cohort whose truth is known stands for the hospital's. The study writes `combined.rk`; with
it `radiokit predict` gives each new patient a probability, which is compared with what happened to them later.
"""

from __future__ import annotations

import pandas as pd
from _recipe import honest, options, run_study, show, with_interval

from radiokit import stats
from radiokit.cli import main as radiokit
from radiokit.datasets import make_cohort


def main() -> None:
    chosen = options(__file__, __doc__.splitlines()[0])
    folder = chosen.folder
    drawn = {"centers": ["clinic"], "second_lesions": 0.0, "n_jobs": chosen.jobs, "progress": True}
    cohort = make_cohort(chosen.patients or 150, folder=folder, random_state=3, **drawn)
    result = run_study(__file__, folder, chosen.jobs)

    show("How well the models do", honest(result, ["auc", "sensitivity", "specificity"]))
    show("Features that were selected", result.tables["selected"][["model", "feature", "coef", "selection_frequency"]])
    multivariable = result.tables["multivariable"]
    show("What the combined model weighs", multivariable[multivariable["model"] == "combined"])
    truth = cohort.truth
    print(f"\nplanted AUC {truth.planted_auc:.3f}; in these very patients {truth.auc['auc']['all']:.3f}")

    new = make_cohort(60, folder=folder / "new-patients", random_state=4, **drawn)
    print("\n$ radiokit predict combined.rk new-patients/cases.csv -o new-patients/predictions.csv")
    case_table, predictions = folder / "new-patients" / "cases.csv", folder / "new-patients" / "predictions.csv"
    if radiokit(["predict", str(folder / "combined.rk"), str(case_table), "-o", str(predictions)]):
        raise SystemExit("the frozen model could not be applied")
    predicted = pd.read_csv(predictions, index_col="case_id")
    show("The first of them", predicted.head(5).reset_index())

    happened = new.cases["outcome"].reindex(predicted.index).astype(int)
    threshold = float(predicted["threshold"].iloc[0])
    at = stats.threshold_metrics(happened, predicted["probability"], threshold).loc[["sensitivity", "specificity"]]
    auc = stats.auc(happened, predicted["probability"])
    print(f"\nA year later: AUC {auc.auc:.3f} ({auc.ci_low:.3f}-{auc.ci_high:.3f}) in {len(happened)} new patients")
    at["value"] = with_interval(at)
    show(f"At the threshold learnt in training ({threshold:.3f})", at[["value"]].reset_index())


if __name__ == "__main__":
    main()
