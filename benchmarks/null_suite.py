"""Cohorts of noise through every kind of study: what a study says of them must be chance, and said as chance.

No feature, age or centre has to do with the outcome, so the truth of every number is known: an AUC and a C-index are
0.5, a calibration slope is 0, a hazard ratio is 1, and p-values are uniform. Each kind of study (pipeline, calibration,
endpoint, split, harmonization) is run on some tens of small cohorts, and each of its facts is judged:

- the mean may lie 3 standard errors from the truth (by Student's t, as the standard error is estimated);
- intervals may miss the truth, p-values may fall below 0.05, and a claim may be "supported", each in 5 % of cohorts;
  more is a failure where it would happen less than once in 741 times (the tail beyond 3 standard errors of a normal
  distribution), by the binomial distribution. An interval that is too wide is no failure.

Some 400 facts are judged, so that now and then one of them is beyond 3 standard errors by chance. A kind with such a
fact is run on three times as many cohorts; what is beyond 3 standard errors there, too, is a failure.

Two kinds are no noise: the centre tells the outcome, and the features do not beyond it. There the AUC of new patients
of the same centres is truly above 0.5, so that only what is said within centres is judged, and the verdicts.
"""

from __future__ import annotations

import warnings
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from cohort_store import run_cohorts
from scipy import stats as distributions
from sklearn.pipeline import make_pipeline

from radiokit.datasets import FeatureTable, make_feature_table
from radiokit.harmonization import ComBat
from radiokit.models import signature_pipeline
from radiokit.study import Study
from radiokit.validation import leave_one_center_out, nested_cv, optimism_bootstrap

TAIL = distributions.norm.sf(3)
CONFIRM = 3
SMALL = {"folds": 5, "repeats": 1, "bootstraps": 0, "subsamples": 1}
CLINICAL = {"clinical": ["age"]}
RANDOM = {"split": {"random": 0.3}}
BY_CENTER = {"split": {"leave_one_center_out": True}, "center": "center"}
CLAIMS = {
    "It separates patients better than chance": "better than chance",
    "It is better than the clinical model": "better than clinical",
    "It holds in other centres": "holds in other centres",
    "Its probabilities are well calibrated": "probabilities",
}


@dataclass(frozen=True)
class Null:
    """A kind of study of noise: its options, the arguments of `Study`, and how its cohorts are drawn."""

    name: str
    options: dict[str, Any] = field(default_factory=dict)
    study: dict[str, Any] = field(default_factory=dict)
    survival: bool = False
    n: int = 80
    n_features: int = 20
    centers: int = 1
    telling: bool = False
    quick: bool = False
    direct: Callable[[FeatureTable, int], Iterator[dict[str, Any]]] | None = None


def draw(kind: Null, seed: int) -> FeatureTable:
    """Features without effect; where the centre tells the outcome, its share differs between centres."""
    own = zlib.crc32(kind.name.encode())  # no two kinds share their cohorts: one stroke of luck is one failure
    rng = np.random.default_rng([own, seed])
    table = make_feature_table(
        kind.n, n_features=kind.n_features, n_informative=0, centers=kind.centers, random_state=rng
    )
    if kind.telling:
        number = table.center.str.removeprefix("center_").astype(int)
        chance = np.where(number % 2 == 1, 0.3, 0.7)
        table.y[:] = (rng.random(kind.n) < chance).astype(int)
    return table


def judge(seed: int, kind: Null) -> list[dict[str, Any]]:
    """Facts that a study of this kind tells of one cohort."""
    table = draw(kind, seed)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        facts = list(kind.direct(table, seed) if kind.direct else _study_facts(kind, table, seed))
    return [{"kind": kind.name, "seed": seed, **fact} for fact in facts]


def _study_facts(kind: Null, table: FeatureTable, seed: int) -> Iterator[dict[str, Any]]:
    age = 60 + 9 * np.random.default_rng([seed, 1]).standard_normal(len(table.X))
    cohort = np.where(np.arange(len(table.X)) % 3 == 0, "test", "train")
    survival = {"event": table.survival["event"].astype(int), "time": table.survival["time"]}
    cases = pd.DataFrame({"outcome": table.y, **survival, "age": age, "center": table.center, "cohort": cohort})
    endpoint: dict[str, Any] = (
        {"outcome": None, "survival": {"event": "event", "time": "time"}} if kind.survival else {"outcome": "outcome"}
    )
    study = Study(
        cases,
        signatures={"radiomics": table.X},
        options=SMALL | kind.options,
        random_state=seed,
        **endpoint,
        **kind.study,
    )
    tables = study.run(n_jobs=1).tables
    model = tables["conclusions"]["model"].iloc[0]
    yield from _performance(tables["performance"].query("model == @model"), kind)
    yield from _survival(tables, model)
    yield from _p_values(tables, model)
    for row in tables["conclusions"].itertuples():
        if row.claim in CLAIMS:
            yield {"fact": f"claim: {CLAIMS[row.claim]}", "happened": row.verdict == "supported"}


def _performance(table: pd.DataFrame, kind: Null) -> Iterator[dict[str, Any]]:
    """AUC or C-index of the headline model by source, and slopes of calibration; pooled folds are only printed."""
    truths = {"auc": 0.5, "auc_fold_mean": 0.5, "c_index": 0.5, "c_index_fold_mean": 0.5, "calibration_slope": 0.0}
    for row in table[table["source"] != "train"].itertuples():
        across_centers = kind.telling and not kind.study.get("split", {}).get("leave_one_center_out")
        if row.metric in truths and not across_centers:
            fact = _fact(f"{row.metric}, {row.source}", row.estimate, truths[row.metric], row.ci_low, row.ci_high)
            # The mean of a slope is that of a ratio of two small numbers: it has no moments worth a test.
            yield fact | ({"estimate": np.nan} if row.metric == "calibration_slope" else {})


def _survival(tables: dict[str, pd.DataFrame], model: str) -> Iterator[dict[str, Any]]:
    """Hazard ratio of the risk groups (as its logarithm) and time-dependent AUC."""
    for row in _of(tables, "hazard_ratio", model):
        numbers = np.log([row.hazard_ratio, row.ci_low, row.ci_high])
        yield _fact(f"log hazard ratio, {row.source}", numbers[0], 0.0, numbers[1], numbers[2])
    for row in _of(tables, "time_auc", model):
        yield _fact(f"time-dependent AUC, {row.source}", row.auc, 0.5, row.ci_low, row.ci_high)


def _p_values(tables: dict[str, pd.DataFrame], model: str) -> Iterator[dict[str, Any]]:
    """One p-value a cohort of each table: those of several features are not independent."""
    for row in _of(tables, "logrank", model):
        yield {"fact": f"log-rank test, {row.source}", "p_value": float(row.p_value)}
    if "delong" in tables:
        for row in tables["delong"].query("model_a == 'clinical' or model_b == 'clinical'").itertuples():
            if model in (row.model_a, row.model_b):
                yield {"fact": f"DeLong's test against clinical, {row.source}", "p_value": float(row.p_value)}
    for name, column in (("univariable", "p_value"), ("subgroups", "interaction_p_value")):
        table = tables.get(name, pd.DataFrame(columns=[column]))
        for value in table[column].dropna().head(1):
            yield {"fact": f"{name} table, {column.replace('_', ' ')}", "p_value": float(value)}


def _of(tables: dict[str, pd.DataFrame], name: str, model: str) -> Iterator[Any]:
    if name in tables:
        yield from tables[name].query("model == @model").itertuples()


def _fact(name: str, estimate: float, truth: float, low: float, high: float) -> dict[str, Any]:
    return {
        "fact": name, "estimate": float(estimate), "truth": truth, "ci_low": float(low), "ci_high": float(high)
    }  # fmt: skip


def _harmonized(table: FeatureTable, seed: int, *, by_center: bool = False, **options: Any) -> Iterator[dict[str, Any]]:
    """ComBat within the cross-validation, then the default pipeline."""
    X = table.X.assign(center=table.center)
    estimator = make_pipeline(ComBat(batch="center", unseen="estimate", **options), signature_pipeline("ridge"))
    if by_center:
        found = leave_one_center_out(estimator, X, table.y, table.center, random_state=seed).summary
    else:
        found = nested_cv(estimator, X, table.y, random_state=seed).summary
    for row in found[found["metric"].isin(["auc", "auc_fold_mean"])].itertuples():
        yield _fact(row.metric, row.estimate, 0.5, row.ci_low, row.ci_high)


def _optimism(table: FeatureTable, seed: int) -> Iterator[dict[str, Any]]:
    """The .632+ estimate of the whole pipeline; its mean is known to lie up to 0.01 above 0.5 (docs/study.md)."""
    auc = optimism_bootstrap(signature_pipeline("ridge"), table.X, table.y, n_bootstraps=25, random_state=seed)
    row = auc.set_index("metric").loc["auc"]
    yield _fact("auc, .632+", row["corrected_632plus"], 0.5, row["ci_low"], row["ci_high"])


BINARY = ("default", "lasso", "elastic_net", "logistic", "svm_linear", "svm_rbf", "forest", "xgboost")
SURVIVAL = ("default", "lasso", "elastic_net", "xgboost", "xgboost_aft")
QUICK = ("default", "lasso")
NULLS = [
    *(Null(f"binary, {p}", {"pipeline": p}, RANDOM, quick=p in QUICK) for p in BINARY),
    Null("binary, beside a clinical model", {}, RANDOM | CLINICAL),
    Null("binary, logistic, balanced", {"pipeline": "logistic", "class_weight": "balanced"}, RANDOM),
    *(Null(f"calibration, {c}", {"calibration": c}, RANDOM, quick=c == "platt") for c in ("platt", "beta", "isotonic")),
    *(Null(f"survival, {p}", {"pipeline": p}, RANDOM, survival=True, quick=p in QUICK) for p in SURVIVAL),
    Null("survival, beside a clinical model", {}, RANDOM | CLINICAL, survival=True),
    Null("survival, slope learnt", {"calibration": "platt"}, RANDOM, survival=True),
    Null("split, cross-validation"),
    Null("split, cross-validation repeated 3 times", {"repeats": 3}),
    Null("split, column", {}, {"split": {"column": "cohort"}}),
    Null("split, external centre", {}, {"split": {"external": ["center_2"]}, "center": "center"}, centers=3, n=120),
    Null("split, one centre out", {}, BY_CENTER, centers=4, n=120, quick=True),
    Null("split, one centre out, survival", {}, BY_CENTER, survival=True, centers=4, n=120),
    Null("split, one centre out, centre tells the outcome", {}, BY_CENTER, centers=4, n=120, telling=True),
    Null("split, random, centre tells the outcome", {}, RANDOM | {"center": "center"}, centers=4, n=120, telling=True),
    Null("ComBat, random folds", centers=4, n=120, direct=_harmonized, quick=True),
    Null("ComBat, one centre out", centers=4, n=120, direct=partial(_harmonized, by_center=True)),
    Null("ComBat, mean with n", centers=4, n=120, direct=partial(_harmonized, mean_only="with_n")),
    Null("optimism bootstrap", direct=_optimism),
]  # fmt: skip


def run_null(kind: Null, cohorts: int, *, cache: Path | None, n_jobs: int | None) -> pd.DataFrame:
    """Run a kind on cohorts of noise and judge; one row for each fact."""

    def judged_over(n: int) -> pd.DataFrame:
        table = summarise(run_cohorts(f"null_suite {kind.name}", partial(judge, kind=kind), range(n), cache, n_jobs))
        text = table.drop(columns="kind").round(3).to_string(index=False, na_rep="")
        print(f"\n{kind.name}, {n} cohorts\n{text}", flush=True)
        return table

    table = judged_over(cohorts)
    doubtful = table.loc[table["beyond 3 SE"] != "", "fact"]
    if not doubtful.empty:
        table = judged_over(CONFIRM * cohorts)
        table.loc[~table["fact"].isin(doubtful), "beyond 3 SE"] = ""
    return table


def summarise(rows: pd.DataFrame) -> pd.DataFrame:
    """Mean, coverage and share of p-values below 0.05 of each fact, and what is beyond 3 standard errors."""
    columns = ["estimate", "truth", "ci_low", "ci_high", "p_value", "happened"]
    rows = rows.reindex(columns=[*rows.columns, *(c for c in columns if c not in rows)])
    found = [
        {"kind": kind, "fact": fact, **judged(part)}
        for (kind, fact), part in rows.groupby(["kind", "fact"], sort=False)
    ]
    return pd.DataFrame(found)


def judged(part: pd.DataFrame) -> dict[str, Any]:
    """One fact over all cohorts."""
    estimate, truth = part["estimate"].dropna().astype(float), part["truth"].dropna().astype(float)
    with_interval = part.dropna(subset=["ci_low", "ci_high", "truth"])
    misses = (with_interval["ci_low"] > with_interval["truth"]) | (with_interval["ci_high"] < with_interval["truth"])
    p_values, happened = part["p_value"].dropna(), part["happened"].dropna().astype(bool)
    se = estimate.std() / np.sqrt(len(estimate)) if len(estimate) > 1 else np.nan
    away = (estimate.mean() - truth.iloc[0]) / max(se, 1e-9) if len(estimate) > 1 else 0.0
    wrong = [f"mean {away:+.1f} SE"] if distributions.t.sf(abs(away), max(len(estimate) - 1, 1)) < TAIL else []
    wrong += [
        name
        for name, count, n in (
            ("coverage", misses.sum(), len(misses)),
            ("p < 0.05", (p_values < 0.05).sum(), len(p_values)),
            ("supported", happened.sum(), len(happened)),
        )
        if n and distributions.binom.sf(count - 1, n, 0.05) < TAIL
    ]
    return {
        "cohorts": part["seed"].nunique(),
        "mean": estimate.mean(),
        "se": se,
        "coverage": 1 - misses.mean() if len(misses) else np.nan,
        "p<0.05": (p_values < 0.05).mean() if len(p_values) else np.nan,
        "supported": happened.mean() if len(happened) else np.nan,
        "beyond 3 SE": ", ".join(wrong),
    }
