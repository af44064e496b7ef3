"""Occult peritoneal metastasis of gastric cancer: a network on CT against clinical factors, in two external hospitals.

    python examples/recipes/peritoneal.py [folder] [--patients 320] [--jobs 2] [--study peritoneal_densenet.yaml]

In the style of JAMA Network Open 2021 (doi 10.1001/jamanetworkopen.2020.32269): a signature learnt in one hospital, its
cut-off locked there, sensitivity and specificity in two others, its independence of the clinical factors, and what
decisions by it are worth. The cohort is synthetic: its truth is known, and the numbers are not the publication's.
"""

from __future__ import annotations

import pandas as pd
from _pictures import by_hospital
from _recipe import add_volume, by_center, draw, honest, options, pictures, run_study, show
from _truth import reading, with_best

PUBLISHED = (
    "published, other patients: network 0.946 and 0.920 in the two external hospitals, clinical factors 0.51-0.63"
)


def main() -> None:
    chosen = options(__file__, __doc__.splitlines()[0])
    cohort = draw(chosen, 320, centers=["A", "B", "C", "D"], seed=1)
    add_volume(cohort, "image", "mask")
    result = run_study(__file__, chosen.folder, chosen.jobs, study=chosen.study, quickly=chosen.quick)
    center = cohort.cases["center"]

    show(
        "AUC: cross-validated in training, frozen in hospitals C and D",
        with_best(honest(result, ["auc"]), result, cohort.truth),
    )
    show(
        "Each hospital, at the cut-off locked in training",
        with_best(by_center(result, center), result, cohort.truth, center),
    )
    print(PUBLISHED)
    multivariable = result.tables["multivariable"]
    show("Is the signature independent?", multivariable[multivariable["model"] == "combined"].drop(columns="model"))
    show("Net benefit: combined less clinical", _benefit(result.tables["decision_curve_difference"]))
    by_hospital(result, center, ["clinical", "deep", "combined"], chosen.folder)
    pictures(
        chosen.folder / "figures", "roc_external.png", "decision_curves_by_hospital.png", "calibration_by_hospital.png"
    )
    print(reading(result, cohort.truth, "deep"))


def _benefit(difference: pd.DataFrame) -> pd.DataFrame:
    chosen = difference["model_a"].eq("combined") & difference["model_b"].eq("clinical")
    return difference.loc[chosen, ["cohort", "threshold", "difference", "ci_low", "ci_high"]]


if __name__ == "__main__":
    main()
