"""What the recipes share: options, a study file run beside its case table, and tables on the screen."""

from __future__ import annotations

import argparse
import shutil
from pathlib import Path

import pandas as pd

from radiokit import stats
from radiokit.study import Study, StudyResult


def options(recipe: str, description: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("folder", nargs="?", default=f"{Path(recipe).stem}-study", type=Path)
    parser.add_argument("--patients", type=int, help="size of the cohort (default: the recipe's)")
    parser.add_argument("--jobs", type=int, default=2)
    return parser.parse_args()


def run_study(recipe: str, folder: Path, jobs: int) -> StudyResult:
    """Run the recipe's YAML on the case table in `folder`; write tables, models and report there."""
    study_file = Path(shutil.copy(Path(recipe).with_suffix(".yaml"), folder / "study.yaml"))
    result = Study.from_yaml(study_file).run(n_jobs=jobs, cache=folder / "cache", progress=True)
    result.save(folder)
    print(f"report: {result.report(folder / 'report.html').absolute()}")
    return result


def show(title: str, table: pd.DataFrame) -> None:
    print(f"\n{title}")
    print(table.to_string(index=False, float_format="{:.3g}".format))


def with_interval(table: pd.DataFrame) -> pd.Series:
    """`estimate (ci_low-ci_high)`, as papers print it."""
    return table.apply(lambda r: f"{r['estimate']:.3f} ({r['ci_low']:.3f}-{r['ci_high']:.3f})", axis=1)


def honest(result: StudyResult, metrics: list[str], models: list[str] | None = None) -> pd.DataFrame:
    """A row a model and cohort, a column a metric: cross-validated in training, frozen elsewhere."""
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
    for (model, name), part in external.groupby(["model", external["case_id"].map(center)], sort=False):
        y, p, threshold = part["y_true"], part["probability"], float(part["threshold"].iloc[0])
        auc = stats.auc(y, p)
        at = stats.threshold_metrics(y, p, threshold)
        at.loc["auc", ["estimate", "ci_low", "ci_high"]] = [auc.auc, auc.ci_low, auc.ci_high]
        kept = ["auc", "sensitivity", "specificity"]
        rows.append({"model": model, "center": name, "n": len(part), **with_interval(at.loc[kept]).to_dict()})
    return pd.DataFrame(rows)
