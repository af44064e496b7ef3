"""What the recipes share: options, a cohort, a study file run beside its case table, and tables on the screen."""

from __future__ import annotations

import argparse
import shutil
from pathlib import Path
from typing import Any

import pandas as pd
import yaml

from radiokit import stats
from radiokit.datasets import Cohort, make_cohort
from radiokit.features import RadiomicsExtractor
from radiokit.study import Study, StudyResult

# What a small network can find in a hundred patients: strong effects, and a dark core that grows with heterogeneity.
PLANTED = {"effect": 1.5, "necrosis": 80.0, "second_lesions": 0.0}


def options(recipe: str, description: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("folder", nargs="?", default=f"{Path(recipe).stem}-study", type=Path)
    parser.add_argument("--patients", type=int, help="size of the cohort (default: the recipe's)")
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument(
        "--quick", action="store_true", help="see it run: few patients, one epoch, two folds; its numbers mean nothing"
    )
    parser.add_argument("--study", type=Path, help="another study file than the recipe's")
    return parser.parse_args()


def draw(chosen: argparse.Namespace, patients: int, *, seed: int, **planted: Any) -> Cohort:
    """Draw the cohort into the folder."""
    planted = {**PLANTED, "folder": chosen.folder, **planted}
    n = chosen.patients or (patients // 4 if chosen.quick else patients)
    return make_cohort(n, random_state=seed, n_jobs=chosen.jobs, progress=True, **planted)


def add_volume(cohort: Cohort, image: str, mask: str) -> None:
    """Measure every tumour: a network that finds only the large ones would look good otherwise."""
    cases = cohort.cases[[image, mask]].set_axis(["image", "mask"], axis=1)
    shape = RadiomicsExtractor(families=["shape"]).extract(cases).features
    table = pd.read_csv(cohort.folder / "cases.csv", index_col="case_id")
    table["volume"] = shape["original_shape_MeshVolume"].round(1)
    table.to_csv(cohort.folder / "cases.csv")


def run_study(recipe: str, folder: Path, jobs: int, *, study: Path | None = None, quickly: bool = False) -> StudyResult:
    """Run a study file on the case table in `folder`; write tables, figures, models and report there."""
    source, study_file = study or Path(recipe).with_suffix(".yaml"), folder / "study.yaml"
    if quickly:
        study_file.write_text(yaml.safe_dump(quick(yaml.safe_load(source.read_text())), sort_keys=False))
    else:
        shutil.copy(source, study_file)
    result = Study.from_yaml(study_file).run(n_jobs=jobs, cache=folder / "cache", progress=True)
    result.save(folder)
    print(f"report: {result.report(folder / 'report.html').absolute()}")
    return result


def quick(study: dict[str, Any]) -> dict[str, Any]:
    """Return the same study with as little work as it can do."""
    for signature in study["signatures"].values():
        if "deep" in signature:
            signature["deep"]["training"]["epochs"] = 1
    return {**study, "options": {**study["options"], "folds": 2, "repeats": 1, "bootstraps": 0, "subsamples": 1}}


def show(title: str, table: pd.DataFrame) -> None:
    print(f"\n{title}")
    print(table.to_string(index=False, float_format="{:.3g}".format, na_rep=""))


def pictures(folder: Path, *names: str) -> None:
    """Print where the figures lie that a publication would show."""
    print(f"\nfigures in {folder.absolute()}: {', '.join(n for n in names if (folder / n).is_file())}")


def with_interval(table: pd.DataFrame) -> pd.Series:
    """`estimate (ci_low-ci_high)`, as papers print it."""
    return table.apply(lambda r: f"{r['estimate']:.3f} ({r['ci_low']:.3f}-{r['ci_high']:.3f})", axis=1)


def honest(result: StudyResult, metrics: list[str], models: list[str] | None = None) -> pd.DataFrame:
    """One row for each model and cohort, one column for each metric: cross-validated in training, frozen elsewhere."""
    table = result.tables["performance"]
    table = table[table["metric"].isin(metrics) & ~table["source"].isin(["train", "optimism-corrected"])]
    table = table[table["ci_low"].notna()]
    if models is not None:
        table = table[table["model"].isin(models)]
    table = table.assign(value=with_interval(table))
    wide = table.pivot_table(index=["model", "cohort"], columns="metric", values="value", aggfunc="first", sort=False)
    return wide[[m for m in metrics if m in wide]].reset_index()


def by_center(result: StudyResult, center: pd.Series) -> pd.DataFrame:
    """AUC of each external hospital, and sensitivity and specificity at the threshold that training set."""
    external = result.predictions[result.predictions["cohort"] == "external"]
    rows = []
    for (name, model), part in external.groupby([external["case_id"].map(center), "model"], sort=False):
        y, p, threshold = part["y_true"], part["probability"], float(part["threshold"].iloc[0])
        auc = stats.auc(y, p)
        at = stats.threshold_metrics(y, p, threshold)
        at.loc["auc", ["estimate", "ci_low", "ci_high"]] = [auc.auc, auc.ci_low, auc.ci_high]
        kept = ["auc", "sensitivity", "specificity"]
        rows.append(
            {"center": name, "model": model, "n": len(part), "cut-off": threshold, **with_interval(at.loc[kept])}
        )
    return pd.DataFrame(rows).sort_values("center", kind="stable")
