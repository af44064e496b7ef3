"""Soft-tissue sarcoma: lung metastasis from CT, PET and MR, beside age, sex, grade and site.

    RADIOKIT_DATA=/path/to/data python examples/recipes/sarcoma.py [folder] [--sequences CT PET MR_T1] [--jobs 2]

`RADIOKIT_DATA` holds `sts/`: the public Soft-tissue-Sarcoma collection (CC BY 3.0; Vallieres 2015, doi
10.1088/0031-9155/60/14/5471) with masks of the tumour. Prints where the report lies, and what it says in four lines.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import yaml

from radiokit.datasets import fetch_sarcoma
from radiokit.exceptions import FileError
from radiokit.study import Study


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", nargs="?", default="sarcoma-study", type=Path)
    parser.add_argument("--sequences", nargs="+", default=["CT", "PET", "MR_T1"])
    parser.add_argument("--jobs", type=int, default=2)
    options = parser.parse_args()
    try:
        cases = fetch_sarcoma(sequences=options.sequences)
    except FileError as error:
        sys.exit(str(error))
    options.folder.mkdir(parents=True, exist_ok=True)
    cases.to_csv(options.folder / "cases.csv")
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
