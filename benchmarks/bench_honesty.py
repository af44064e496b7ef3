"""Are the numbers honest? Cohorts without and with a signal, whose true AUC is known, through every validation method.

    python benchmarks/bench_honesty.py [--quick] [--cohorts 40] [--cache FOLDER] [--json FILE] [--n-jobs 2]
    python benchmarks/bench_honesty.py --part intervals [--cohorts 200] [--only NAME ...]
    python benchmarks/bench_honesty.py --part intervals --brief --cohorts 4000 --first-seed 10000 --only "null n=60 50%"

The first form is the null suite (null_suite.py): every kind of study on noise; exit 1 where a fact is beyond 3 standard
errors. The second measures the intervals of every validation method: each cohort has 1,000 correlated features and goes
through the pipeline most papers use, ten features by F, then logistic regression. "True" is the AUC, in 4,000 new
cases, of the model built on the whole cohort. An interval covers where it holds that AUC ("covers model"), or the mean
AUC over such cohorts ("covers mean"), which is 0.5 where there is no signal. `--brief` looks at nested and repeated
cross-validation only. Finished cohorts are kept in the cache: a run that was killed goes on where it was.
"""

from __future__ import annotations

import argparse
import warnings
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import lru_cache, partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from cohort_store import run_cohorts
from null_suite import NULLS, run_null
from numpy.typing import NDArray
from records import Accuracy, Record, once, parser, report
from scipy.special import expit
from sklearn.base import BaseEstimator, ClassifierMixin, clone

from radiokit import stats
from radiokit.models import default_pipeline
from radiokit.validation import Predictions, compare_models, leave_one_center_out, nested_cv, optimism_bootstrap
from radiokit.validation.metrics import rank_auc

BLOCK, CORRELATION = 20, 0.7
POOL = 4000
RARER = 6  # fewer of the rarer outcome cannot be dealt to five folds


@dataclass(frozen=True)
class Scenario:
    """A kind of cohort: size, share with the outcome, strength of two features and of a clinical value, centres."""

    name: str
    n: int = 60
    prevalence: float = 0.5
    effect: float = 0.0
    clinical: float = 0.0
    n_features: int = 1000
    centers: int = 1
    bootstraps: int = 25
    pipeline: str = "ten best"
    brief: bool = False


SIZES = ((60, 0.5), (100, 0.5), (150, 0.5), (100, 0.2), (150, 0.2))
NULL = [Scenario(f"null n={n} {share:.0%}", n, share) for n, share in SIZES]
PLANTED = [replace(s, name=s.name.replace("null", "planted"), effect=1.0, clinical=0.5) for s in NULL]
SCENARIOS = [
    *NULL,
    *PLANTED,
    Scenario("null n=60 default pipeline", pipeline="default", bootstraps=0),
    Scenario("planted n=100 default pipeline", 100, effect=1.0, clinical=0.5, pipeline="default", bootstraps=0),
    Scenario("planted n=100 ten features", 100, effect=0.6, clinical=0.5, n_features=10),
    Scenario("null n=120 6 centres", 120, centers=6, bootstraps=0),
    Scenario("planted n=120 6 centres", 120, effect=1.0, clinical=0.5, centers=6, bootstraps=0),
]


@dataclass(frozen=True)
class Cohort:
    """Cases with the first column clinical; centres shift and scale the others."""

    X: NDArray[np.float64]
    y: NDArray[np.bool_]
    center: NDArray[np.intp]


def draw(scenario: Scenario, n: int, centers: int, rng: np.random.Generator) -> Cohort:
    """Cases of a scenario."""
    p = scenario.n_features
    blocks = -(-p // BLOCK)
    common = np.repeat(rng.standard_normal((n, blocks)), BLOCK, axis=1)[:, :p]
    values = np.sqrt(CORRELATION) * common + np.sqrt(1 - CORRELATION) * rng.standard_normal((n, p))
    age = rng.standard_normal(n)
    second = min(BLOCK, p - 1)
    lp = scenario.effect * (values[:, 0] - values[:, second]) + scenario.clinical * age
    y = rng.random(n) < expit(lp + _intercept(scenario))
    center = np.arange(n) % centers
    if scenario.centers > 1:
        shift, scale = 0.5 * rng.standard_normal((centers, p)), np.exp(0.2 * rng.standard_normal((centers, p)))
        values = values * scale[center] + shift[center]
    return Cohort(np.column_stack([age, values]), y, center)


@lru_cache
def _intercept(scenario: Scenario) -> float:
    """Log-odds at the mean that give the prevalence, for a normal linear predictor."""
    same = scenario.n_features <= BLOCK
    spread = np.sqrt(scenario.effect**2 * 2 * (1 - CORRELATION * same) + scenario.clinical**2)
    lp = spread * np.random.default_rng(0).standard_normal(100_000)
    low, high = -10.0, 10.0
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if expit(lp + middle).mean() < scenario.prevalence else (low, middle)
    return low


@lru_cache(maxsize=2)
def pool(scenario: Scenario) -> Cohort:
    """New cases, from new centres."""
    return draw(scenario, POOL, 20 if scenario.centers > 1 else 1, np.random.default_rng(10_000))


class TenBest(ClassifierMixin, BaseEstimator):
    """Ten features by F, standardised, then logistic regression with a small ridge penalty; plain arrays, for speed."""

    def fit(self, X: Any, y: Any) -> TenBest:
        values, positive = np.asarray(X, dtype=float), np.asarray(y, dtype=bool)
        self.classes_ = np.unique(y)
        self.chosen_ = best(values, positive)
        used = values[:, self.chosen_]
        self.center_, self.scale_ = used.mean(axis=0), used.std(axis=0)
        self.coef_ = ridge_logistic((used - self.center_) / self.scale_, positive)
        return self

    def predict_proba(self, X: Any) -> NDArray[np.float64]:
        used = (np.asarray(X, dtype=float)[:, self.chosen_] - self.center_) / self.scale_
        p = expit(self.coef_[0] + used @ self.coef_[1:])
        return np.column_stack([1 - p, p])


def best(values: NDArray[np.float64], y: NDArray[np.bool_], k: int = 10) -> NDArray[np.intp]:
    """The k columns of largest F, which for two classes is the squared t."""
    a, b = values[y], values[~y]
    within = a.var(axis=0) * len(a) + b.var(axis=0) * len(b)
    return np.argsort(-np.abs(a.mean(axis=0) - b.mean(axis=0)) / np.sqrt(within), kind="stable")[:k]


def ridge_logistic(x: NDArray[np.float64], y: NDArray[np.bool_], penalty: float = 10.0) -> NDArray[np.float64]:
    """Intercept and coefficients by Newton's method; scikit-learn's C = 1/penalty."""
    design = np.column_stack([np.ones(len(x)), x])
    ridge = np.diag([0.0] + [penalty] * x.shape[1])
    beta = np.zeros(design.shape[1])
    for _ in range(8):
        p = expit(design @ beta)
        hessian = (design.T * (p * (1 - p))) @ design + ridge
        beta = beta + np.linalg.solve(hessian, design.T @ (y - p) - ridge @ beta)
    return beta


def pipeline(scenario: Scenario) -> BaseEstimator:
    """The pipeline under test."""
    return default_pipeline(random_state=0) if scenario.pipeline == "default" else TenBest()


class ClinicalOnly(TenBest):
    """The clinical value, the first column, alone."""

    def fit(self, X: Any, y: Any) -> ClinicalOnly:
        self.classes_, self.chosen_ = np.unique(y), np.array([0])
        self.center_, self.scale_ = np.zeros(1), np.ones(1)
        self.coef_ = ridge_logistic(np.asarray(X, dtype=float)[:, :1], np.asarray(y, dtype=bool), penalty=1.0)
        return self


def true_auc(model: Any, scenario: Scenario) -> float:
    """AUC in new cases; the mean over new centres where there are several."""
    new = pool(scenario)
    score = model.predict_proba(new.X)[:, 1]
    parts = [new.center == c for c in np.unique(new.center)]
    return float(np.mean([rank_auc(new.y[rows], score[rows]) for rows in parts]))


def judge(seed: int, scenario: Scenario) -> list[dict[str, Any]]:
    """Every method on one cohort."""
    rng = np.random.default_rng([seed, 77])
    cohort = draw(scenario, scenario.n, scenario.centers, rng)
    while min(cohort.y.sum(), (~cohort.y).sum()) < RARER:
        cohort = draw(scenario, scenario.n, scenario.centers, rng)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model = clone(pipeline(scenario)).fit(cohort.X, cohort.y.astype(int))
        truth = true_auc(model, scenario)
        rows = [*_cross_validated(cohort, scenario, seed)]
        if not scenario.brief:
            rows += [*_validated(cohort, scenario, seed), *_external(model, cohort, scenario, rng)]
    return [{"scenario": scenario.name, "seed": seed, "truth": truth, **row} for row in rows]


def _cross_validated(cohort: Cohort, scenario: Scenario, seed: int) -> Iterator[dict[str, Any]]:
    for name, repeats in (("nested CV", 1), ("repeated CV (5)", 5)):
        cv = nested_cv(pipeline(scenario), cohort.X, cohort.y, repeats=repeats, random_state=seed)
        for row in cv.summary.head(3).itertuples():
            kind = {"auc": "", "auc_fold_mean": ", fold mean", "auc_pooled": ", pooled"}[row.metric]
            yield _row(f"{name}{kind}", row.estimate, row.ci_low, row.ci_high)
        if repeats == 1 and not scenario.brief:
            yield _given_models(cv.predictions)
            baseline = nested_cv(ClinicalOnly(), cohort.X, cohort.y, random_state=seed)
            yield _compared("test of the difference, out-of-fold", cv.predictions, baseline.predictions)


def _validated(cohort: Cohort, scenario: Scenario, seed: int) -> Iterator[dict[str, Any]]:
    estimator = pipeline(scenario)
    if scenario.centers > 1:
        row = leave_one_center_out(estimator, cohort.X, cohort.y, cohort.center, random_state=seed).summary.iloc[0]
        yield _row("leave one centre out", row.estimate, row.ci_low, row.ci_high)
    if scenario.bootstraps:
        table = optimism_bootstrap(
            estimator, cohort.X, cohort.y, n_bootstraps=scenario.bootstraps, random_state=seed
        ).set_index("metric")
        auc = table.loc["auc"]
        yield _row("optimism bootstrap (Harrell)", auc["corrected"])
        yield _row("bootstrap .632+", auc["corrected_632plus"], auc["ci_low"], auc["ci_high"])
        yield _row("apparent", auc["apparent"])
    if scenario.pipeline != "default" and scenario.n_features > 10:
        yield _naive(cohort, seed)


def _given_models(p: Predictions) -> dict[str, Any]:
    """DeLong's interval on pooled out-of-fold scores, as many papers print it."""
    auc = stats.auc(p.y_true, p.probability)
    return _row("DeLong on pooled folds", auc.auc, auc.ci_low, auc.ci_high)


def _naive(cohort: Cohort, seed: int) -> dict[str, Any]:
    """Selection on all cases, cross-validation after it: the mistake."""
    chosen = cohort.X[:, best(cohort.X, cohort.y)]
    auc = nested_cv(TenBest(), chosen, cohort.y, random_state=seed).summary.iloc[0]
    return _row("naive: selection outside the CV", auc["estimate"], auc["ci_low"], auc["ci_high"])


def _external(model: Any, cohort: Cohort, scenario: Scenario, rng: np.random.Generator) -> Iterator[dict[str, Any]]:
    """As many new cases as the cohort has: DeLong's interval, and his test against the clinical model."""
    if scenario.centers > 1:
        return
    new = pool(scenario)
    rows = rng.choice(POOL, scenario.n, replace=False)
    baseline = ClinicalOnly().fit(cohort.X, cohort.y.astype(int))
    made = [
        Predictions(new.y[rows], probability=m.predict_proba(new.X[rows])[:, 1], source="test")
        for m in (model, baseline)
    ]
    auc = stats.auc(new.y[rows], made[0].probability)
    yield _row("new cases, DeLong", auc.auc, auc.ci_low, auc.ci_high)
    difference = true_auc(model, scenario) - true_auc(baseline, scenario)
    yield {**_compared("DeLong's test, new cases", *made), "truth": difference}


def _row(method: str, estimate: float, low: float = np.nan, high: float = np.nan) -> dict[str, Any]:
    return {"method": method, "estimate": float(estimate), "ci_low": float(low), "ci_high": float(high)}


def _compared(method: str, a: Predictions, b: Predictions) -> dict[str, Any]:
    test = compare_models({"a": a, "b": b}).iloc[0]
    return {**_row(method, test["difference"], test["ci_low"], test["ci_high"]), "p_value": float(test["p_value"])}


def simulate(scenario: Scenario, seeds: range, cache: Path | None, n_jobs: int | None) -> pd.DataFrame:
    """Rows of all cohorts of a scenario."""
    name = scenario.name + " brief" * scenario.brief
    return run_cohorts(name, partial(judge, scenario=scenario), seeds, cache, n_jobs)


def summarise(rows: pd.DataFrame) -> pd.DataFrame:
    """One row a method: mean, coverage of the interval with its Monte Carlo error, width, share of p-values < 0.05."""
    found = []
    for (scenario, method), part in rows.groupby(["scenario", "method"], sort=False):
        truth = part["truth"]
        if "null" in scenario and "new cases" not in method:  # what 4,000 cases say of a model is known less well
            truth = 0 * truth + (0.0 if "test" in method else 0.5)
        if "out-of-fold" in method:
            truth = truth * np.nan if "null" not in scenario else truth
        low, high = part["ci_low"], part["ci_high"]
        known = low.notna() & truth.notna()
        mean = truth.mean()
        covers = ((low <= truth) & (truth <= high))[known].mean() if known.any() else np.nan
        found.append(
            {
                "scenario": scenario,
                "method": method,
                "cohorts": len(part),
                "true": mean,
                "mean": part["estimate"].mean(),
                "mean_se": part["estimate"].std() / np.sqrt(len(part)),
                "covers_model": covers,
                "covers_se": np.sqrt(covers * (1 - covers) / known.sum()) if known.any() else np.nan,
                "covers_mean": ((low <= mean) & (mean <= high))[known].mean() if known.any() else np.nan,
                "too_low": (high < truth)[known].mean() if known.any() else np.nan,
                "width": (high - low).mean(),
                "rejected": (p < 0.05).mean() if (p := part.get("p_value", low * np.nan)).notna().any() else np.nan,
            }
        )
    return pd.DataFrame(found)


def intervals(arguments: argparse.Namespace) -> None:
    """Every validation method on cohorts whose truth is known."""
    chosen = [s for s in SCENARIOS if not arguments.only or any(word in s.name for word in arguments.only)]
    tables = []
    seeds = range(arguments.first_seed, arguments.first_seed + (arguments.cohorts or 200))
    for scenario in chosen:
        asked = replace(scenario, brief=arguments.brief)
        table = summarise(simulate(asked, seeds, arguments.cache, arguments.n_jobs))
        tables.append(table)
        print(f"\n{scenario.name}: true AUC {table['true'].iloc[0]:.3f}", flush=True)
        print(table.drop(columns=["scenario", "true"]).round(3).to_string(index=False), flush=True)
    if arguments.json and tables:
        arguments.json.write_text(pd.concat(tables).to_json(orient="records", indent=1), encoding="utf-8")


def nulls(arguments: argparse.Namespace) -> Iterator[Record]:
    """Every kind of study on noise; how many facts are beyond 3 standard errors, which must be none."""
    words = arguments.only
    kinds = [k for k in NULLS if not words or any(word in k.name for word in words)]
    kinds = [k for k in kinds if k.quick or not arguments.quick]
    cohorts = arguments.cohorts or (12 if arguments.quick else 40)
    tables = []
    for kind in kinds:
        timing, table = once(partial(run_null, kind, cohorts, cache=arguments.cache, n_jobs=arguments.n_jobs))
        tables.append(table)
        wrong = float((table["beyond 3 SE"] != "").sum())
        yield Record(
            f"null suite: {kind.name}, {cohorts} cohorts", timing, Accuracy("facts beyond 3 SE", wrong, 0.0, 0.0)
        )
    whole = pd.concat(tables, ignore_index=True)
    wrong = whole[whole["beyond 3 SE"] != ""]
    print(f"\n{len(whole)} facts of {len(kinds)} kinds of study on {cohorts} null cohorts each, ", end="")
    print(f"{len(wrong)} beyond 3 standard errors", flush=True)
    for row in wrong.itertuples(index=False):
        print(f"  {row.kind}: {row.fact}: {row[-1]}")
    if arguments.json:
        arguments.json.write_text(whole.to_json(orient="records", indent=1), encoding="utf-8")


def main() -> None:
    made = parser(__doc__)
    made.add_argument("--part", choices=["nulls", "intervals"], default="nulls")
    made.add_argument("--cohorts", type=int, help="default: 40 of the null suite, 200 of the intervals")
    made.add_argument("--first-seed", type=int, default=0)
    made.add_argument("--brief", action="store_true", help="intervals: nested and repeated cross-validation only")
    made.add_argument("--cache", type=Path)
    made.add_argument("--json", type=Path)
    made.add_argument("--n-jobs", type=int, default=1)
    made.add_argument("--only", nargs="+", help="kinds of study, or scenarios, whose name holds one of these words")
    arguments = made.parse_args()
    if arguments.part == "intervals":
        intervals(arguments)
    else:
        report(nulls(arguments), arguments.records)


if __name__ == "__main__":
    main()
