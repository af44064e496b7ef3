"""Response of gastric cancer to neoadjuvant chemotherapy: deep, radiomics and clinical signatures in a nomogram; PFS.

    python examples/recipes/response.py [folder] [--patients 360] [--jobs 2]

In the style of EClinicalMedicine 2022 (doi 10.1016/j.eclinm.2022.101348; 719 patients of four hospitals): each
signature alone, the nomogram of all, its calibration and net benefit in three external hospitals, and whether its
score, cut where training put it, separates progression-free survival. The cohort is synthetic and its truth known.
"""

from __future__ import annotations

from pathlib import Path

import pandas as pd
from _pictures import by_hospital, save
from _recipe import by_center, draw, honest, options, pictures, run_study, show
from _truth import reading, with_best

from radiokit import stats
from radiokit.datasets import Cohort
from radiokit.plotting import KaplanMeierDisplay
from radiokit.survival import CoxModel, as_target


def main() -> None:
    chosen = options(__file__, __doc__.splitlines()[0])
    cohort = draw(chosen, 360, centers=["A", "B", "C", "D"], seed=7)
    result = run_study(__file__, chosen.folder, chosen.jobs, study=chosen.study, quickly=chosen.quick)
    center, figures = cohort.cases["center"], chosen.folder / "figures"

    table = honest(result, ["auc", "calibration_slope", "brier"])
    show("Each signature and the nomogram (combined)", with_best(table, result, cohort.truth))
    hospitals = by_center(result, center)
    hospitals = hospitals[hospitals["model"] != "volume"]
    show("Each hospital, at the cut-off locked in training", with_best(hospitals, result, cohort.truth, center))
    show("The nomogram", result.tables["nomogram"].drop(columns="model"))
    by_hospital(result, center, ["clinical", "radiomics", "deep", "combined"], chosen.folder)
    survival(result.predictions, cohort, figures / "pfs.png")
    pictures(
        figures, "nomogram_combined.png", "calibration_by_hospital.png", "decision_curves_by_hospital.png", "pfs.png"
    )
    print(reading(result, cohort.truth, "deep"))


def survival(predictions: pd.DataFrame, cohort: Cohort, curves: Path) -> None:
    """Progression-free survival of the groups that the nomogram makes in the external hospitals."""
    external = predictions[(predictions["cohort"] == "external") & (predictions["model"] == "combined")]
    external = external.set_index("case_id")
    followed = cohort.cases.loc[external.index]
    y = as_target(followed["event"], followed["time"])
    groups = external["risk_group"].to_numpy()
    if len(set(groups)) == 1:
        print(f"\nAll {len(groups)} external patients are at {groups[0]} risk: no curves to compare.")
        return

    show("Median progression-free survival (months), external", stats.median_survival(y, groups=groups))
    test = stats.logrank_test(y, groups)
    print(f"log-rank test: chi-squared {test.statistic:.2f}, p = {test.p_value:.2g}")
    design = pd.DataFrame(
        {"high risk": groups == "high", "age": followed["age"], "stage III": followed["stage"] == "III"}
    )
    show("Cox model", CoxModel().fit(design.astype(float), y).summary_.reset_index())
    found, true = (
        stats.concordance_index(y, risk)
        for risk in (external["probability"], cohort.truth.cases.loc[external.index, "log_hazard"])
    )
    reached = f"{found.estimate:.3f} ({found.ci_low:.3f}-{found.ci_high:.3f})"
    print(f"C-index of the nomogram for progression {reached} of {true.estimate:.3f} possible")
    save(KaplanMeierDisplay.from_predictions(y, groups, time_unit="months").plot(), curves)


if __name__ == "__main__":
    main()
