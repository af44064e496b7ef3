"""Speed of the statistics beside the usual way in Python, with equality printed.

    python benchmarks/bench_stats.py [--json FILE] [--only NAME ...]

A peer that is not installed (`pip install pingouin neuroCombat lifelines`) is left out and said so. Where a peer needs
minutes it runs on a part of the work, which is said in brackets, and its time is scaled up.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import json
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import pandas as pd

from radiokit import stats


@dataclass
class Row:
    task: str
    ours_s: float
    peer: str
    peer_s: float
    peer_did: str
    largest_difference: float

    @property
    def ratio(self) -> float:
        return self.peer_s / self.ours_s


def best_of(function: Callable[[], Any], repeats: int = 3) -> tuple[float, Any]:
    """Shortest wall time of a few runs, and the last result."""
    times, result = [], None
    for _ in range(repeats):
        start = time.perf_counter()
        result = function()
        times.append(time.perf_counter() - start)
    return min(times), result


def scores(n: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    y = rng.random(n) < 0.3
    a = np.round(rng.normal(size=n) + y, 4)
    return y, a, np.round(0.5 * a + rng.normal(size=n), 4)


def textbook_delong(y: np.ndarray, a: np.ndarray, b: np.ndarray) -> float:
    """z of the paired test from all pairs of positive and negative cases: O(m n) time and memory."""
    placements = []
    for score in (a, b):
        psi = (np.sign(score[y][:, None] - score[~y][None, :]) + 1) / 2
        placements.append((psi.mean(axis=1), psi.mean(axis=0)))
    (va, wa), (vb, wb) = placements
    variance = (va - vb).var(ddof=1) / va.size + (wa - wb).var(ddof=1) / wa.size
    return (va.mean() - vb.mean()) / np.sqrt(variance)


def delong() -> Iterator[Row]:
    y, a, b = scores(1_000_000)
    seconds, _ = best_of(lambda: stats.auc(y, a))
    yield Row(
        "AUC with DeLong interval, 1,000,000 cases", seconds, "", float("nan"), "no peer at this size", float("nan")
    )
    seconds, _ = best_of(lambda: stats.delong_test(y, a, b))
    yield Row("paired DeLong test, 1,000,000 cases", seconds, "", float("nan"), "no peer at this size", float("nan"))
    y, a, b = scores(8_000)
    seconds, ours = best_of(lambda: stats.delong_test(y, a, b))
    peer_seconds, theirs = best_of(lambda: textbook_delong(y, a, b), repeats=1)
    gap = abs(ours.statistic - theirs)
    yield Row("paired DeLong test, 8,000 cases", seconds, "numpy, all pairs", peer_seconds, "all", gap)


def icc() -> Iterator[Row]:
    n_features, part = 2_000, 50
    rng = np.random.default_rng(0)
    truth = rng.normal(size=(30, 1, n_features))
    cube = truth + rng.normal(size=(30, 3, n_features)) * rng.uniform(0.1, 2, size=n_features)
    task = f"ICC(2,1) with interval, {n_features:,} features, 30 subjects, 3 raters"
    seconds, ours = best_of(lambda: stats.icc(cube, form="ICC(2,1)"))
    try:
        import pingouin
    except ImportError:
        yield Row(task, seconds, "pingouin", float("nan"), "not installed", float("nan"))
        return
    subject, rater = (grid.ravel() for grid in np.indices((30, 3)))

    def loop() -> np.ndarray:
        values = []
        for j in range(part):
            long = pd.DataFrame({"subject": subject, "rater": rater, "value": cube[:, :, j].ravel()})
            table = pingouin.intraclass_corr(long, targets="subject", raters="rater", ratings="value")
            values.append(float(table["ICC"].iloc[1]))
        return np.array(values)

    peer_seconds, theirs = best_of(loop, repeats=1)
    gap = float(np.abs(ours["icc"].to_numpy()[:part] - theirs).max())
    scale = n_features / part
    yield Row(task, seconds, f"pingouin {pingouin.__version__}, a loop", peer_seconds * scale, f"{part} features", gap)


def decision() -> Iterator[Row]:
    y, a, _ = scores(100_000)
    p = 1 / (1 + np.exp(-a))
    thresholds = np.arange(1, 100) / 100

    def loop() -> np.ndarray:
        return np.array([((p >= t) & y).mean() - ((p >= t) & ~y).mean() * t / (1 - t) for t in thresholds])

    seconds, table = best_of(lambda: stats.decision_curve(y, {"m": p}))
    peer_seconds, theirs = best_of(loop)
    gap = float(np.abs(table.loc[table["model"] == "m", "net_benefit"].to_numpy() - theirs).max())
    yield Row("decision curve, 100,000 cases, 99 thresholds", seconds, "numpy, a loop", peer_seconds, "all", gap)


def survival_cases(n: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    risk = rng.normal(size=n)
    y = np.empty(n, dtype=[("event", bool), ("time", float)])
    y["event"], y["time"] = rng.random(n) < 0.6, np.round(rng.exponential(np.exp(-0.5 * risk)), 3) + 0.001
    return y, np.round(risk, 3)


def cox() -> Iterator[Row]:
    from lifelines import CoxPHFitter, __version__

    n_features, part = 2_000, 20
    y, _ = survival_cases(200)
    X = pd.DataFrame(np.random.default_rng(1).normal(size=(200, n_features))).add_prefix("f")

    def loop() -> np.ndarray:
        frames = (X[[name]].assign(time=y["time"], event=y["event"]) for name in X.columns[:part])
        options = {"fit_options": {"precision": 1e-10}}
        return np.array([CoxPHFitter().fit(f, "time", "event", **options).params_.iloc[0] for f in frames])

    seconds, ours = best_of(lambda: stats.cox_univariable(X, y))
    peer_seconds, theirs = best_of(loop, repeats=1)
    gap = float(np.abs(ours["coef"].to_numpy()[:part] - theirs).max())
    task = f"univariable Cox, {n_features:,} features, 200 cases"
    yield Row(
        task, seconds, f"lifelines {__version__}, a loop", peer_seconds * n_features / part, f"{part} features", gap
    )


def concordance() -> Iterator[Row]:
    from lifelines import __version__
    from lifelines.utils import concordance_index

    y, risk = survival_cases(20_000)
    stats.concordance_index(y[:100], risk[:100])
    seconds, ours = best_of(lambda: stats.concordance_index(y, risk))
    peer_seconds, theirs = best_of(lambda: concordance_index(y["time"], -risk, y["event"]), repeats=1)
    task = "C-index with standard error, 20,000 cases"
    yield Row(task, seconds, f"lifelines {__version__}, without", peer_seconds, "all", abs(ours.estimate - theirs))


def maxstat() -> Iterator[Row]:
    from radiokit.stats._maxstat import logrank_scores
    from radiokit.survival import optimal_cutpoint

    n, part, permutations = 300, 5, 1_000
    y, risk = survival_cases(n)
    y["time"] += 1e-6 * np.arange(n)
    low = risk[:, None] <= np.unique(risk)[None, :]
    low = low[:, (low.mean(axis=0) >= 0.1) & (low.mean(axis=0) <= 0.9)]

    def largest(scores: np.ndarray) -> float:
        found = []
        for group in low.T:
            m, sd = group.sum(), scores.std(ddof=1)
            found.append(abs(scores[group].sum() - m * scores.mean()) / (sd * np.sqrt(m * (n - m) / n)))
        return max(found)

    def loop() -> float:
        rng, scores = np.random.default_rng(0), logrank_scores(y["time"], y["event"])
        for _ in range(part):
            largest(rng.permutation(scores))
        return largest(scores)

    seconds, ours = best_of(
        lambda: optimal_cutpoint(y, risk, method="permutation", n_permutations=permutations, random_state=0)
    )
    peer_seconds, theirs = best_of(loop, repeats=1)
    task = f"maximally selected log-rank statistic, {n} cases, {permutations:,} permutations"
    scale = permutations / (part + 1)
    yield Row(
        task, seconds, "numpy, a loop", peer_seconds * scale, f"{part} permutations", abs(ours.statistic - theirs)
    )


def combat() -> Iterator[Row]:
    from radiokit.harmonization import ComBat

    rng = np.random.default_rng(0)
    n, n_features, n_centers = 400, 2_000, 5
    center, age = rng.integers(0, n_centers, n), rng.normal(60, 9, n)
    shift, scale = rng.normal(size=(n_centers, n_features)), rng.uniform(0.5, 2, size=(n_centers, n_features))
    values = rng.normal(size=(n, n_features)) * scale[center] + shift[center] + 0.02 * age[:, None]
    X = pd.DataFrame(values).add_prefix("f").assign(center=center.astype(str), age=age)
    model = ComBat(batch="center", covariates=["age"]).set_output(transform="pandas")
    seconds, ours = best_of(lambda: model.fit(X).transform(X))
    task = f"ComBat, {n_features:,} features, {n} cases, {n_centers} centres"
    try:
        from neuroCombat import neuroCombat
    except ImportError:
        yield Row(task, seconds, "neuroCombat", float("nan"), "not installed", float("nan"))
        return
    covariates = pd.DataFrame({"center": center, "age": age})

    def peer() -> np.ndarray:
        with contextlib.redirect_stdout(io.StringIO()):
            return neuroCombat(values.T, covariates, "center", continuous_cols=["age"])["data"].T

    peer_seconds, theirs = best_of(peer, repeats=1)
    gap = float(np.abs(ours[[f"f{j}" for j in range(n_features)]].to_numpy() - theirs).max())
    yield Row(task, seconds, "neuroCombat (stops at 1e-4)", peer_seconds, "all", gap)


def optimism() -> Iterator[Row]:
    from sklearn.linear_model import LogisticRegression
    from sklearn.metrics import brier_score_loss, roc_auc_score
    from sklearn.utils import resample

    from radiokit.models import LogisticModel
    from radiokit.validation import optimism_bootstrap

    rng = np.random.default_rng(0)
    n, n_bootstraps, part = 300, 500, 50
    X = rng.normal(size=(n, 6))
    y = (rng.random(n) < 1 / (1 + np.exp(-X[:, 0]))).astype(int)

    def measure(model: LogisticRegression, X: np.ndarray, y: np.ndarray) -> np.ndarray:
        p = model.predict_proba(X)[:, 1]
        return np.array([roc_auc_score(y, p), brier_score_loss(y, p)])

    def loop() -> np.ndarray:
        plain = LogisticRegression(C=np.inf, tol=1e-10, max_iter=1000)
        for seed in range(part):
            A, b = resample(X, y, random_state=seed)
            fitted = plain.fit(A, b)
            measure(fitted, A, b) - measure(fitted, X, y)
        return measure(plain.fit(X, y), X, y)

    run = lambda: optimism_bootstrap(LogisticModel(), X, y, n_bootstraps=n_bootstraps, random_state=0, n_jobs=1)  # noqa: E731
    seconds, table = best_of(run, repeats=1)
    peer_seconds, theirs = best_of(loop, repeats=1)
    ours = table.set_index("metric")["apparent"]
    gap = float(np.abs([ours["auc"] - theirs[0], ours["brier"] - theirs[1]]).max())
    task = f"bootstrap optimism, {n_bootstraps} resamples, {n} cases, {len(table)} metrics"
    yield Row(
        task, seconds, "scikit-learn, a loop, 2 metrics", peer_seconds * n_bootstraps / part, f"{part} resamples", gap
    )


TASKS = {
    "delong": delong,
    "icc": icc,
    "decision": decision,
    "cox": cox,
    "concordance": concordance,
    "maxstat": maxstat,
    "combat": combat,
    "optimism": optimism,
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", help="also write the rows to this file")
    parser.add_argument("--only", nargs="+", choices=TASKS, default=list(TASKS), metavar="NAME")
    options = parser.parse_args()
    rows = []
    for name in options.only:
        for row in TASKS[name]():
            rows.append({**asdict(row), "ratio": row.ratio})
            print(f"{row.task}\n    ours {row.ours_s:.4g} s", end="")
            if np.isnan(row.peer_s):
                print(f"; {row.peer_did}")
            else:
                print(
                    f"; {row.peer} {row.peer_s:.4g} s ({row.peer_did}); {row.ratio:.0f} times; "
                    f"largest difference {row.largest_difference:.1e}"
                )
    if options.json:
        with open(options.json, "w", encoding="utf-8") as file:
            json.dump(rows, file, indent=1)


if __name__ == "__main__":
    main()
