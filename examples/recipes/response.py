"""Response of gastric cancer to neoadjuvant chemotherapy: deep, radiomics and clinical signatures in a nomogram; PFS.

    python examples/recipes/response.py [folder] [--patients 360] [--jobs 2]

In the style of EClinicalMedicine 2022 (doi 10.1016/j.eclinm.2022.101348; 719 patients of four hospitals): each
signature alone, the nomogram of all, its calibration and net benefit in three external hospitals, and whether its
score, cut where training put it, separates progression-free survival. The cohort is synthetic and its truth known.
"""

from __future__ import annotations

from pathlib import Path

import pandas as pd
from _recipe import by_center, honest, options, run_study, show

from radiokit import stats
from radiokit.datasets import make_cohort
from radiokit.plotting import KaplanMeierDisplay
from radiokit.survival import CoxModel, as_target


def main() -> None:
    chosen = options(__file__, __doc__.splitlines()[0])
    cohort = make_cohort(
        chosen.patients or 360,
        centers=["A", "B", "C", "D"],
        folder=chosen.folder,
        effect=1.5,
        necrosis=80.0,
        second_lesions=0.0,
        random_state=7,
        n_jobs=chosen.jobs,
        progress=True,
    )
    result = run_study(__file__, chosen.folder, chosen.jobs)

    show("Each signature and the nomogram", honest(result, ["auc", "calibration_slope", "brier"]))
    show("Each hospital, at the cut-off locked in training", by_center(result, cohort.cases["center"]))
    show("The nomogram", result.tables["nomogram"])
    survival(result.predictions, cohort.cases, chosen.folder)
    print(f"\nplanted AUC {cohort.truth.planted_auc:.3f}")


def survival(predictions: pd.DataFrame, cases: pd.DataFrame, folder: Path) -> None:
    """Progression-free survival of the groups that the nomogram makes in the external hospitals."""
    external = predictions[(predictions["cohort"] == "external") & (predictions["model"] == "combined")]
    external = external.set_index("case_id")
    followed = cases.loc[external.index]
    y = as_target(followed["event"], followed["time"])
    groups = external["risk_group"].to_numpy()

    show("Median progression-free survival (months), external", stats.median_survival(y, groups=groups))
    test = stats.logrank_test(y, groups)
    print(f"log-rank test: chi-squared {test.statistic:.2f}, p = {test.p_value:.2g}")
    design = pd.DataFrame(
        {"high risk": groups == "high", "age": followed["age"], "stage III": followed["stage"] == "III"}
    )
    show("Cox model", CoxModel().fit(design.astype(float), y).summary_.reset_index())
    display = KaplanMeierDisplay.from_predictions(y, groups, time_unit="months").plot()
    display.figure_.savefig(folder / "pfs.png", dpi=150, bbox_inches="tight")
    print(f"curves: {(folder / 'pfs.png').absolute()}")


if __name__ == "__main__":
    main()
