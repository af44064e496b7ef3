"""Occult peritoneal metastasis of gastric cancer: a network on CT against clinical factors, in two external hospitals.

    python examples/recipes/peritoneal.py [folder] [--patients 320] [--jobs 2]

In the style of JAMA Network Open 2021 (doi 10.1001/jamanetworkopen.2020.32269): a signature learnt in one hospital, its
cut-off locked there, sensitivity and specificity in two others, its independence of the clinical factors, and what
decisions by it are worth. The cohort is synthetic: its truth is known, and the numbers are not the publication's.
"""

from __future__ import annotations

import pandas as pd
from _recipe import by_center, honest, options, run_study, show

from radiokit.datasets import make_cohort

PUBLISHED = "published: AUC 0.946 and 0.920 in the external hospitals, clinical factors 0.51-0.63"


def main() -> None:
    chosen = options(__file__, __doc__.splitlines()[0])
    cohort = make_cohort(
        chosen.patients or 320,
        centers=["A", "B", "C", "D"],
        folder=chosen.folder,
        effect=1.5,
        necrosis=80.0,
        second_lesions=0.0,
        random_state=1,
        n_jobs=chosen.jobs,
        progress=True,
    )
    result = run_study(__file__, chosen.folder, chosen.jobs)

    show("Training (cross-validated) and external hospitals", honest(result, ["auc"]))
    print(PUBLISHED)
    show("Each hospital, at the cut-off locked in training", by_center(result, cohort.cases["center"]))
    multivariable = result.tables["multivariable"]
    show("Is the signature independent?", multivariable[multivariable["model"] == "combined"].drop(columns="model"))
    show("Net benefit: combined less clinical", _benefit(result.tables["decision_curve_difference"]))
    truth = cohort.truth
    print(f"\nplanted AUC {truth.planted_auc:.3f}; of the true probability by hospital:")
    print(truth.auc.to_string(float_format="{:.3f}".format))


def _benefit(difference: pd.DataFrame) -> pd.DataFrame:
    chosen = difference["model_a"].eq("combined") & difference["model_b"].eq("clinical")
    return difference.loc[chosen, ["cohort", "threshold", "difference", "ci_low", "ci_high"]]


if __name__ == "__main__":
    main()
