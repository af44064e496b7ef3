"""Soft-tissue sarcoma: lung metastasis from CT, PET and MR, beside age, sex, grade and site.

    RADIOKIT_DATA=/path/to/data python examples/recipes/sarcoma.py [folder] [--sequences CT PET MR_T1] [--jobs 2]

`RADIOKIT_DATA` holds `sts/`: the public Soft-tissue-Sarcoma collection (CC BY 3.0; Vallieres 2015, doi
10.1088/0031-9155/60/14/5471) with masks of the tumour. Prints where the report lies, and what it says in four lines.
"""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

import pandas as pd
import yaml

from radiokit.study import Study

DAYS_A_MONTH = 30.4375
GRADES = {"Low": 1, "Intermediate": 2, "High": 3}


def case_table(data: Path, sequences: list[str]) -> pd.DataFrame:
    """One row a patient: images, masks, what was known at diagnosis, and what happened."""
    outcomes = pd.read_csv(data / "outcomes.csv").set_index("patient_id")
    cases = pd.DataFrame(index=outcomes.index.rename("case_id"))
    cases["patient_id"] = outcomes.index
    for sequence in sequences:
        for part in ("image", "mask"):
            cases[f"{part}_{sequence}"] = [
                str(data / "cropped" / patient / f"{sequence}_{part}.nii.gz") for patient in outcomes.index
            ]
    cases["age"] = outcomes["age_years"]
    cases["sex"] = outcomes["sex"]
    cases["grade"] = outcomes["grade"].map(GRADES)
    cases["site"] = outcomes["site"].str.contains("thigh").map({True: "thigh", False: "other"})
    cases["lung_mets"] = cases["lung_mets_event"] = outcomes["lung_mets"]
    cases["months"] = outcomes["lung_mets_time_days"] / DAYS_A_MONTH
    return cases


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", nargs="?", default="sarcoma-study", type=Path)
    parser.add_argument("--sequences", nargs="+", default=["CT", "PET", "MR_T1"])
    parser.add_argument("--jobs", type=int, default=2)
    options = parser.parse_args()
    if "RADIOKIT_DATA" not in os.environ:
        sys.exit("Set RADIOKIT_DATA to the folder that holds sts/.")
    data = Path(os.environ["RADIOKIT_DATA"]).absolute() / "sts"
    options.folder.mkdir(parents=True, exist_ok=True)
    case_table(data, options.sequences).to_csv(options.folder / "cases.csv")
    recipe = yaml.safe_load(Path(__file__).with_suffix(".yaml").read_text())
    recipe["signatures"] = {name: recipe["signatures"][name] for name in options.sequences}
    study_file = options.folder / "study.yaml"
    study_file.write_text(yaml.safe_dump(recipe, sort_keys=False))

    result = Study.from_yaml(study_file).run(n_jobs=options.jobs, cache=options.folder / "cache", progress=True)
    result.save(options.folder)
    report = result.report(options.folder / "report.html")
    table = result.tables["performance"]
    honest = table["source"].isin(["out-of-fold", "optimism-corrected"]) & table["metric"].isin(["auc", "c_index"])
    print(table.loc[honest, ["model", "source", "metric", "estimate", "ci_low", "ci_high"]].to_string(index=False))
    for warning in result.warnings:
        print("-", warning)
    print(f"report: {report.absolute()}")


if __name__ == "__main__":
    main()
