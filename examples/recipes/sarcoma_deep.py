"""Soft-tissue sarcoma: a residual network on CT, PET and MR as channels, beside radiomics and the volume alone.

    RADIOKIT_DATA=/path/to/data python examples/recipes/sarcoma_deep.py [folder] [--jobs 2] [--quick]

The network of the recipe `rectal` on real images: the data of the recipe `sarcoma` (34 patients, 13 lung metastases).
Prints the AUC of each model with its interval, cross-validated by patient in the same folds, and the differences.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from _recipe import honest, run_study, show

from radiokit.datasets import fetch_sarcoma
from radiokit.exceptions import FileError


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", nargs="?", default="sarcoma-deep-study", type=Path)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--quick", action="store_true", help="only to see that everything runs")
    options = parser.parse_args()
    try:
        cases = fetch_sarcoma()
    except FileError as error:
        sys.exit(str(error))
    options.folder.mkdir(parents=True, exist_ok=True)
    cases.to_csv(options.folder / "cases.csv")
    result = run_study(__file__, options.folder, options.jobs, quickly=options.quick)

    show("AUC (95 % interval), out of fold", honest(result, ["auc"]))
    pairs = result.tables["delong"]
    show("Differences", pairs[["model_a", "model_b", "difference", "ci_low", "ci_high", "p_adjusted"]])
    for warning in result.warnings:
        print("-", warning)


if __name__ == "__main__":
    main()
